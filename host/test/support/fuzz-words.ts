// Strings that an SSH client might send in place of a word, from a seed; and what the script's own `dispatch` makes of them.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { FORCED_COMMAND } from './recording-root.ts';

export const WORDS = ['status', 'forensics', 'reset', 'stop', 'start', 'cycle', 'evidence'];

const JOINTS = [
  ' ',
  ';',
  '&&',
  '||',
  '|',
  '\n',
  '\r\n',
  '\t',
  '\v',
  '\u00a0',
  '\u200b',
  '$IFS',
  '`',
  '$(',
  ')',
  '"',
  "'",
  '\\',
  '*',
];

/** Never NUL: no process can be handed one. One in a hundred is a word, to see that words do get through. */
export function hostileStrings(count: number, seed: number): string[] {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = (list: readonly string[]): string => list[below(list.length)] ?? '';
  const noise = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(1 + below(random() < 0.8 ? 255 : 0xd7fe))).join('');
  const splice = (word: string, put: string, drop: number): string => {
    const at = below(word.length + 1);
    return word.slice(0, at) + put + word.slice(at + drop);
  };
  const kinds: readonly (() => string)[] = [
    () => noise(below(60)),
    () => pick(WORDS) + pick(JOINTS) + noise(below(6)),
    () => noise(below(6)) + pick(JOINTS) + pick(WORDS),
    () => pick(WORDS) + pick(JOINTS) + pick(WORDS),
    () => splice(pick(WORDS), noise(1), 0),
    () => splice(pick(WORDS), noise(1), 1),
    () => splice(pick(WORDS), '', 1),
    () => splice(pick(WORDS), pick(JOINTS), 0),
    () =>
      pick(WORDS)
        .split('')
        .map((letter) => (random() < 0.5 ? letter.toUpperCase() : letter))
        .join(''),
    () =>
      pick([
        '--root / 102',
        '--worker x stop',
        '--clean',
        '-h',
        '--version',
        'VERB=stop',
        'stop 103',
        'qm stop 102',
      ]),
  ];
  return Array.from({ length: count }, () =>
    random() < 0.01 ? pick(WORDS) : (kinds[below(kinds.length)]?.() ?? ''),
  );
}

/** The branch for each string. */
export function dispatchAll(strings: readonly string[]): string[] {
  const stdout = execFileSync(path.join(import.meta.dirname, 'dispatch-words'), [FORCED_COMMAND], {
    input: strings.map((text) => `${text}\0`).join(''),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trimEnd().split('\n');
}

/** Small, seeded, good enough to vary tests: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export const mulberry32 = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};
