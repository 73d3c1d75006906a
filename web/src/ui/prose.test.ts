import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, blockText, proseOf } from './prose.ts';

const shown = (text: string, running = false): string => proseOf(text, running).map(blockText).join('\n');
const kinds = (text: string): string[] => proseOf(text).map(({ kind }) => kind);
const codes = (blocks: readonly Block[]): string[] =>
  blocks.flatMap((block) => (block.kind === 'code' ? [block.text] : []));
const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];

const TICKS = '```';

describe('what was written', () => {
  const sources = {
    'a definition': 'see [it][x]\n\n[x]: https://e.org "the title"',
    'the same definition twice': '[x]: https://one.org\n[x]: https://two.org',
    'a footnote': 'so[^1].\n\n[^1]: because of this',
    'an HTML comment': 'a <!-- not this --> b\n\n<!-- nor this -->\n\nc',
    'raw HTML': '<details open>\n<summary>s</summary>\nx <b onclick=y>z</b>\n</details>',
    'a link that is not followed': '[words](javascript:alert(1)) <ftp://host/x> a@b.example',
    'a link with a title': '[words](https://e.org/a "title here")',
    'an image': '![alt words](https://e.org/x.png "its title")',
    'cells beyond the columns of the header': '| a |\n|---|\n| 1 | two | three |',
    'a row without cells': '| a | b |\n|---|---|\n| 1 |',
    tasks: '- [x] done\n- [X] Done too\n- [ ] open',
    'the language of a fence': '```sh title="name here"\nls\n```',
    'numbers that do not count up': '1. a\n1. b\n7. c',
    'a list that begins late': '3) a\n4) b',
    entities: 'a &lt;b&gt; &amp;lt; &copy; &#65; &nbsp;c',
    escapes: '\\*a\\* \\[b\\] \\\\c',
    'an underlined heading': 'Title\n===\ntext\n---',
    'an open fence': '```sh\nls -la',
    'a carriage return': 'a\r\nb\rc',
  };
  for (const [name, source] of Object.entries(sources))
    it(`is all there: ${name}`, () => {
      const there = wordsOf(shown(source));
      for (const word of wordsOf(source.replace(/&(lt|gt|amp|nbsp);/g, ' ')))
        expect(there.map((each) => each.toLowerCase())).toContain(word.toLowerCase());
    });

  // Pieces of Markdown, in any order and nested in any way.
  const word = fc.stringMatching(/^[a-zà-ý0-9]{1,6}$/);
  const piece = fc.oneof(
    word,
    fc.constantFrom(
      '\n',
      '\n\n',
      ' ',
      '> ',
      '- ',
      '1. ',
      '  ',
      '    ',
      '| ',
      '|-|-|\n',
      '# ',
      '```',
      '~~~',
      '`',
      '**',
      '*',
      '_',
      '~~',
    ),
    fc.constantFrom(
      '[',
      ']',
      '](',
      ')',
      '[x]: ',
      '![',
      '<',
      '>',
      '<!-- ',
      ' -->',
      '</',
      '&',
      ';',
      '\\',
      '"',
      '- [x] ',
      '[^1]',
      ': ',
      '---\n',
    ),
    fc.constantFrom('https://e.org/', 'javascript:', '\t', '<script>', '<a href="'),
  );
  it('is all there, in its order, whatever is combined', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.boolean(), (pieces, running) => {
        const source = pieces.join('');
        // The letters of the source, in their order: a word that is not there would be missed here.
        const letters = (text: string) =>
          wordsOf(text.replace(/&(lt|gt|amp|quot|nbsp);/g, ''))
            .join('')
            .toLowerCase();
        expect(letters(shown(source, running))).toBe(letters(source));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('what no parser should be asked', () => {
  const cases = {
    'quotes in quotes': '>'.repeat(2_000),
    'lists in lists': '- '.repeat(1_500),
    'numbers in numbers': '1. '.repeat(1_500),
    'deep indentation': Array.from({ length: 400 }, (_, depth) => `${'  '.repeat(depth)}- x`).join('\n'),
    'quotes and lists in turn': '> - '.repeat(900),
    'a long run of stars': '*'.repeat(50_000),
    'opened brackets': '['.repeat(50_000),
    'opened emphasis': '*a_b'.repeat(12_000),
    'emphasis in emphasis': `${'*a **b '.repeat(300)}${'** *'.repeat(300)}`,
    'links in links': `${'[a'.repeat(900)}${'](b)'.repeat(900)}`,
    'dots without an address': `${'a.'.repeat(20_000)}@`,
    'a table of 3,000 columns': `${'|a'.repeat(3_000)}|\n${'|-'.repeat(3_000)}|\n${'|b'.repeat(3_000)}|`,
    'a million characters': 'word '.repeat(200_000),
    'ten thousand items': '- a\n'.repeat(10_000),
  };
  for (const [name, source] of Object.entries(cases))
    it(`is shown as it is: ${name}`, () => {
      for (const running of [false, true]) {
        const tree = proseOf(source, running);
        expect(wordsOf(tree.map(blockText).join('\n')).join('')).toBe(wordsOf(source).join(''));
        if (source.length > 20_000) expect(tree).toHaveLength(1);
      }
    });

  it('does not take the rest away: a word too long is verbatim, the other paragraphs are drawn', () => {
    expect(proseOf(`**a**\n\n${'x.'.repeat(2_000)}@\n\n**b**`)).toMatchObject([
      { kind: 'paragraph', children: [{ kind: 'strong' }] },
      { kind: 'paragraph', children: [{ kind: 'text' }] },
      { kind: 'paragraph', children: [{ kind: 'strong' }] },
    ]);
  });
});

describe('fences', () => {
  it('in a fence of the same length are part of it, and what follows is prose', () => {
    const file = `# Fix\n\n${TICKS}bash\nsystemctl restart x\n${TICKS}\n\nThen look.`;
    const tree = proseOf(`Here it is:\n\n${TICKS}markdown\n${file}\n${TICKS}\n\nNow **run** it.`);
    expect(codes(tree)).toEqual([file]);
    expect(tree.map(({ kind }) => kind)).toEqual(['paragraph', 'code', 'paragraph']);
  });

  it('of two files with two blocks each, and a plain block, are told apart', () => {
    const file = `a\n${TICKS}sh\nb\n${TICKS}\nc\n${TICKS}sql\nd\n${TICKS}`;
    const source = [`${TICKS}md`, file, TICKS, 'prose', `${TICKS}md`, file, TICKS, 'more', TICKS, 'x', TICKS];
    expect(codes(proseOf(source.join('\n')))).toEqual([file, file, 'x']);
  });

  it('that are longer, or of another kind, hold what they hold', () => {
    expect(codes(proseOf(`${TICKS}\`md\n${TICKS}sh\nls\n${TICKS}\n${TICKS}\``))).toEqual([
      `${TICKS}sh\nls\n${TICKS}`,
    ]);
    expect(codes(proseOf(`~~~md\n${TICKS}sh\nls\n${TICKS}\n~~~\n\nprose`))).toEqual([
      `${TICKS}sh\nls\n${TICKS}`,
    ]);
  });

  it('that are only badly closed stay as CommonMark has them', () => {
    expect(kinds(`${TICKS}sh\nls\n${TICKS}\n\nprose\n\n${TICKS}sh\ndf\n${TICKS}`)).toEqual([
      'code',
      'paragraph',
      'code',
    ]);
    expect(codes(proseOf(`${TICKS}\na\n${TICKS}js\nb\n${TICKS}\n\nprose\n\n${TICKS}\nc\n${TICKS}`))).toEqual([
      `a\n${TICKS}js\nb`,
      'c',
    ]);
  });
});

it('joined emoji and joined scripts stay joined in sentences, and are marked in code', () => {
  const family = '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}';
  expect(shown(`${family} \u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645`)).not.toContain('⟨');
  expect(shown(`\`${family}\``)).toContain('⟨U+200D⟩');
  expect(shown('rm\u200D -rf')).toContain('⟨U+200D⟩');
});

it('HTML is text, and what was never to be fetched has no address', () => {
  expect(proseOf('<script>alert(1)</script>')).toEqual([
    { kind: 'plain', text: '<script>alert(1)</script>' },
  ]);
  expect(proseOf('![plan](https://evil.example/x.png)')).toEqual([
    { kind: 'paragraph', children: [{ kind: 'text', text: '![plan](https://evil.example/x.png)' }] },
  ]);
});

it('half a block is never too much, as it is while text is written', () => {
  const whole =
    '# A\n\n- x\n  1. y\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nls\n```\n\n**b** [l](https://x) <a';
  for (let end = 0; end <= whole.length; end += 1)
    expect(() => proseOf(whole.slice(0, end), true)).not.toThrow();
});
