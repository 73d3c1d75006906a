import type { Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { childrenOf, imageText, markdownTokens, plainText, safeHref } from './markdown-tokens.ts';

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
  it('keeps HTML as a token that is shown as text', () => {
    const html = flatten(
      markdownTokens('<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b'),
    ).filter((token) => token.type === 'html');
    expect(html.map((token) => token.raw.trim())).toEqual([
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
    ]);
  });

  it('gives an image no address to fetch, only words', () => {
    const image = flatten(markdownTokens('![plan](https://evil.example/x.png)')).find(
      (token) => token.type === 'image',
    );
    expect(imageText(image as never)).toBe('[image: plan]');
  });

  it('does not escape what becomes a text node anyway', () => {
    const code = flatten(markdownTokens('`a < b && c`')).find((token) => token.type === 'codespan');
    expect(code).toMatchObject({ text: 'a < b && c' });
    expect(markdownTokens('```\n<b>\n```')[0]).toMatchObject({ type: 'code', text: '<b>' });
  });

  it('shows bidi controls', () => {
    expect(markdownTokens('rm \u202Etxt')[0]).toMatchObject({ raw: 'rm ⟨U+202E⟩txt' });
  });

  it('never throws on half a block, as it is while text is written', () => {
    const whole =
      '# A\n\n- x\n  1. y\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nls\n```\n\n**b** [l](https://x) <a';
    for (let end = 0; end <= whole.length; end += 1)
      expect(() => markdownTokens(whole.slice(0, end))).not.toThrow();
  });
});

describe('plainText', () => {
  it('reads entities as characters, once', () => {
    expect(plainText('a &lt;b&gt; &amp;lt;')).toBe('a <b> &lt;');
  });
});
