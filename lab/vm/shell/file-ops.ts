// The file operations of a shell, each done with the credentials of its process.
import type { Credentials } from '../state/credentials.ts';
import { SysError } from '../state/errors.ts';
import type { Guest } from '../state/guest.ts';
import type { Inode } from '../state/inode.ts';
import { syncProc } from '../state/proc.ts';
import type { ShellOps, StatResult } from './messages.ts';

type FileOps = Omit<ShellOps, 'write' | 'stdin' | 'run' | 'background' | 'wait' | 'become' | 'trap'>;

const kindBits = { file: 0o100000, dir: 0o040000, link: 0o120000, device: 0o020000 } as const;

const statOf = (node: Inode): StatResult => ({
  isFile: node.kind === 'file',
  isDirectory: node.kind === 'dir',
  isSymbolicLink: node.kind === 'link',
  mode: node.mode | kindBits[node.kind],
  // What reading gives. Of a file of gigabytes that is its end, and the interpreter refuses to read more than it can hold.
  size: node.made ? 1 : node.size > 0 ? Math.max(1, node.data.length) : 0,
  mtimeMs: node.mtimeMs,
  dev: node.fs.dev,
  ino: node.ino,
});

/** Removes a tree as `rm -r` does. Stops at the first thing that may not go. */
export const removeTree = (guest: Guest, path: string, who: Credentials): void => {
  const node = guest.tree.lookup(path, who, false);
  if (node.kind === 'dir') {
    if (node.entries.size > 0) guest.tree.need(node, who, 4);
    for (const name of Array.from(node.entries.keys())) removeTree(guest, `${path}/${name}`, who);
  }
  guest.tree.remove(path, who);
};

export const fileOps = (guest: Guest, who: Credentials): FileOps => {
  const { tree } = guest;
  const fresh = (path: string): void => {
    if (path.startsWith('/proc')) syncProc(guest);
  };
  return {
    openForWrite: async (path, truncate) => {
      tree.open(path, who, truncate);
    },
    read: async (path) => {
      fresh(path);
      const bytes = tree.read(path, who);
      return bytes;
    },
    store: async (path, data, append) => {
      tree.append(tree.open(path, who, !append), data, who);
    },
    stat: async (path, follow) => {
      fresh(path);
      return statOf(tree.lookup(path, who, follow));
    },
    list: async (path) => {
      fresh(path);
      const node = tree.lookup(path, who);
      if (node.kind !== 'dir') throw new SysError('ENOTDIR');
      tree.need(node, who, 4);
      return [...node.entries]
        .map(([name, { kind }]) => ({ name, kind }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    remove: async (path, recursive, force) => {
      const node = tree.find(path, who, false);
      if (!node) {
        if (force) return;
        throw new SysError('ENOENT');
      }
      if (recursive) removeTree(guest, path, who);
      else tree.remove(path, who);
    },
    makeDir: async (path, recursive) => {
      if (recursive) tree.makeDirs(path, who);
      else tree.makeDir(path, who);
    },
    copy: async (from, to) => tree.copy(from, to, who),
    move: async (from, to) => tree.rename(from, to, who),
    chmod: async (path, mode) => tree.change(path, who, { mode }),
    symlink: async (target, path) => {
      tree.place(path, 'link', who, {}, { target });
    },
    link: async (existing, path) => tree.link(existing, path, who),
    readlink: async (path) => {
      const node = tree.lookup(path, who, false);
      if (node.kind !== 'link') throw new SysError('EINVAL');
      return node.target;
    },
    realpath: async (path) => {
      const real = tree.realpath(path, who);
      tree.lookup(real, who);
      return real;
    },
    touch: async (path, mtimeMs) => tree.change(path, who, { mtimeMs }),
  };
};
