// systemd's units: state, reasons and what a start does. A start succeeds only if what the unit needs is there; else it
// fails again and says why in the journal, as the real one would.
import type { UnitSeed } from '../seed.ts';
import type { User } from './credentials.ts';
import type { Process, Processes } from './processes.ts';

export interface Unit {
  readonly name: string;
  readonly seed: UnitSeed;
  enabled: boolean;
  active: 'active' | 'failed' | 'inactive';
  sub: 'running' | 'exited' | 'failed' | 'dead';
  result: 'success' | 'exit-code' | 'signal' | 'core-dump';
  exitStatus: number;
  signal: string | undefined;
  sinceMs: number;
  mainPid: number;
  pids: number[];
  startedMs: number;
}

/** What units touch of the rest of the guest. */
export interface UnitHost {
  readonly processes: Processes;
  now(): number;
  user(name: string): User | undefined;
  /** Bytes that this user may still write where the path lies. */
  freeAt(path: string, user: User): number;
  appendFile(path: string, text: string, user: User): void;
  log(
    unit: string,
    ident: string,
    message: string,
    extra?: { priority?: number; pid?: number; catalog?: string },
  ): void;
}

export type UnitOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'not-found' | 'failed' };

const SPAWN_KB = 24_000;

export class Units {
  readonly #units = new Map<string, Unit>();
  readonly #host: UnitHost;

