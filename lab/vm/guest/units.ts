// systemd's units: state, reasons and what a start does. A start succeeds only if what the unit needs is there; else it
// fails again and says why in the journal, as the real one would.
import type { UnitSeed } from '../seed.ts';
import { type Accounts, ROOT, type User } from './accounts.ts';
import type { Process, Processes } from './processes.ts';
import type { Tree } from './tree.ts';

export interface Unit {
  readonly name: string;
  readonly seed: UnitSeed;
  active: 'active' | 'failed' | 'inactive';
  sub: 'running' | 'exited' | 'failed' | 'dead';
  result: 'success' | 'exit-code' | 'signal';
  sinceMs: number;
  /** The main process first. */
  pids: readonly number[];
  /** Set for as long as the machine runs. */
  readonly limits: Map<string, string>;
}

/** What units touch of the rest of the guest. */
interface Guest {
  readonly accounts: Accounts;
  readonly processes: Processes;
  readonly tree: Tree;
  readonly bootMs: number;
  now(): number;
  appendTo(path: string, text: string, user: User): void;
  log(ident: string, message: string, extra: { unit: string; pid: number; priority?: number }): void;
}

export const unitName = (name: string): string =>
  /\.(service|timer|target|socket|mount)$/.test(name) ? name : `${name}.service`;
const title = ({ name, seed }: Unit): string => `${name} - ${seed.description}`;

const DOWN = { sub: 'dead', active: 'inactive', result: 'success', pids: [] } as const;

export class Units {
  readonly #units: readonly Unit[];
  readonly #guest: Guest;

  constructor(seeds: readonly UnitSeed[], guest: Guest) {
    this.#guest = guest;
    const units = seeds.map(
      (seed): Unit => ({ ...DOWN, name: seed.name, seed, sinceMs: guest.now(), limits: new Map() }),
    );
    this.#units = units.sort((a, b) => (a.name < b.name ? -1 : 1));
    guest.processes.onDaemonGone = (process, signal) => this.#processGone(process, signal);
  }

  /** `nginx` and `nginx.service` are the same. */
  get(name: string): Unit | undefined {
    return this.#units.find((unit) => unit.name === unitName(name));
  }
  list(): readonly Unit[] {
    return this.#units;
  }

  /** The state that the lab finds: no start lines, times in the past. */
  adopt(): void {
    for (const unit of this.#units) {
      const { state = 'active', sinceAgoS } = unit.seed;
      const { bootMs } = this.#guest;
      unit.sinceMs = sinceAgoS === undefined ? bootMs + 5_000 : this.#guest.now() - sinceAgoS * 1000;
      if (state === 'active') this.#run(unit);
      else this.#set(unit, 'failed', 'exit-code');
    }
  }
  /** At boot nothing runs, and everything starts. */
  boot(): void {
    for (const unit of this.#units) Object.assign(unit, DOWN, { limits: new Map() });
    for (const unit of this.#units) this.start(unit);
  }

  #log(unit: Unit, message: string, priority = 6): void {
    this.#guest.log('systemd', message, { unit: unit.name, pid: 1, priority });
  }
  #set(unit: Unit, active: 'failed' | 'inactive', result: Unit['result']): void {
    for (const pid of unit.pids) this.#guest.processes.remove(pid);
    Object.assign(unit, DOWN, { active, result, sub: active === 'failed' ? 'failed' : 'dead' });
  }
  #run(unit: Unit): void {
    const { seed } = unit;
    Object.assign(unit, DOWN, { active: 'active', sub: seed.process ? 'running' : 'exited' });
    if (seed.process === undefined) return;
    const { processes, accounts } = this.#guest;
    const uid = accounts.byName(seed.user ?? 'root')?.uid ?? 0;
    const shared = { uid, unit: unit.name, startMs: unit.sinceMs };
    const { pid } = processes.add(seed.process, { ppid: 1, ...shared });
    const children = seed.children ?? [];
    const rows = children.map((child) => processes.add(child, { ppid: pid, sess: pid, ...shared }));
    unit.pids = [pid, ...rows.map((row) => row.pid)];
  }

  #processGone({ pid, unit: name }: Process, signal: string): void {
    const unit = this.get(name);
    if (unit === undefined || pid !== unit.pids[0]) return;
    const isAsked = signal === 'TERM' || signal === 'INT';
    unit.sinceMs = this.#guest.now();
    const status = isAsked ? `15/${signal}` : `9/${signal}`;
    this.#log(unit, `${unit.name}: Main process exited, code=killed, status=${status}`, 5);
    this.#set(unit, isAsked ? 'inactive' : 'failed', isAsked ? 'success' : 'signal');
    if (isAsked) this.#log(unit, `${unit.name}: Deactivated successfully.`);
    else this.#log(unit, `${unit.name}: Failed with result 'signal'.`, 4);
  }

  /** False: it failed, and its journal says why. */
  start(unit: Unit): boolean {
    if (unit.active === 'active') return true;
    const { seed, name } = unit;
    const { accounts, tree, processes } = this.#guest;
    const user = accounts.byName(seed.user ?? 'root') ?? ROOT;
    const ident = seed.process?.comm ?? name;
    unit.sinceMs = this.#guest.now();
    this.#log(unit, `Starting ${title(unit)}...`);
    const isMissing = ({ path, bytes }: { path: string; bytes: number }): boolean =>
      tree.free((tree.find(path, ROOT) ?? tree.root).fs, user) < bytes;
    const missing = seed.needs?.find(isMissing);
    if (missing !== undefined) {
      const { pid } = processes.add({ comm: ident, args: '' }, { ppid: 1, uid: user.uid });
      processes.remove(pid);
      for (const line of missing.failure) this.#guest.log(ident, line, { unit: name, pid, priority: 3 });
      this.#log(unit, `${name}: Main process exited, code=exited, status=1/FAILURE`, 5);
      this.#log(unit, `${name}: Failed with result 'exit-code'.`, 4);
      this.#log(unit, `Failed to start ${title(unit)}.`, 3);
      this.#set(unit, 'failed', 'exit-code');
      return false;
    }
    this.#run(unit);
    if (seed.writes) this.#guest.appendTo(seed.writes.path, seed.writes.text, user);
    const pid = unit.pids[0] ?? 1;
    for (const line of seed.startLines ?? []) this.#guest.log(ident, line, { unit: name, pid });
    this.#log(unit, `Started ${title(unit)}.`);
    return true;
  }
  stop(unit: Unit): void {
    if (unit.active !== 'active') return;
    this.#log(unit, `Stopping ${title(unit)}...`);
    this.#set(unit, 'inactive', 'success');
    unit.sinceMs = this.#guest.now();
    this.#log(unit, `${unit.name}: Deactivated successfully.`);
    this.#log(unit, `Stopped ${title(unit)}.`);
  }
  resetFailed(units = this.#units): void {
    for (const unit of units) if (unit.active === 'failed') this.#set(unit, 'inactive', 'success');
  }
}
