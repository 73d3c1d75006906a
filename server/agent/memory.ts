// How much the live agents hold, and which idle ones go when that is too much. Linux only, as the server is.
import { readFileSync } from 'node:fs';

/** Resident memory of a process, MB; undefined where there is no such process (any more). */
export function residentMb(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? undefined : Number(kb) / 1024;
  } catch {
    return undefined;
  }
}

export interface Held {
  readonly mb: number;
  readonly isBusy: boolean;
  /** Monotonic. */
  readonly lastUsed: number;
}

/** The idle ones that have to go so that the rest and `more` MB fit, the longest idle first. Pure. */
export function tooMuch<T extends Held>(live: readonly T[], more: number, memoryMb: number): readonly T[] {
  const idle = live.filter(({ isBusy }) => !isBusy).toSorted((a, b) => a.lastUsed - b.lastUsed);
  let held = live.reduce((sum, { mb }) => sum + mb, more);
  return idle.filter(({ mb }) => {
    if (held <= memoryMb) return false;
    held -= mb;
    return true;
  });
}
