// What a shell may ask of the machine, answered from the guest's state with the rights of the user that it names.
import type { FsStat } from 'just-bash';
import type { User } from './guest/accounts.ts';
import type { Guest } from './guest/guest.ts';
import { type Process, SIGNALS, type Signal } from './guest/processes.ts';
import { type Node, READ, SysError } from './guest/tree.ts';
import { plainTests } from './programs/find-tests.ts';
import { type Answer, type Call, done, Usage } from './programs/program.ts';
import { sudo } from './programs/sudo.ts';
import { PROGRAMS } from './programs/table.ts';

interface Request {
  readonly name: string;
  readonly args: readonly string[];
  readonly uid: number;
  readonly cwd: string;
}

export interface Session {
  readonly guest: Guest;
  readonly login: Process;
  readonly output: (stream: 'stdout' | 'stderr', data: Uint8Array) => void | Promise<void>;
  /** For something that the shell runs. */
  readonly signal: (pid: number, number: number) => void;
}

const KIND_BITS = { file: 0o100000, dir: 0o040000, link: 0o120000, device: 0o020000 };
/** `mount`: where its filesystem is mounted. */
const statOf = ({ kind, mode, size, mtimeMs, ino, fs }: Node): FsStat & { mount: string } => {
  const [isDirectory, isSymbolicLink] = [kind === 'dir', kind === 'link'];
  const kinds = { isDirectory, isSymbolicLink, isFile: !isDirectory && !isSymbolicLink };
  return {
    ...kinds,
    mode: mode | KIND_BITS[kind],
    size,
    mtime: new Date(mtimeMs),
    dev: 1,
    ino,
    mount: fs.mount,
  };
};

const run = (name: string, call: Call): Answer => {
  try {
    return PROGRAMS[name]?.(call) ?? done('', '', 127);
  } catch (error) {
    // A pattern that the caller gave.
    if (error instanceof SyntaxError) return done('', `${name}: invalid regular expression\n`, 2);
    if (!(error instanceof Usage)) throw error;
    if (error.isHelp) return done(`Usage: ${name} ${error.message}\n`);
    const code = name === 'ls' ? 2 : 1;
    return done('', `${name}: ${error.message}\nTry '${name} --help' for more information.\n`, code);
  }
};

export const callsOf = ({ guest, login, output, signal }: Session) => {
  const { tree, processes, accounts } = guest;
  const who = (uid: number): User => accounts.byUid(uid);
  const callOf = ({ args, cwd, uid }: Request): Call => ({
    guest,
    args,
    cwd,
    who: who(uid),
    sess: login.pid,
  });
  return {
    output,
    program: (asked: Request): Answer => run(asked.name, callOf(asked)),
    sudo: (asked: Request) => sudo(callOf(asked)),
    plainTests: (asked: Request) => plainTests(callOf(asked)),
    /** A row in the process table; gives its pid. */
    enter: (args: string, ppid: number, uid: number): number => {
      const comm = args.split(' ', 1)[0] ?? '';
      const row = processes.add({ comm, args }, { ppid, uid, sess: login.pid });
      row.end = (name: Signal) => signal(row.pid, SIGNALS[name]);
      return row.pid;
    },
    leave: (pid: number) => processes.remove(pid),
    read: (uid: number, path: string): Uint8Array => tree.read(path, who(uid)),
    /** Opens for writing: creates it, or empties it. */
    open: (uid: number, path: string, truncate: boolean) => void tree.open(path, who(uid), truncate),
    append: (uid: number, path: string, data: Uint8Array) =>
      tree.append(tree.open(path, who(uid)), data, who(uid)),
    stat: (uid: number, path: string, follow: boolean) => statOf(tree.lookup(path, who(uid), follow)),
    list: (uid: number, path: string) => {
      const node = tree.lookup(path, who(uid));
      if (node.kind !== 'dir') throw new SysError('ENOTDIR');
      tree.need(node, who(uid), READ);
      const entries = [...node.entries].map(([name, { kind }]) => ({ name, kind }));
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    mkdir: (uid: number, path: string, parents: boolean) =>
      void (parents ? tree.makeDirs(path, who(uid)) : tree.place(path, 'dir', who(uid))),
    rm: (uid: number, path: string, recursive: boolean) => tree.remove(path, who(uid), recursive),
    cp: (uid: number, from: string, to: string) => tree.copy(from, to, who(uid)),
    mv: (uid: number, from: string, to: string) => tree.rename(from, to, who(uid)),
    change: (uid: number, path: string, at: { readonly mode?: number; readonly mtimeMs?: number }) =>
      tree.change(path, who(uid), at),
    symlink: (uid: number, path: string, target: string) =>
      void tree.place(path, 'link', who(uid), {}, { target, size: target.length }),
    readlink: (uid: number, path: string): string => tree.lookup(path, who(uid), false).target,
    realpath: (uid: number, path: string): string => tree.realpath(path, who(uid)),
  };
};

export type MachineCalls = ReturnType<typeof callsOf>;
