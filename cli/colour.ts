// Colour for one word of a line, where a person looks and has not said no (NO_COLOR). https://no-color.org
import type { Env, Tint } from './surroundings.ts';

const CODES = { good: 32, doubtful: 33, bad: 31 } as const satisfies Record<Tint['tone'], number>;

/** @param isTerminal of the stream that is written to */
export const hasColour = (env: Env, isTerminal: boolean): boolean =>
  isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

/** @param line which is visible text already: nothing in it commands the terminal */
export function tinted(line: string, { word, tone }: Tint): string {
  const at = line.indexOf(word);
  if (at < 0) return line;
  return `${line.slice(0, at)}\u001B[${CODES[tone]}m${word}\u001B[0m${line.slice(at + word.length)}`;
}
