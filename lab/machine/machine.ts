// The simulated machine as both sides of the lab see it: the power host's stand-ins (bash, in files below `dir`) change it,
// the simulated guest (TypeScript) reads it. The files are the one truth; this is their typed view.
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { addProcess, makeTree, processExists, readFields, writeFields } from './files.ts';
import { type TaskSeed, writeTasks } from './tasks.ts';

/** `block-stall`: the QEMU process's block path is frozen. Bound to that process: a fresh one does not have it. */
export type MachineFault = 'none' | 'block-stall';

export interface MachineSeed {
  readonly vmid: number;
  readonly name: string;
  readonly status: 'running' | 'stopped';
  readonly fault: MachineFault;
  /** Applied configuration, as `qm config` prints it, e.g. { memory: '8192' }. */
  readonly config: Readonly<Record<string, string>>;
  /** Staged configuration: only a fresh QEMU process applies it. */
  readonly pending: Readonly<Record<string, string>>;
  /** What the host's list of tasks shows; default nothing. */
  readonly tasks?: readonly TaskSeed[];
}

export interface Boot {
  /** Rises with every start, every reset and every resume from disk. */
  readonly number: number;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** `resume`: a start that loaded the memory from disk. The guest goes on where it was, and does not boot. */
  readonly cause: 'start' | 'reset' | 'resume';
}

/** Read afresh at every call. */
export interface Machine {
  readonly dir: string;
  status(): 'running' | 'stopped';
  boot(): Boot;
  fault(): MachineFault;
  /** Applied configuration of the running process. */
  config(): Readonly<Record<string, string>>;
  /** Called soon (under 200 ms) after any of the above changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

/** A machine is found running for a while: its first boot lies this far back. */
const SEED_UPTIME_MS = 9 * 24 * 60 * 60 * 1000;
/** A stall is found, not watched as it begins. Below the hour that the host's round-robin data shows, so that the last writes
 * are seen in it; the guest of the scenario tells the same time. */
const SEED_STALL_AGE_MS = 26 * 60 * 1000;
const FIRST_PID = 4242;
/** File events are a hint, and miss nothing for long: must stay below the 200 ms that onChange promises. */
const POLL_MS = 150;

/** Writes a fresh machine into `dir` (made if need be). The same `dir` serves the power host and the guest. */
export const createMachine = (dir: string, seed: MachineSeed): Machine => {
  makeTree(dir);
  const bootAtMs = Date.now() - SEED_UPTIME_MS;
  const running = seed.status === 'running';
  writeFields(path.join(dir, 'machine/config'), ': ', seed.config);
  writeFields(path.join(dir, 'machine/pending'), ': ', seed.pending);
  if (seed.tasks !== undefined) writeTasks(dir, seed.tasks);
  if (running) addProcess(dir, seed.vmid, FIRST_PID, bootAtMs);
  writeFields(path.join(dir, 'machine/state'), '=', {
    vmid: String(seed.vmid),
    name: seed.name,
    boot: '1',
    boot_at_ms: String(bootAtMs),
    boot_cause: 'start',
    pid: String(FIRST_PID),
    process_at_ms: String(bootAtMs),
    fault: running ? seed.fault : 'none',
    fault_at_ms: String(Date.now() - SEED_STALL_AGE_MS),
    qmp: 'answers',
  });
  return openMachine(dir);
};

/** The fault begins now, in the QEMU process that runs. */
export const injectFault = (dir: string, fault: MachineFault): void => {
  const file = path.join(dir, 'machine/state');
  writeFields(file, '=', { ...readFields(file, '='), fault, fault_at_ms: String(Date.now()) });
};

export const openMachine = (dir: string): Machine => {
  const state = () => readFields(path.join(dir, 'machine/state'), '=');
  const machine: Machine = {
    dir,
    status: () => (processExists(dir, state()['pid'] ?? '') ? 'running' : 'stopped'),
    boot: () => {
      const { boot, boot_at_ms, boot_cause } = state();
      return {
        number: Number(boot),
        atMs: Number(boot_at_ms),
        cause: boot_cause === 'reset' || boot_cause === 'resume' ? boot_cause : 'start',
      };
    },
    fault: () =>
      state()['fault'] === 'block-stall' && machine.status() === 'running' ? 'block-stall' : 'none',
    config: () => readFields(path.join(dir, 'machine/config'), ': '),
    onChange: (listener) => watchMachine(machine, listener),
  };
  return machine;
};

const watchMachine = (machine: Machine, listener: () => void): (() => void) => {
  const look = () => JSON.stringify([machine.status(), machine.boot(), machine.fault(), machine.config()]);
  let seen = look();
  const compare = () => {
    const now = look();
    if (now === seen) return;
    seen = now;
    listener();
  };
  const watchers = ['machine', 'proc'].flatMap((name) =>
    watchDirectory(path.join(machine.dir, name), compare),
  );
  const poll = setInterval(compare, POLL_MS);
  poll.unref();
  return () => {
    clearInterval(poll);
    for (const watcher of watchers) watcher.close();
  };
};

/** None where the system has no watches left: the poll is enough then. */
const watchDirectory = (dir: string, onEvent: () => void): FSWatcher[] => {
  try {
    const watcher = watch(dir, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
};
