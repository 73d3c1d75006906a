import { describe, expect, it } from 'vitest';
import { visiblePieces, visibleText } from '../../../protocol/visible-text.ts';
import { ansiPieces } from './ansi.ts';

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

  it('never hides text, and drops cursor, title and link sequences', () => {
    expect(textOf(ansiPieces('\u001b[8mhidden\u001b[0m'))).toBe('hidden');
    expect(ansiPieces('\u001b[8mhidden\u001b[0m')[0]?.classes).toBe('');
    expect(textOf(ansiPieces('\u001b]0;title\u0007a\u001b[2Jb\u001b]8;;http://x\u001b\\c'))).toBe('abc');
  });

  it('keeps markup as text', () => {
    expect(textOf(ansiPieces('\u001b[32m<b>&amp;</b>\u001b[0m'))).toBe('<b>&amp;</b>');
  });

  it('shows the last state of a progress line', () => {
    expect(textOf(ansiPieces('10%\r20%\r100%\r\nnext'))).toBe('100%\nnext');
  });
});
