// Markdown as tokens for the components that draw it as nodes. Nothing here or there makes HTML from text.
import { lexer, type Token, type Tokens } from 'marked';
import { visibleText } from './visible-text.ts';

export const markdownTokens = (text: string): Token[] =>
  lexer(visibleText(text), { gfm: true, breaks: false });

/** The address a link may have: http, https or a path of this site. Undefined: show the text, make no link. */
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

/** Prose may hold the entities that HTML writers use; they become text, never markup. */
export const plainText = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);

export const childrenOf = (token: Token): Token[] => ('tokens' in token && token.tokens ? token.tokens : []);

/** An image is never fetched: what it would have shown, as words. */
export const imageText = (token: Tokens.Image): string => `[image${token.text ? `: ${token.text}` : ''}]`;
