// Processes that carry a console's mark, read from outside: what is still there, and whose it was.
import { readdirSync, readFileSync } from 'node:fs';

export interface MarkedProcess {
  readonly pid: number;
  /** Pid of the console that started it. */
  readonly owner: number;
  readonly command: string;
}

export function markedProcesses(dataDir: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environ = readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0');
      const [owner, , dir] = (
        environ.find((item) => item.startsWith('BREAKGLASS_OWNER='))?.slice('BREAKGLASS_OWNER='.length) ?? ''
      ).split(':');
      const state = readFileSync(`/proc/${entry}/stat`, 'utf8');
      if (dir !== dataDir || / Z /.test(state.slice(state.lastIndexOf(')')))) continue;
      found.push({
        pid: Number(entry),
        owner: Number(owner),
        command: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' '),
      });
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}
