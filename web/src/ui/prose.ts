// Markdown as a tree that is drawn as it stands, and in which nothing that was written is missing: each block is compared with its source,
// and what the parser swallowed (a definition, a cell too many, an address that is no link) is shown as plain text. Pure.
import type { Token, Tokens } from 'marked';
import { visibleProse, visibleText } from '../../../protocol/visible-text.ts';
import { childrenOf, markdownTokens, plainText, safeHref } from './markdown-tokens.ts';
import { withNestedFences } from './nested-fences.ts';

export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'em' | 'del'; readonly children: readonly Inline[] }
  | { readonly kind: 'break' }
  | {
      readonly kind: 'link';
      readonly href: string;
      readonly children: readonly Inline[];
      /** What it was written as: the address is in it, too. */
      readonly source: string;
    };

export interface ListItem {
  /** `1` of `1.`; empty in a list without numbers. */
  readonly number: string;
  readonly ticked: boolean | undefined;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly kind: 'paragraph'; readonly children: readonly Inline[] }
  | { readonly kind: 'tight'; readonly children: readonly Inline[] }
  | { readonly kind: 'heading'; readonly level: number; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'quote'; readonly blocks: readonly Block[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly ListItem[] }
  | {
      readonly kind: 'table';
      readonly header: readonly (readonly Inline[])[];
      readonly rows: readonly (readonly (readonly Inline[])[])[];
    }
  | { readonly kind: 'rule' }
  /** As it was written. */
  | { readonly kind: 'plain'; readonly text: string };

/** Text that is being written is parsed again and again, up to this length. */
const RUNNING_CAP = 16 * 1024;

// Spaces, entities, and the marks that Markdown is made of: the rest of a text must be there when it is drawn.
const MARKS = /&(?:amp|lt|gt|quot|#39|nbsp);|[\s*_~`#>+=|:[\]()!<"'\\.&;-]/g;
const kept = (text: string): string => text.replace(MARKS, '').toLowerCase();

const plain = (text: string): Block => ({ kind: 'plain', text: visibleText(text).replace(/\n+$/, '') });
const words = (text: string): Inline => ({ kind: 'text', text });

const inlineText = (inline: Inline): string => {
  switch (inline.kind) {
    case 'text':
    case 'code':
      return inline.text;
    case 'break':
      return '\n';
    case 'link':
      return inline.source;
    case 'strong':
    case 'em':
    case 'del':
      return inline.children.map(inlineText).join('');
  }
};
const lineText = (inlines: readonly Inline[]): string => inlines.map(inlineText).join('');

/** All that a reader can get from a block, in the order of its source. */
export const blockText = (block: Block): string => {
  switch (block.kind) {
    case 'paragraph':
    case 'tight':
    case 'heading':
      return lineText(block.children);
    case 'code':
      return `${block.language}\n${block.text}`;
    case 'quote':
      return block.blocks.map(blockText).join('\n');
    case 'list':
      return block.items
        .map(
          ({ number, ticked, blocks }) =>
            `${number} ${ticked ? 'x' : ''} ${blocks.map(blockText).join('\n')}`,
        )
        .join('\n');
    case 'table':
      return [block.header, ...block.rows].map((row) => row.map(lineText).join(' ')).join('\n');
    case 'rule':
      return '';
    case 'plain':
      return block.text;
  }
};

/** A link that can be followed. Any other one, and one with more than words and an address, is shown as it was written. */
const linkOf = (token: Tokens.Link): Inline => {
  const href = safeHref(token.href, 'https://console.invalid/');
  const children = inlinesOf(childrenOf(token));
  const isWhole = kept(token.raw).startsWith(kept(lineText(children)));
  const isReference = /\]\[[^\]]*\]$/.test(token.raw);
  return href === undefined || !isWhole || token.title || isReference
    ? words(token.raw)
    : { kind: 'link', href, children, source: token.raw };
};

const inlineOf = (token: Token): readonly Inline[] => {
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return [{ kind: token.type, children: inlinesOf(childrenOf(token)) }];
    case 'codespan':
      return [{ kind: 'code', text: visibleText(token.text) }];
    case 'br':
      return [{ kind: 'break' }];
    case 'link':
      return [linkOf(token as Tokens.Link)];
    case 'text':
      return childrenOf(token).length > 0 ? inlinesOf(childrenOf(token)) : [words(plainText(token.text))];
    case 'escape':
      return [words(token.text)];
    case 'checkbox':
      return []; // Drawn with its item.
    default:
      return [words(token.raw)]; // Also an image: it is never fetched.
  }
};
const inlinesOf = (tokens: readonly Token[]): readonly Inline[] => tokens.flatMap(inlineOf);

const itemOf = (item: Tokens.ListItem): ListItem => ({
  number: /^\s*(\d+)[.)]/.exec(item.raw)?.[1] ?? '',
  ticked: item.task ? item.checked === true : undefined,
  blocks: blocksOf(item.tokens.filter(({ type }) => type !== 'checkbox')),
});

const drawn = (token: Token): Block => {
  switch (token.type) {
    case 'paragraph':
      return { kind: 'paragraph', children: inlinesOf(childrenOf(token)) };
    case 'text':
      return { kind: 'tight', children: inlinesOf([token]) };
    case 'heading':
      return { kind: 'heading', level: token.depth, children: inlinesOf(childrenOf(token)) };
    case 'code':
      return { kind: 'code', language: token.lang ?? '', text: visibleText(token.text) };
    case 'blockquote':
      return { kind: 'quote', blocks: blocksOf(childrenOf(token)) };
    case 'list':
      return { kind: 'list', ordered: token.ordered, items: token.items.map(itemOf) };
    case 'table': {
      const cells = (row: Tokens.TableCell[]) => row.map((cell) => inlinesOf(cell.tokens));
      return { kind: 'table', header: cells(token.header), rows: token.rows.map(cells) };
    }
    case 'hr':
      return { kind: 'rule' };
    default:
      return plain(token.raw);
  }
};

const blockOf = (token: Token): Block => {
  const block = drawn(token);
  return kept(visibleText(blockText(block))) === kept(visibleText(token.raw)) ? block : plain(token.raw);
};
const blocksOf = (tokens: readonly Token[]): readonly Block[] =>
  tokens.filter(({ type }) => type !== 'space').map(blockOf);

/** @param running it is still being written, and read again with each word */
export const proseOf = (written: string, running = false): readonly Block[] => {
  const text = visibleProse(written);
  const tokens = markdownTokens(withNestedFences(text), running ? RUNNING_CAP : undefined);
  if (tokens === undefined) return [plain(text)];
  const blocks = blocksOf(tokens);
  // The parser may also leave out whole blocks.
  const all = blocks.map(blockText).join('\n');
  return kept(visibleText(all)) === kept(visibleText(text)) ? blocks : [plain(text)];
};
