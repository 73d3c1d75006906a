// The process table. Daemons are rows and nothing more; what an SSH session runs has a row with an execution behind it, which
// a signal ends.
import type { ProcessSeed } from '../seed.ts';
import type { Who } from './accounts.ts';
import { SysError } from './tree.ts';

export const SIGNALS = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  PIPE: 13,
  TERM: 15,
  CONT: 18,
  STOP: 19,
};
export type Signal = keyof typeof SIGNALS;
/** Where it waits in the kernel. */
export const waitsIn = ({ args }: { readonly args: string }): string =>
  args.startsWith('[') ? 'rescuer_thread' : 'do_epoll_wait';
/** A daemon goes on after these; some reload. */
const HARMLESS: readonly Signal[] = ['HUP', 'USR1', 'USR2', 'CONT', 'STOP'];

interface Place {
  readonly ppid: number;
  readonly uid: number;
  /** Absent: a session of its own. */
  readonly sess?: number;
  readonly startMs?: number;
  readonly unit?: string;
}

export interface Process extends Required<ProcessSeed> {
  readonly pid: number;
  ppid: number;
  readonly uid: number;
  readonly sess: number;
  readonly startMs: number;
  readonly unit: string;
  /** Ends the execution behind the row. */
  end?: (signal: Signal) => void;
}

const USUAL = { rssKb: 3_400, cpuPercent: 0, cpuSeconds: 0, unit: '-' };

export class Processes {
  readonly #rows = new Map<number, Process>();
  #next = 1;
  readonly #now: () => number;
  /** Called when a daemon was killed: its unit must notice. */
  onDaemonGone: (process: Process, signal: Signal) => void = () => {};
  /** Called for each row that comes and each that goes. */
  onRow: (process: Process, isThere: boolean) => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  add(seed: ProcessSeed, place: Place): Process {
    const pid = this.#next;
    this.#next += 1;
    const stat = place.sess === undefined ? 'Ss' : 'S';
    const vszKb = (seed.rssKb ?? USUAL.rssKb) * 3;
    const row = { pid, sess: pid, startMs: this.#now(), stat, vszKb, ...USUAL, ...seed, ...place };
    this.#rows.set(pid, row);
    this.onRow(row, true);
    return row;
  }
  /** Pids rise; the next one is at least this. */
  skipTo(pid: number): void {
    this.#next = Math.max(this.#next, pid);
  }
  get(pid: number): Process | undefined {
    return this.#rows.get(pid);
  }
  list(): Process[] {
    return [...this.#rows.values()];
  }
  /** Its children go to init. */
  remove(pid: number): void {
    const row = this.#rows.get(pid);
    if (row !== undefined) this.onRow(row, false);
    this.#rows.delete(pid);
    for (const child of this.#rows.values()) if (child.ppid === pid) child.ppid = 1;
  }
  clear(): void {
    for (const row of this.#rows.values()) this.onRow(row, false);
    this.#rows.clear();
    this.#next = 1;
  }

  /** Signal `0` only asks. */
  signal(pid: number, signal: Signal | '0', who: Who): void {
    const row = this.#rows.get(pid);
    if (!row) throw new SysError('ESRCH');
    if (who.uid !== 0 && who.uid !== row.uid) throw new SysError('EPERM');
    if (pid === 1 || row.args.startsWith('[') || signal === '0') return;
    if (row.end) row.end(signal);
    else if (!HARMLESS.includes(signal)) {
      this.remove(pid);
      this.onDaemonGone(row, signal);
    }
  }
}
