import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uncoloured } from './ansi.ts';
import { settledLines } from './settled-lines.ts';

const E = '\u001b';
const shown = (text: string): string =>
  settledLines(text)
    .map((line) => uncoloured(line).trimEnd())
    .join('\n');

describe('progress', () => {
  const cases: Record<string, [string, string]> = {
    'a carriage return before each state': ['10%\r20%\r100%\r\nnext', '100%\nnext'],
    'a carriage return after each state': ['10%\r20%\r', '20%'],
    'a shorter text over a longer one leaves its end, as in a terminal': ['abcdef\rXY', 'XYcdef'],
    'erase the line, go to its start': [`Fetching 1${E}[2K${E}[1GFetching 2${E}[2K${E}[1Gdone\n`, 'done\n'],
    'erase to the end of the line': [`Progress 100 of 100\r${E}[Kdone`, 'done'],
    'erase to the start of the line': [`abc${E}[1Kd`, '   d'],
    backspaces: ['99%\b\b\b100%', '100%'],
    'bold and underlined as a printer does it': ['N\bNA\bAM\bME\bE _\bx', 'NAME x'],
    'several lines, written over': [`a 1\nb 1\n${E}[2A${E}[Ka 2\n${E}[Kb 2\n`, 'a 2\nb 2\n'],
    'lines before and after': [`a 1\nb 1\n${E}[2Fa 2${E}[Eb 2\nend`, 'a 2\nb 2\nend'],
    'a place that was kept': [`x ${E}[s1${E}[u2${E}[u3`, 'x 3'],
    'a place that was kept, the older way': [`x ${E}71${E}82`, 'x 2'],
    'a column by number': [`name      10%${E}[11G20%`, 'name      20%'],
    'characters left and right': [`ab${E}[2Dc${E}[1Cd`, 'cbd'],
    'below is erased': [`one\ntwo\nthree${E}[2A\r${E}[Jnew`, 'new\n\n'],
  };
  for (const [name, [printed, right]] of Object.entries(cases))
    it(`ends as a terminal shows it: ${name}`, () => expect(shown(printed)).toBe(right));

  it('keeps its colours', () => {
    expect(settledLines(`${E}[31m10%${E}[0m\r${E}[32m100%${E}[0m ok`)).toEqual([`${E}[32m100%${E}[0m ok`]);
  });
});

describe('what was printed', () => {
  it('is not taken away by an empty screen or a jump to its corner', () => {
    expect(shown(`a${E}[2Jb`)).toBe('ab');
    expect(shown(`top 1${E}[H${E}[2Jtop 2${E}[Htop 3`)).toBe('top 1\ntop 2\ntop 3');
    expect(shown(`a\nb${E}[9;9Hc`)).toBe('a\nb\nc');
  });

  it('has no titles, links, modes or character sets', () => {
    expect(
      shown(
        `${E}]0;title\u0007a${E}]8;;http://x${E}\\b${E}]8;;${E}\\${E}(B${E}[?25l${E}[?2004hc${E}P1$r0m${E}\\d`,
      ),
    ).toBe('abcd');
  });

  it('stays as it is where nothing moves', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'ü', '漢', '\n', '\t', ' ', `${E}[31m`, `${E}[0m`) }),
        (text) => {
          expect(settledLines(text)).toEqual(text.split('\n'));
        },
      ),
    );
  });

  it('is settled whatever it holds, and keeps each line that nothing was written over', () => {
    const piece = fc.constantFrom(
      'a',
      '\n',
      '\r',
      '\b',
      E,
      `${E}[`,
      '2',
      ';',
      'K',
      'J',
      `${E}[K`,
      `${E}[3A`,
      `${E}[99999999C`,
      `${E}[H`,
      `${E}]`,
      '\u0007',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
        expect(settledLines(pieces.join('')).length).toBeGreaterThan(0);
        expect(shown(`first\nsecond\n${pieces.filter((each) => !/[A-Z]/.test(each)).join('')}`)).toContain(
          'first',
        );
      }),
    );
  });
});
