// The process table. Everything that runs in the guest has a row, the shells and commands of SSH sessions too; a signal ends
// the real execution behind the row, so that a row which is gone proves that nothing of it goes on.
import type { Credentials } from './credentials.ts';
import { SysError } from './errors.ts';

export const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
};
export const signalName = (number: number): string | undefined =>
  Object.entries(SIGNALS).find(([, value]) => value === number)?.[0];

export interface ProcessSpec {
  readonly ppid: number;
  readonly uid: number;
  readonly gid?: number;
  readonly comm: string;
  /** As ps prints it; kernel threads in square brackets. */
  readonly args: string;
  readonly sess?: number;
  readonly pgid?: number;
  readonly tty?: string;
  readonly stat?: string;
  readonly rssKb?: number;
  readonly vszKb?: number;
  readonly cpuPercent?: number;
  readonly cpuSeconds?: number;
  readonly startMs?: number;
  readonly unit?: string;
}

export interface Process {
  readonly pid: number;
  ppid: number;
  uid: number;
  gid: number;
  comm: string;
  args: string;
  sess: number;
  pgid: number;
  tty: string;
  stat: string;
  rssKb: number;
  vszKb: number;
  cpuPercent: number;
  cpuSeconds: number;
  startMs: number;
  unit: string | undefined;
  readonly ignores: Set<string>;
  /** Ends the execution behind the row. Rows without one are daemons of the model and just go. */
  end: ((signal: string) => void) | undefined;
}

export class Processes {
  readonly #rows = new Map<number, Process>();
  #next = 1;
  #now: () => number;
  /** Called when a row without an execution was killed: its unit must notice. */
  onDaemonGone: (process: Process, signal: string) => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  add(spec: ProcessSpec, pid = this.#next): Process {
    this.#next = Math.max(this.#next, pid) + 1;
    const row: Process = {
      pid,
      ppid: spec.ppid,
      uid: spec.uid,
      gid: spec.gid ?? spec.uid,
      comm: spec.comm.slice(0, 15),
      args: spec.args,
      sess: spec.sess ?? pid,
      pgid: spec.pgid ?? spec.sess ?? pid,
      tty: spec.tty ?? '?',
      stat: spec.stat ?? 'Ss',
      rssKb: spec.rssKb ?? 3_400,
      vszKb: spec.vszKb ?? 8_600,
      cpuPercent: spec.cpuPercent ?? 0,
      cpuSeconds: spec.cpuSeconds ?? 0,
      startMs: spec.startMs ?? this.#now(),
      unit: spec.unit,
      ignores: new Set(),
      end: undefined,
    };
    this.#rows.set(pid, row);
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
    return [...this.#rows.values()].sort((a, b) => a.pid - b.pid);
  }

  /** The row's execution is over. Its children go to init. */
  remove(pid: number): void {
    this.#rows.delete(pid);
    for (const row of this.#rows.values()) if (row.ppid === pid) row.ppid = 1;
  }

  clear(): void {
    this.#rows.clear();
    this.#next = 1;
  }

  /** Signal `0` only asks. */
  signal(pid: number, signal: string, who: Credentials): void {
    const row = this.#rows.get(pid);
    if (!row) throw new SysError('ESRCH');
    if (who.uid !== 0 && who.uid !== row.uid) throw new SysError('EPERM');
    if (signal === '0' || ['CHLD', 'CONT', 'STOP', 'USR1', 'USR2'].includes(signal)) return;
    if (pid === 1 || row.args.startsWith('[')) return;
    if (signal !== 'KILL' && row.ignores.has(signal)) return;
    if (row.end) {
      row.end(signal);
      return;
    }
    if (signal === 'HUP') return; // Daemons reload.
    this.remove(pid);
    this.onDaemonGone(row, signal);
  }
}
