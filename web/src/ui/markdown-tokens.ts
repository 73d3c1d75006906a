// Parses Markdown into tokens, which components draw as nodes. Text never becomes HTML.
import { lexer, type Token, type Tokens } from 'marked';
import { visibleText } from '../../../protocol/visible-text.ts';

export const markdownTokens = (text: string): Token[] =>
  lexer(visibleText(text), { gfm: true, breaks: false });

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

export const childrenOf = (token: Token): Token[] => ('tokens' in token && token.tokens ? token.tokens : []);

/** An image is never fetched; its description is shown instead. */
export const imageText = (token: Tokens.Image): string => `[image${token.text ? `: ${token.text}` : ''}]`;
