// Lets the emulated guest go first. It stands for hardware of its own, and what is watched over SSH and QMP has limits made for
// that: on a machine that has eight other things to do an emulated one would be found dead by all of them.
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Below what the desktop or the kernel's own threads have. Only root may; without that right nothing happens. */
const NICENESS = -10;
/** A verb starts a fresh process: its threads are found this soon. */
const LOOK_MS = 250;

/** Of the processes that `pids` names at each look, with all their threads, until `end`. */
export function favour(pids: () => readonly (number | undefined)[]): { end(): void } {
  const favoured = new Set<string>();
  const look = (): void => {
    for (const pid of pids())
      for (const thread of threadsOf(pid)) {
        if (favoured.has(thread)) continue;
        favoured.add(thread);
        try {
          setPriority(Number(thread), NICENESS); // On Linux a thread has a niceness of its own.
        } catch {
          // It has ended, or we may not.
        }
      }
  };
  const timer = process.getuid?.() === 0 ? setInterval(look, LOOK_MS) : undefined;
  timer?.unref();
  return { end: () => clearInterval(timer) };
}

function threadsOf(pid: number | undefined): readonly string[] {
  try {
    return pid === undefined ? [] : readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
