// A place below /proc, by any way: there no directory can be made, and Node's `mkdir` with `recursive` tries it for ever, because the kernel says
// "no such file" where others say "not permitted".
import { statfsSync } from 'node:fs';
import path from 'node:path';

/** Of statfs(2). */
const PROC_SUPER_MAGIC = 0x9fa0;

/** Asks the nearest directory that is there. */
export function isBelowProc(dir: string): boolean {
  try {
    return statfsSync(dir).type === PROC_SUPER_MAGIC;
  } catch {
    const above = path.dirname(dir);
    return above !== dir && isBelowProc(above);
  }
}
