import { describe, expect, it } from 'vitest';
import { visiblePieces, visibleProse, visibleText } from '../../../protocol/visible-text.ts';
import { ansiPieces, chunksOf } from './ansi.ts';

const textOf = (pieces: { text: string }[]) => pieces.map((piece) => piece.text).join('');

describe('visiblePieces', () => {
  it('marks control, invisible and bidi characters', () => {
    expect(visiblePieces('ls\u202E -la\u200B\u0007')).toEqual([
      { text: 'ls', marked: false },
      { text: 'U+202E', marked: true },
      { text: ' -la', marked: false },
      { text: 'U+200B', marked: true },
      { text: '\\a', marked: true },
    ]);
  });

  it('leaves tabs, line breaks and letters of any script alone', () => {
    const text = 'a\tb\nü 漢字 עברית';
    expect(visiblePieces(text)).toEqual([{ text, marked: false }]);
    expect(visibleText(text)).toBe(text);
  });
});

describe('ansiPieces', () => {
  it('turns colours into classes', () => {
    expect(ansiPieces('a \u001b[31;1mred\u001b[0m b')).toEqual([
      { text: 'a ', marked: false, classes: '' },
      { text: 'red', marked: false, classes: 'ansi-red ansi-bold' },
      { text: ' b', marked: false, classes: '' },
    ]);
  });

  it('never hides text', () => {
    expect(textOf(ansiPieces('\u001b[8mhidden\u001b[0m'))).toBe('hidden');
    expect(ansiPieces('\u001b[8mhidden\u001b[0m')[0]?.classes).toBe('');
  });

  it('keeps markup as text', () => {
    expect(textOf(ansiPieces('\u001b[32m<b>&amp;</b>\u001b[0m'))).toBe('<b>&amp;</b>');
  });
});

describe('chunksOf', () => {
  it('keeps the colours that were on in the chunk before', () => {
    const chunks = chunksOf(['\u001b[31ma', 'b', '\u001b[1mc\u001b[0m', 'd'], 1);
    expect(chunks.map(({ text }) => ansiPieces(text))).toMatchObject([
      [{ text: 'a', classes: 'ansi-red' }],
      [{ text: 'b', classes: 'ansi-red' }],
      [{ text: 'c', classes: 'ansi-red ansi-bold' }],
      [{ text: 'd', classes: '' }],
    ]);
  });

  it('leaves out no line', () => {
    const lines = Array.from({ length: 1_050 }, (_, line) => `${line}`);
    const chunks = chunksOf(lines, 100);
    expect(chunks.map((chunk) => chunk.lines)).toEqual([...Array.from({ length: 10 }, () => 100), 50]);
    expect(chunks.map(({ text }) => text).join('\n')).toBe(lines.join('\n'));
  });
});

describe('a character that joins', () => {
  const family = '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u{1F3FD}';
  const prose = {
    'an emoji of several people': family,
    'an emoji with a variant': '\u26A0\uFE0F \u{1F3F3}\uFE0F\u200D\u{1F308} 1\uFE0F\u20E3',
    'Persian with a joiner that does not join': '\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645',
    'a Sinhala conjunct': '\u0DC1\u0DCA\u200D\u0DBB\u0DD3',
    Hindi: '\u0915\u094D\u200D\u0937',
    'the flag of Scotland': '\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}',
    'a variant of a Han character': '\u845B\u{E0100}',
  };
  for (const [name, text] of Object.entries(prose))
    it(`is as written in prose: ${name}`, () => expect(visibleProse(text)).toBe(text));

  it('is marked in prose where it joins nothing', () => {
    for (const text of [
      'r\u200Dm',
      'r\u200Cm',
      'rm\uFE0F',
      '\u200D',
      'a\u{E0067}\u{E007F}',
      '\u0645\u200Cx',
      '\u202Ex',
    ])
      expect(visibleProse(text)).toContain('⟨U+');
  });

  it('is always marked in what is run', () => {
    expect(visibleText(family)).toContain('⟨U+200D⟩');
    expect(visibleText('rm\uFE0F')).toContain('⟨U+FE0F⟩');
    expect(visibleText('\u0645\u200C\u062E')).toContain('⟨U+200C⟩');
    expect(visibleText('\u26A0\uFE0F')).toBe('\u26A0\uFE0F');
  });
});