  constructor(seeds: readonly UnitSeed[], host: UnitHost) {
    this.#host = host;
    for (const seed of seeds) {
      this.#units.set(seed.name, {
        name: seed.name,
        seed,
        enabled: seed.enabled ?? true,
        active: 'inactive',
        sub: 'dead',
        result: 'success',
        exitStatus: 0,
        signal: undefined,
        sinceMs: host.now(),
        mainPid: 0,
        pids: [],
        startedMs: 0,
      });
    }
    host.processes.onDaemonGone = (process, signal) => this.#processGone(process, signal);
  }

  /** `nginx` and `nginx.service` are the same. */
  get(name: string): Unit | undefined {
    return this.#units.get(name.includes('.') ? name : `${name}.service`);
  }

  list(): Unit[] {
    return [...this.#units.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The state that the lab finds: no start lines, times in the past. */
  adopt(unit: Unit, bootMs: number): void {
    const sinceMs =
      unit.seed.sinceAgoS === undefined ? bootMs + 5_000 : this.#host.now() - unit.seed.sinceAgoS * 1000;
    unit.sinceMs = sinceMs;
    unit.startedMs = sinceMs;
    const state = unit.seed.state ?? 'active';
    if (state === 'active') this.#run(unit, sinceMs);
    else if (state === 'failed') this.#setFailed(unit, unit.seed.exitStatus ?? 1);
    else Object.assign(unit, { active: 'inactive', sub: 'dead' });
    unit.sinceMs = sinceMs;
  }

  /** At boot: nothing runs; what is enabled starts. */
  boot(): void {
    for (const unit of this.#units.values()) {
      Object.assign(unit, { active: 'inactive', sub: 'dead', mainPid: 0, pids: [], result: 'success' });
    }
    for (const unit of this.#units.values()) if (unit.enabled) this.start(unit.name);
  }

  #processGone(process: Process, signal: string): void {
    const unit = process.unit === undefined ? undefined : this.get(process.unit);
    if (unit?.active !== 'active' || process.pid !== unit.mainPid) return;
    for (const pid of unit.pids) this.#host.processes.remove(pid);
    const status = `${signal === 'KILL' ? '9/KILL' : `15/${signal}`}`;
    this.#host.log(unit.name, 'systemd', `${unit.name}: Main process exited, code=killed, status=${status}`, {
      pid: 1,
      priority: 5,
    });
    Object.assign(unit, { mainPid: 0, pids: [], sinceMs: this.#host.now() });
    if (signal === 'TERM' || signal === 'INT') {
      Object.assign(unit, { active: 'inactive', sub: 'dead', result: 'success' });
      this.#host.log(unit.name, 'systemd', `${unit.name}: Deactivated successfully.`, { pid: 1 });
    } else {
      Object.assign(unit, { active: 'failed', sub: 'failed', result: 'signal', signal });
      this.#host.log(unit.name, 'systemd', `${unit.name}: Failed with result 'signal'.`, {
        pid: 1,
        priority: 4,
      });
    }
  }

  #run(unit: Unit, startMs: number): void {
    const { seed } = unit;
    unit.active = 'active';
    unit.result = 'success';
    unit.exitStatus = 0;
    unit.signal = undefined;
    unit.sub = seed.type === 'oneshot' || !seed.process ? 'exited' : 'running';
    unit.pids = [];
    unit.mainPid = 0;
    if (seed.type === 'oneshot' || !seed.process) return;
    const user = this.#host.user(seed.user ?? 'root');
    const ids = { uid: user?.uid ?? 0, gid: user?.gid ?? 0, unit: unit.name, startMs, rssKb: SPAWN_KB };
    const main = this.#host.processes.add({ ppid: 1, ...ids, ...seed.process });
    unit.mainPid = main.pid;
    unit.pids = [main.pid];
    for (const child of seed.children ?? []) {
      const row = this.#host.processes.add({ ppid: main.pid, sess: main.pid, stat: 'S', ...ids, ...child });
      unit.pids.push(row.pid);
    }
  }

  #setFailed(unit: Unit, exitStatus: number): void {
    Object.assign(unit, {
      active: 'failed',
      sub: 'failed',
      result: 'exit-code',
      exitStatus,
      mainPid: 0,
      pids: [],
    });
  }

  start(name: string): UnitOutcome {
    const unit = this.get(name);
    if (!unit) return { ok: false, reason: 'not-found' };
    if (unit.active === 'active' && unit.sub === 'running') return { ok: true };
    const { seed } = unit;
    const host = this.#host;
    const user = host.user(seed.user ?? 'root') ?? host.user('root');
    const title = `${unit.name} - ${seed.description}`;
    if (!user) return { ok: false, reason: 'failed' };
    unit.sinceMs = host.now();
    unit.startedMs = unit.sinceMs;
    const begin = { pid: 1, catalog: `A start job for unit ${unit.name} has begun execution.` };
    if (seed.type !== 'simple') host.log(unit.name, 'systemd', `Starting ${title}...`, begin);
    const missing = (seed.needs ?? []).find((need) => host.freeAt(need.path, user) < need.bytes);
    if (missing) {
      const pid = host.processes.add({ ppid: 1, uid: user.uid, comm: 'dead', args: '' }).pid;
      host.processes.remove(pid);
      const ident = seed.process?.comm ?? unit.name.replace(/\.service$/, '');
      for (const line of missing.failure) host.log(unit.name, ident, line, { pid, priority: 3 });
      const status = seed.exitStatus ?? 1;
      host.log(
        unit.name,
        'systemd',
        `${unit.name}: Main process exited, code=exited, status=${status}/FAILURE`,
        {
          pid: 1,
          priority: 5,
          catalog: `An ExecStart= process belonging to unit ${unit.name} has exited.\n\nThe process' exit code is 'exited' and its exit status is ${status}.`,
        },
      );
      host.log(unit.name, 'systemd', `${unit.name}: Failed with result 'exit-code'.`, {
        pid: 1,
        priority: 4,
        catalog: `The unit ${unit.name} has entered the 'failed' state with result 'exit-code'.`,
      });
      host.log(unit.name, 'systemd', `Failed to start ${title}.`, {
        pid: 1,
        priority: 3,
        catalog: `A start job for unit ${unit.name} has finished with a failure.\n\nThe job result is failed.`,
      });
      this.#setFailed(unit, status);
      return { ok: false, reason: 'failed' };
    }
    this.#run(unit, unit.sinceMs);
    if (seed.writes) host.appendFile(seed.writes.path, seed.writes.text, user);
    const ident = seed.process?.comm ?? unit.name.replace(/\.service$/, '');
    for (const line of seed.startLines ?? []) host.log(unit.name, ident, line, { pid: unit.mainPid });
    const verb = seed.type === 'oneshot' ? 'Finished' : 'Started';
    host.log(unit.name, 'systemd', `${verb} ${title}.`, {
      pid: 1,
      catalog: `A start job for unit ${unit.name} has finished successfully.`,
    });
    return { ok: true };
  }

  stop(name: string): UnitOutcome {
    const unit = this.get(name);
    if (!unit) return { ok: false, reason: 'not-found' };
    if (unit.active !== 'active') return { ok: true };
    const title = `${unit.name} - ${unit.seed.description}`;
    this.#host.log(unit.name, 'systemd', `Stopping ${title}...`, { pid: 1 });
    for (const pid of unit.pids) this.#host.processes.remove(pid);
    Object.assign(unit, {
      active: 'inactive',
      sub: 'dead',
      result: 'success',
      mainPid: 0,
      pids: [],
      sinceMs: this.#host.now(),
    });
    this.#host.log(unit.name, 'systemd', `${unit.name}: Deactivated successfully.`, { pid: 1 });
    this.#host.log(unit.name, 'systemd', `Stopped ${title}.`, { pid: 1 });
    return { ok: true };
  }

  resetFailed(name?: string): boolean {
    const units = name === undefined ? this.list() : [this.get(name)];
    for (const unit of units) {
      if (!unit) return false;
      if (unit.active === 'failed')
        Object.assign(unit, { active: 'inactive', sub: 'dead', result: 'success' });
    }
    return true;
  }
}
