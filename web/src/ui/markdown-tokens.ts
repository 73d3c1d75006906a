// Parses Markdown into tokens, within bounds: what nests too deep, is too long or has too many parts is not parsed, because the lexer would
// overflow the stack or hold the page for seconds. Text never becomes HTML.
import { Lexer, type Token, type TokensList } from 'marked';

/** No prose that a person reads is longer; the whole of it is shown as plain text. */
const TEXT_CAP = 64 * 1024;
/** Of one paragraph, cell or heading: in it the lexer can need time that grows with the square of the length. */
const INLINE_CAP = 8 * 1024;
/** The same holds for a single word: addresses are found in it by trial. Longer than any address that is tapped. */
const LONG_WORD = /\S{1024}/;
const DEEPEST = 24;
/** Each becomes at least one node of the page. */
const MOST_TOKENS = 6_000;

class TooMuch extends Error {}

class BoundedLexer extends Lexer {
  #depth = 0;
  #calls = 0;

  override blockTokens(src: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[];
  override blockTokens(src: string, tokens?: TokensList, lastParagraphClipped?: boolean): TokensList;
  override blockTokens(src: string, tokens: Token[] = [], lastParagraphClipped = false): Token[] {
    return this.#within(() => super.blockTokens(src, tokens, lastParagraphClipped));
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (src.length > INLINE_CAP || LONG_WORD.test(src)) {
      tokens.push({ type: 'verbatim', raw: src });
      return tokens;
    }
    return this.#within(() => super.inlineTokens(src, tokens));
  }

  #within<T>(read: () => T): T {
    this.#depth += 1;
    this.#calls += 1;
    if (this.#depth > DEEPEST || this.#calls > MOST_TOKENS) throw new TooMuch();
    try {
      return read();
    } finally {
      this.#depth -= 1;
    }
  }
}

export const childrenOf = (token: Token): Token[] => ('tokens' in token && token.tokens ? token.tokens : []);

/** Undefined: too much to be parsed, so it is to be shown as it is. */
export const markdownTokens = (text: string, cap = TEXT_CAP): Token[] | undefined => {
  if (text.length > cap) return undefined;
  try {
    return new BoundedLexer({ gfm: true, breaks: false }).lex(text);
  } catch {
    // Whatever the lexer stumbles over: the text itself is there.
    return undefined;
  }
};

/** The address of a link if it is http, https or a path of this site. Undefined: show the text without a link. */
export const safeHref = (href: string, base: string = location.href): string | undefined => {
  // Browsers ignore these inside a scheme: "java\nscript:".
  const trimmed = href.replace(/[\p{Cc}\s]/gu, '');
  if (trimmed === '') return undefined;
  try {
    const url = new URL(trimmed, base);
    return url.protocol === 'http:' || url.protocol === 'https:' ? trimmed : undefined;
  } catch {
    return undefined;
  }
};

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
};

/** HTML entities in prose become the characters that they stand for, never markup. */
export const plainText = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
