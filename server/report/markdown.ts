// A report as Markdown (CommonMark with the tables of GitHub). What a text contains is text there, too: it begins no markup, no link and
// no cell, and ends no block. https://spec.commonmark.org/0.31.2/ https://github.github.com/gfm/#tables-extension-
import { visibleLine, visibleText } from '../../protocol/visible-text.ts';
import type { Block, ReportDocument } from './document.ts';

export const toMarkdown = ({ title, sections }: ReportDocument): string =>
  `${[
    `# ${inline(title)}`,
    ...sections.flatMap((section) => [`## ${inline(section.title)}`, ...section.blocks.map(blockOf)]),
  ].join('\n\n')}\n`;

function blockOf(block: Block): string {
  switch (block.type) {
    case 'sentence':
      return inline(block.text);
    case 'heading':
      return `### ${inline(block.text)}`;
    case 'list':
      return block.items.map((item) => `- ${inline(item)}`).join('\n');
    case 'table':
      return [block.head, block.head.map(() => '---'), ...block.rows.map((row) => row.map(inline))]
        .map((cells) => `| ${cells.join(' | ')} |`)
        .join('\n');
    case 'verbatim':
      return fenced(block.text);
  }
}

/** A fence is closed only by one that is at least as long. */
function fenced(text: string): string {
  const visible = visibleText(text);
  const longest = Math.max(2, ...Array.from(visible.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${visible.replace(/\n$/, '')}\n${fence}`;
}

// What can begin something in the middle of a line: emphasis, code, a link, HTML, an entity, a cell, a link by itself.
const ACTIVE = /[\\`*_[\]<>|~&@$#]|:(?=\/\/)|(?<=www)\./gi;
// What can begin something at the front of a line: a heading, a list, a quote, a rule.
const FIRST = /^([+=-]|\d{1,9}(?=[.)](\s|$)))/;

/** On one line. A digit cannot be escaped, so what follows it is. */
function inline(text: string): string {
  const line = visibleLine(text).trim();
  const first = FIRST.exec(line)?.[0] ?? '';
  const rest = line.slice(first.length).replace(ACTIVE, '\\$&');
  if (first === '') return rest;
  return /\d/.test(first) ? `${first}\\${rest}` : `\\${first}${rest}`;
}
