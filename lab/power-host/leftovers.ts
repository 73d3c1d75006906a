// Ends what the lab's power host started, the detached included. breakglass-pve marks every process that it starts under
// --root with BREAKGLASS_ROOT=DIR in the environment; nothing without that exact mark is touched.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Pids of processes that carry the mark of `dir`. Processes of other users cannot be read and are not ours. */
export const markedProcesses = (dir: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).includes(`BREAKGLASS_ROOT=${dir}`))
    .map(Number);

const environmentOf = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
};

/** Looks again after each round: a process may have started another one while it was being ended. */
export const endMarkedProcesses = async (dir: string): Promise<void> => {
  for (let round = 0; round < 100; round += 1) {
    const pids = markedProcesses(dir);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await delay(20);
  }
  throw new Error(`processes of the lab's power host would not end: ${markedProcesses(dir).join(' ')}`);
};

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
};
