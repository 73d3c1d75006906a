// Walks down to what fills a filesystem, one `du` at a time, each chosen by what the last one printed. Pure.
import type { Call } from './conversation.ts';
import { readDu, shellWord } from './read-output.ts';

export interface Culprit {
  readonly path: string;
  readonly kib: number;
  /** False: a directory in which nothing stands out. */
  readonly isFile: boolean;
}

export type Walk =
  | { readonly type: 'look'; readonly command: string; readonly at: string }
  | { readonly type: 'found'; readonly culprit: Culprit };

/** A child with less than this part of its directory is not what fills it. */
const DOMINANT = 0.4;
const MAX_DEPTH = 12;

/** Root reads every directory; where that is not allowed the account looks as far as it may. */
const duCommand = (dir: string): string => {
  const word = shellWord(dir);
  return `{ sudo -n du -xka --max-depth=1 ${word} || du -xka --max-depth=1 ${word}; } 2>/dev/null | sort -rn | head -n 12`;
};

export function walkDown(mount: string, calls: readonly Call[]): Walk {
  let at: Culprit = { path: mount, kib: 0, isFile: false };
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const command = duCommand(at.path);
    const seen = calls.findLast((call) => call.command === command)?.result;
    if (seen === undefined) return { type: 'look', command, at: at.path };
    const { total, children } = readDu(seen.text, at.path);
    const [largest] = children;
    // `du -a` of a file prints the file alone.
    if (largest === undefined) return { type: 'found', culprit: { ...at, isFile: at.path !== mount } };
    if (largest.kib < total * DOMINANT) break;
    at = { ...largest, isFile: false };
  }
  return { type: 'found', culprit: at };
}
