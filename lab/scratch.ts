// The lab's scratch directory. Its name holds the pid and the start time of the lab, so that what a killed lab left behind,
// files and processes, is found and ended by the next one.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { endMarkedProcesses } from './power-host/leftovers.ts';

const PREFIX = 'breakglass-lab-';
const NAME = new RegExp(`^${PREFIX}(\\d+)-(\\d+)-`);

export async function openScratch(base: string = tmpdir()): Promise<string> {
  for (const name of readdirSync(base)) {
    const [, pid, started] = NAME.exec(name) ?? [];
    if (pid === undefined || started === undefined || startOfLiving(pid) === started) continue;
    const dir = path.join(base, name);
    await endMarkedProcesses(hostDir(dir));
    await endMarkedProcesses(otherHostDir(dir));
    removeScratch(dir);
  }
  return mkdtempSync(path.join(base, `${PREFIX}${process.pid}-${startOfLiving('self') ?? 0}-`));
}

/** The directory by which the processes of the simulated power host are marked. */
export const hostDir = (scratch: string): string => path.join(scratch, 'power-host');

/** The same for the second VM of the lab. */
export const otherHostDir = (scratch: string): string => path.join(scratch, 'power-host-other');

export function removeScratch(dir: string): void {
  if (existsSync(dir)) rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** Start time in clock ticks since boot (proc(5), field 22), which no later process with the same pid shares. A zombie is dead. */
function startOfLiving(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
