// The guest as one value: files, processes, units, journal, memory. The disk outlives a boot; all else begins anew with one.
import type { GuestSeed, LoadSeed } from '../seed.ts';
import { logBoot, syslogStamp } from './boot-log.ts';
import {
  type Credentials,
  credentialsOf,
  type Group,
  ROOT,
  standardGroups,
  standardUsers,
  type User,
} from './credentials.ts';
import { baseUnits, KERNEL_THREADS } from './debian.ts';
import { layDisk } from './disk.ts';
import { SysError } from './errors.ts';
import type { GuestView } from './guest-view.ts';
import { type FileSystem, normalize } from './inode.ts';
import { Journal } from './journal.ts';
import { syncProc } from './proc.ts';
import { Processes } from './processes.ts';
import type { Tree } from './tree.ts';
import { type UnitHost, Units } from './units.ts';

export interface GuestSetup {
  readonly seed: GuestSeed;
  readonly accounts: { readonly repair: string; readonly observer: string };
  readonly now: () => number;
  /** Memory of the running machine in MiB, read afresh. */
  readonly memoryMib: () => number;
  readonly cores: () => number;
}

export class Guest implements GuestView {
  readonly seed: GuestSeed;
  readonly users: User[];
  readonly groups: readonly Group[];
  readonly tree: Tree;
  readonly processes: Processes;
  readonly journal = new Journal();
  readonly units: Units;
  readonly now: () => number;
  readonly memoryMib: () => number;
  readonly cores: () => number;
  bootMs: number;
  bootNumber = 0;
  /** The boot that the lab found, with its history. */
  #found = true;

  constructor(setup: GuestSetup) {
    this.seed = setup.seed;
    this.now = setup.now;
    this.memoryMib = setup.memoryMib;
    this.cores = setup.cores;
    this.users = standardUsers(setup.accounts.repair, setup.accounts.observer);
    this.groups = [...standardGroups];
    for (const { user } of setup.seed.units) if (user !== undefined) this.#ensureUser(user);
    this.bootMs = this.now() - setup.seed.uptimeS * 1000;
    this.processes = new Processes(this.now);
    this.tree = layDisk(this);
    this.units = new Units([...baseUnits(), ...setup.seed.units], this.#unitHost());
    this.#startInit();
    this.processes.skipTo(300);
    for (const unit of this.units.list()) this.units.adopt(unit, this.bootMs);
    this.processes.skipTo(20_000 + (setup.seed.uptimeS % 9_000));
    this.#startRest();
    logBoot(this, this.bootMs);
    const at = this.now();
    for (const { agoS, kernel, priority, unit, pid, ident, message } of setup.seed.journal) {
      this.journal.add({
        atMs: at - agoS * 1000,
        boot: this.bootNumber,
        unit,
        ident,
        message,
        priority: priority ?? 6,
        kernel: kernel ?? false,
        pid: kernel ? undefined : (pid ?? (unit === undefined ? undefined : this.units.get(unit)?.mainPid)),
      });
    }
    const syslog = this.tree.write('/var/log/syslog', new Uint8Array(), ROOT, { mode: 0o640, gid: 4 });
    const lines = this.journal
      .query({ boot: 0 })
      .filter((entry) => !entry.kernel)
      .map(
        (entry) =>
          `${syslogStamp(entry.atMs)} ${this.seed.hostname} ${entry.ident}${entry.pid === undefined ? '' : `[${entry.pid}]`}: ${entry.message}\n`,
      );
    this.tree.append(syslog, new TextEncoder().encode(lines.join('')), ROOT);
    syncProc(this);
  }

  #ensureUser(name: string): void {
    if (this.users.some((user) => user.name === name)) return;
    const id = 990 - this.users.length;
    this.users.push({
      name,
      uid: id,
      gid: id,
      groups: [],
      gecos: '',
      home: `/var/lib/${name}`,
      shell: '/usr/sbin/nologin',
      sudo: 'none',
    });
    (this.groups as Group[]).push({ name, gid: id });
  }

  user(name: string): User | undefined {
    return this.users.find((user) => user.name === name);
  }
  userName(uid: number): string {
    return this.users.find((user) => user.uid === uid)?.name ?? String(uid);
  }
  groupName(gid: number): string {
    return this.groups.find((group) => group.gid === gid)?.name ?? String(gid);
  }

  uptimeS(): number {
    return Math.max(0, (this.now() - this.bootMs) / 1000);
  }

  load(): LoadSeed {
    return this.#found ? this.seed.load : this.seed.loadAfterBoot;
  }

  fileSystemOf(path: string): FileSystem {
    return this.tree.lookup(path, ROOT).fs;
  }

  /** Journal and /var/log/syslog, as journald and rsyslog share the news. */
  log(
    unit: string | undefined,
    ident: string,
    message: string,
    extra: { priority?: number; pid?: number; catalog?: string; kernel?: boolean } = {},
  ): void {
    const atMs = this.now();
    this.journal.add({
      atMs,
      boot: this.bootNumber,
      unit,
      ident,
      message,
      priority: extra.priority ?? 6,
      pid: extra.pid,
      kernel: extra.kernel ?? false,
      ...(extra.catalog === undefined ? {} : { catalog: extra.catalog }),
    });
    const who = `${ident}${extra.pid === undefined ? '' : `[${extra.pid}]`}`;
    this.appendFile(
      '/var/log/syslog',
      `${syslogStamp(atMs)} ${this.seed.hostname} ${who}: ${message}\n`,
      ROOT,
    );
  }

  /** A full disk loses the line, as it does in a real system. */
  appendFile(path: string, text: string, who: Credentials): void {
    try {
      this.tree.append(this.tree.open(path, who, false), new TextEncoder().encode(text), who);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }

  #unitHost(): UnitHost {
    return {
      processes: this.processes,
      now: this.now,
      user: (name) => this.user(name),
      freeAt: (path, user) => {
        const node = this.tree.find(normalize('/', path), ROOT) ?? this.tree.root;
        return this.tree.free(node.fs, credentialsOf(user));
      },
      appendFile: (path, text, user) => this.appendFile(path, text, credentialsOf(user)),
      log: (unit, ident, message, extra) => this.log(unit, ident, message, extra),
    };
  }

  #startInit(): void {
    const startMs = this.bootMs;
    this.processes.add({
      ppid: 0,
      uid: 0,
      comm: 'systemd',
      args: '/sbin/init',
      rssKb: 12_800,
      vszKb: 169_000,
      startMs,
      cpuSeconds: 31,
    });
    for (const [index, thread] of KERNEL_THREADS.entries()) {
      const ppid = index === 0 ? 0 : 2;
      this.processes.add({ ...thread, ppid, uid: 0, sess: 0, pgid: 0, startMs, rssKb: 0, vszKb: 0 });
    }
  }

  #startRest(): void {
    for (const process of this.seed.processes) {
      const user = this.user(process.user);
      this.processes.add({
        ...process,
        ppid: 1,
        uid: user?.uid ?? 0,
        gid: user?.gid ?? 0,
        startMs: this.bootMs,
      });
    }
  }

  /** A fresh boot: the disk stays, everything else begins anew. */
  boot(atMs: number): void {
    this.#found = false;
    this.bootNumber += 1;
    this.bootMs = atMs;
    this.processes.clear();
    for (const path of ['/tmp', '/run']) this.tree.lookup(path, ROOT).entries.clear();
    this.#startInit();
    this.processes.skipTo(300);
    logBoot(this, atMs);
    this.units.boot();
    this.#startRest();
    syncProc(this);
  }
}
