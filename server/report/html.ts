// A report as one HTML page without scripts, to read in a browser, to print or to attach. Its only style is the one below, so that a policy
// can name it by its hash.
import { createHash } from 'node:crypto';
import { escapedMarkup, visibleLine, visibleText } from '../../protocol/visible-text.ts';
import type { Block, ReportDocument } from './document.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}' +
  'table{border-collapse:collapse;width:100%}th,td{border:1px solid #bbb;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}' +
  'pre{background:#f3f3f3;padding:.75rem;white-space:pre-wrap;overflow-wrap:anywhere}';

/** Under it the page loads nothing and runs nothing, whatever is in it. */
export const REPORT_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export const toHtml = ({ title, sections }: ReportDocument): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${inline(title)}</title><style>${STYLE}</style></head>
<body><h1>${inline(title)}</h1>
${sections.map((section) => [`<h2>${inline(section.title)}</h2>`, ...section.blocks.map(blockOf)].join('\n')).join('\n')}
</body></html>
`;

function blockOf(block: Block): string {
  switch (block.type) {
    case 'sentence':
      return `<p>${inline(block.text)}</p>`;
    case 'heading':
      return `<h3>${inline(block.text)}</h3>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${inline(item)}</li>`).join('')}</ul>`;
    case 'table':
      return `<table><thead>${row('th', block.head)}</thead><tbody>${block.rows.map((cells) => row('td', cells)).join('')}</tbody></table>`;
    case 'verbatim':
      return `<pre>${escapedMarkup(visibleText(block.text))}</pre>`;
  }
}

const row = (cell: 'th' | 'td', cells: readonly string[]): string =>
  `<tr>${cells.map((text) => `<${cell}>${inline(text)}</${cell}>`).join('')}</tr>`;

const inline = (text: string): string => escapedMarkup(visibleLine(text));
