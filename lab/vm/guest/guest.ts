// The guest as one value: accounts, files, processes, units, journal. The disk outlives a boot; all else begins anew with one.
import { BUILT_IN, PROGRAM_NAMES } from '../programs/names.ts';
import type { FileSeed, GuestSeed, LoadSeed } from '../seed.ts';
import { Accounts, NOBODY, ROOT, type User } from './accounts.ts';
import { CGROUPS, cgroupFiles } from './cgroups.ts';
import { baseFiles, baseUnits, bootLines, DEVICES, DIRECTORIES, KERNEL_THREADS } from './debian.ts';
import { entryLine, Journal } from './journal.ts';
import { PROC } from './memory.ts';
import { type Process, Processes, waitsIn } from './processes.ts';
import { BLOCK, type FileSystem, SysError, Tree } from './tree.ts';
import { type Unit, Units } from './units.ts';

export interface GuestSetup {
  readonly seed: GuestSeed;
  readonly accounts: { readonly repair: string; readonly observer: string };
  readonly now: () => number;
  /** Memory of the running machine in MiB, read afresh. */
  readonly memoryMib: () => number;
  readonly cores: () => number;
}

const MIB = 1024 * 1024;
const MOUNTS: readonly FileSystem[] = [
  { source: 'sysfs', mount: '/sys', type: 'sysfs', sizeBytes: 0 },
  { source: 'proc', mount: '/proc', type: 'proc', sizeBytes: 0 },
  { source: 'udev', mount: '/dev', type: 'devtmpfs', sizeBytes: 3_960 * MIB },
  { source: 'tmpfs', mount: '/run', type: 'tmpfs', sizeBytes: 795 * MIB },
];
const BIRTH_AGO_MS = 190 * 86_400_000;

export class Guest {
  readonly seed: GuestSeed;
  readonly accounts: Accounts;
  readonly tree: Tree;
  readonly processes: Processes;
  readonly journal = new Journal();
  readonly units: Units;
  readonly now: () => number;
  readonly memoryMib: () => number;
  readonly cores: () => number;
  bootMs: number;
  bootNumber = 0;

  constructor({ seed, accounts, now, memoryMib, cores }: GuestSetup) {
    this.seed = seed;
    this.now = now;
    this.memoryMib = memoryMib;
    this.cores = cores;
    const units = [...baseUnits(), ...seed.units];
    const daemons = units.map(({ user = 'root' }) => user);
    this.accounts = new Accounts(accounts.repair, accounts.observer, daemons);
    this.bootMs = now() - seed.uptimeS * 1000;
    this.processes = new Processes(now);
    this.tree = this.#layDisk();
    this.units = new Units(units, this);
    this.processes.onRow = (row, isThere) => this.#procOf(row, isThere);
    for (const unit of this.units.list()) this.#layCgroup(unit);
    this.#startKernel();
    this.units.adopt();
    // Years of cron jobs and logins have used up pids since.
    this.processes.skipTo(20_000 + (seed.uptimeS % 9_000));
    for (const {
      agoS,
      unit,
      pid = this.units.get(unit ?? '')?.pids[0],
      priority = 6,
      ...said
    } of seed.journal)
      this.journal.add({ ...said, atMs: now() - agoS * 1000, boot: 0, unit, pid, priority });
    const syslog = this.journal.where(({ kernel }) => kernel !== true);
    this.appendTo('/var/log/syslog', syslog.map((entry) => entryLine(entry, seed.hostname)).join(''), ROOT);
  }

