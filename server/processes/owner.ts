// Which processes are ours. Every process that this server starts has a mark in its environment: the data directory, and the server's
// pid and start time. A server that is killed with SIGKILL leaves its children running; the next one on the same data directory finds
// them by the mark and ends them. A pid file could be lost between the fork and the write.
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MARK = 'BREAKGLASS_OWNER';

/** Start time in clock ticks since boot (proc(5), field 22): tells a process from a later one with the same pid. */
const startTime = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

/** A zombie is dead: it only waits to be collected. */
const isAlive = (pid: number, started: string): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[19] === started && fields[0] !== 'Z';
  } catch {
    return false;
  }
};

/** A directory that could not be made gets a mark too, because power works without it. */
const realPath = (dataDir: string): string => {
  try {
    return realpathSync(dataDir);
  } catch {
    return path.resolve(dataDir);
  }
};

/** Goes into the environment of every process that the server starts. */
export function ownerMark(dataDir: string): Readonly<Record<string, string>> {
  return { [MARK]: `${process.pid}:${startTime(process.pid) ?? '0'}:${realPath(dataDir)}` };
}

export interface Orphan {
  readonly pid: number;
  readonly command: string;
}

/** Processes with the mark of this data directory whose server is dead. Only those of our own user can be read in /proc. */
export function findOrphans(dataDir: string): readonly Orphan[] {
  const ours = realPath(dataDir);
  const orphans: Orphan[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      const environ = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0');
      const mark = environ.find((item) => item.startsWith(`${MARK}=`))?.slice(MARK.length + 1);
      const match = mark === undefined ? null : /^(\d+):(\d+):(.*)$/s.exec(mark);
      if (match === null || Buffer.from(match[3] ?? '', 'latin1').toString('utf8') !== ours) continue;
      if (isAlive(Number(match[1]), match[2] ?? '')) continue;
      const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      orphans.push({ pid: Number(entry), command: command.slice(0, 200) });
    } catch {
      // It is gone by now, or it belongs to another user.
    }
  }
  return orphans;
}

/** Ends every orphan with SIGKILL, since its owner is dead and nobody reads what it does. Waits up to 1 s until they are gone. */
export async function reapOrphans(
  dataDir: string,
): Promise<{ readonly ended: readonly Orphan[]; readonly left: readonly Orphan[] }> {
  const ended = findOrphans(dataDir);
  for (const { pid } of ended) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone by now.
    }
  }
  for (let waited = 0; waited < 1_000; waited += 20) {
    const alive = ended.length === 0 ? [] : findOrphans(dataDir);
    if (alive.length === 0) return { ended, left: [] };
    await sleep(20);
  }
  return { ended, left: findOrphans(dataDir) };
}
