import type { Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { childrenOf, markdownTokens, plainText, safeHref } from './markdown-tokens.ts';

const BASE = 'https://console.example/';
const flatten = (tokens: Token[]): Token[] =>
  tokens.flatMap((token) => [token, ...flatten(childrenOf(token))]);

describe('safeHref', () => {
  it('takes http, https and paths of this site', () => {
    for (const href of ['https://example.org/a?b#c', 'http://10.0.0.1/', '/emergency', '#/power', 'docs/x'])
      expect(safeHref(href, BASE)).toBe(href);
  });

  it('refuses every other scheme, however it is dressed', () => {
    for (const href of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      ' javascript:alert(1)',
      'java\nscript:alert(1)',
      'java\tscript:alert(1)',
      '\u0001javascript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
      'blob:https://x/y',
      '',
    ])
      expect(safeHref(href, BASE)).toBeUndefined();
  });
});

describe('markdownTokens', () => {
  it('does not escape what becomes a text node anyway', () => {
    const code = flatten(markdownTokens('`a < b && c`') ?? []).find((token) => token.type === 'codespan');
    expect(code).toMatchObject({ text: 'a < b && c' });
    expect(markdownTokens('```\n<b>\n```')?.[0]).toMatchObject({ type: 'code', text: '<b>' });
  });

  it('are none where the text is too long, too deep or of too many parts', () => {
    expect(markdownTokens('a '.repeat(40_000))).toBeUndefined();
    expect(markdownTokens('> '.repeat(100))).toBeUndefined();
    expect(markdownTokens('- a\n'.repeat(8_000))).toBeUndefined();
    expect(markdownTokens('- - - a')).toBeDefined();
  });
});

describe('plainText', () => {
  it('reads entities as characters, once', () => {
    expect(plainText('a &lt;b&gt; &amp;lt;')).toBe('a <b> &lt;');
  });
});