  #layDisk(): Tree {
    const { seed, accounts } = this;
    // Whole blocks, so that a full disk is full to the last one.
    const whole = (bytes = 0): number => Math.floor(bytes / BLOCK) * BLOCK;
    const [root, ...others] = seed.filesystems.map((fs) => {
      return { ...fs, sizeBytes: whole(fs.sizeBytes), reservedBytes: whole(fs.reservedBytes) };
    });
    if (root === undefined) throw new Error('a guest needs a root filesystem');
    const tree = new Tree(root, this.now);
    const birth = { mtimeMs: this.now() - BIRTH_AGO_MS };
    for (const path of DIRECTORIES) tree.makeDirs(path, ROOT, birth);
    for (const name of ['bin', 'sbin', 'lib'])
      tree.place(`/${name}`, 'link', ROOT, birth, { target: `usr/${name}` });
    for (const fs of [...MOUNTS, ...others]) tree.mount(fs);
    for (const name of DEVICES) tree.place(`/dev/${name}`, 'device', ROOT, { mode: 0o666 });
    tree.makeDirs('/proc/pressure', ROOT);
    for (const [path, made] of Object.entries(PROC))
      tree.place(path, 'file', ROOT, { mode: 0o444 }, { made: () => made(this) });
    tree.change('/root', ROOT, { mode: 0o700 });
    for (const path of ['/tmp', '/var/tmp']) tree.change(path, ROOT, { mode: 0o1777 });
    for (const { home, uid, gid } of accounts.users)
      if (home.startsWith('/home/')) tree.place(home, 'dir', ROOT, { mode: 0o750, uid, gid });
    const program = { size: 35_000 };
    for (const name of [...BUILT_IN, ...PROGRAM_NAMES, 'sudo', 'systemd-run'])
      tree.place(
        `/usr/bin/${name}`,
        'file',
        ROOT,
        { mode: name === 'sudo' ? 0o4755 : 0o755, ...birth },
        program,
      );
    const passwd: FileSeed = { path: '/etc/passwd', content: accounts.passwd() };
    // What fills a disk comes last, when all else is known.
    const files = [...baseFiles(seed.hostname), passwd, ...seed.files];
    for (const file of files.sort((a, b) => Number(a.size === 'rest') - Number(b.size === 'rest')))
      this.#layFile(tree, file);
    return tree;
  }

  /** Below /proc: what the runbooks read of one process. */
  #procOf(row: Process, isThere: boolean): void {
    const dir = `/proc/${row.pid}`;
    if (!isThere) {
      this.tree.remove(dir, ROOT, true);
      return;
    }
    this.tree.place(dir, 'dir', ROOT, { mode: 0o555, uid: row.uid });
    const made = {
      cmdline: () => row.args.replaceAll(' ', '\0'),
      comm: () => `${row.comm}\n`,
      wchan: () => waitsIn(row),
    };
    for (const [name, text] of Object.entries(made))
      this.tree.place(`${dir}/${name}`, 'file', ROOT, { mode: 0o444, uid: row.uid }, { made: text });
  }
  #layCgroup(unit: Unit): void {
    const dir = `${CGROUPS}/system.slice/${unit.name}`;
    this.tree.makeDirs(dir, ROOT);
    for (const [file, made] of Object.entries(cgroupFiles(this.processes, unit)))
      this.tree.place(`${dir}/${file}`, 'file', ROOT, { mode: 0o444 }, { made });
  }

  #layFile(
    tree: Tree,
    { path, content = '', size, mode, owner = 'root', group, agoS = 0, directory }: FileSeed,
  ) {
    const { accounts } = this;
    const mtimeMs = this.now() - agoS * 1000;
    const at = { uid: accounts.byName(owner)?.uid ?? 0, gid: accounts.gid(group ?? owner), mtimeMs };
    const own = mode === undefined ? at : { ...at, mode };
    if (directory) {
      tree.makeDirs(path, ROOT, at);
      tree.change(path, ROOT, own);
      return;
    }
    // A directory of an application belongs to it, like its files.
    const parent = tree.makeDirs(path.replace(/\/[^/]*$/, ''), ROOT, owner === 'root' ? { mtimeMs } : at);
    const node = tree.open(path, ROOT, false, own);
    tree.append(node, Buffer.from(content), ROOT);
    node.size = size === 'rest' ? node.size + tree.free(node.fs, NOBODY) : Math.max(size ?? 0, node.size);
    node.mtimeMs = mtimeMs;
    parent.mtimeMs = mtimeMs;
  }

  uptimeS(): number {
    return Math.max(0, (this.now() - this.bootMs) / 1000);
  }
  load(): LoadSeed {
    return this.bootNumber === 0 ? this.seed.load : this.seed.loadAfterBoot;
  }

  /** Journal and /var/log/syslog, as journald and rsyslog share the news. */
  log(ident: string, message: string, extra: { unit?: string; pid?: number; priority?: number } = {}): void {
    const entry = { atMs: this.now(), boot: this.bootNumber, ident, message, priority: 6, ...extra };
    this.journal.add(entry);
    this.appendTo('/var/log/syslog', entryLine(entry, this.seed.hostname), ROOT);
  }
  /** As a daemon writes its log: what does not fit on a full disk is lost. */
  appendTo(path: string, text: string, user: User): void {
    try {
      this.tree.append(this.tree.open(path, user), Buffer.from(text), user);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }

  #startKernel(): void {
    const [startMs, boot] = [this.bootMs, this.bootNumber];
    const init = { comm: 'systemd', args: '/sbin/init', rssKb: 12_800, cpuSeconds: 31 };
    this.processes.add(init, { ppid: 0, uid: 0, startMs });
    for (const [index, args] of KERNEL_THREADS.entries()) {
      const thread = { comm: args.slice(1, -1), args, stat: index === 0 ? 'S' : 'I', rssKb: 0 };
      this.processes.add(thread, { ppid: index === 0 ? 0 : 2, uid: 0, sess: 0, startMs });
    }
    this.processes.skipTo(300);
    for (const { afterMs, ...said } of bootLines(this.memoryMib() * 1000, this.cores()))
      this.journal.add({ ...said, ident: 'kernel', kernel: true, atMs: startMs + afterMs, boot });
  }

  /** A fresh boot: the disk stays, everything else begins anew. */
  boot(atMs: number): void {
    this.bootNumber += 1;
    this.bootMs = atMs;
    this.processes.clear();
    for (const path of ['/tmp', '/run']) this.tree.lookup(path, ROOT).entries.clear();
    this.#startKernel();
    this.units.boot();
  }
}
