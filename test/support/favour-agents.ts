// The console gives its agents only what nobody else wants of the processor (nice 10). Where all else that runs is other tests, an agent
// then needs minutes for its first word; here it has the same right as they. Only root may; without that right nothing happens.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** A new agent is found this soon. */
const LOOK_MS = 100;

/** What that process has started, until `end`. */
export function favourAgents(pid: () => number | undefined): { end(): void } {
  const look = (): void => {
    for (const child of childrenOf(pid())) favour(child);
  };
  const timer = process.getuid?.() === 0 ? setInterval(look, LOOK_MS) : undefined;
  timer?.unref();
  return { end: () => clearInterval(timer) };
}

function childrenOf(pid: number | undefined): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function favour(pid: number): void {
  try {
    if (getPriority(pid) === getPriority()) return;
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), getPriority());
    // Where the kernel has it, what counts is the session's: sched(7), autogroup.
    writeFileSync(`/proc/${pid}/autogroup`, '0');
  } catch {
    // It has ended, or this kernel has no such groups.
  }
}
