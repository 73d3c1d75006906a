// The guest's files: nodes in one tree over mounted filesystems. A file has a logical size of its own, so that 31 GB need no
// bytes here; df, du, ls and find all count the same nodes. Every call is made by somebody, and may be refused.
import { ROOT, type Who } from './accounts.ts';

/** What a system call fails with, in the words that Linux programs print. */
const WORDS = {
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOSPC: 'No space left on device',
  ELOOP: 'Too many levels of symbolic links',
  EINVAL: 'Invalid argument',
  EBUSY: 'Device or resource busy',
  ESRCH: 'No such process',
} as const;

export class SysError extends Error {
  readonly code: keyof typeof WORDS;
  constructor(code: keyof typeof WORDS) {
    super(WORDS[code]);
    this.code = code;
  }
}

export const BLOCK = 4096;
/** The real bytes kept of one file at most; the lab's own memory is bounded by it. */
const CONTENT_CAP = 8 * 1024 * 1024;
const MAX_LINKS = 20;
const EXECUTE = 1;
const WRITE = 2;
export const READ = 4;

export interface FileSystem {
  readonly source: string;
  readonly mount: string;
  readonly type: string;
  readonly sizeBytes: number;
  /** Only root may use these last bytes, as ext4 keeps 5 %. */
  readonly reservedBytes?: number;
}

export interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeMs?: number;
}

export interface Node {
  readonly ino: number;
  readonly kind: 'file' | 'dir' | 'link' | 'device';
  readonly fs: FileSystem;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  /** Logical size. The bytes may be fewer: `data` then is the end of the file. */
  size: number;
  data: Buffer;
  readonly entries: Map<string, Node>;
  /** Of a link. */
  readonly target: string;
  /** Made at reading, as below /proc. */
  readonly made?: () => string;
}

const isVirtual = ({ type }: FileSystem): boolean => type !== 'ext4' && type !== 'tmpfs';
const blocks = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
/** What a node takes of the disk. */
export const diskBytes = ({ fs, kind, size }: Node): number =>
  isVirtual(fs) || kind === 'link' ? 0 : blocks(size);

export const normalize = (cwd: string, path: string): string => {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/'))
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  return `/${parts.join('/')}`;
};
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
export const joined = (dir: string, name: string): string => `${dir.replace(/\/$/, '')}/${name}`;

export class Tree {
  readonly root: Node;
  readonly mounts: FileSystem[];
  readonly #now: () => number;
  #ino = 1;

  constructor(root: FileSystem, now: () => number) {
    this.#now = now;
    this.mounts = [root];
    this.root = this.#make('dir', root, {});
  }

  #make(kind: Node['kind'], fs: FileSystem, at: Attributes, more: Partial<Node> = {}): Node {
    this.#ino += 1;
    const usual = { mode: kind === 'dir' ? 0o755 : kind === 'link' ? 0o777 : 0o644, uid: 0, gid: 0 };
    const content = {
      size: kind === 'dir' ? BLOCK : 0,
      data: Buffer.alloc(0),
      entries: new Map(),
      target: '',
    };
    return { ino: this.#ino, kind, fs, mtimeMs: this.#now(), ...usual, ...content, ...at, ...more };
  }

  /** Makes the directory, and mounts a filesystem on it. */
  mount(fs: FileSystem): void {
    this.mounts.push(fs);
    this.makeDirs(parentOf(fs.mount), ROOT).entries.set(nameOf(fs.mount), this.#make('dir', fs, {}));
  }

  allows(node: Node, who: Who, want: number): boolean {
    if (who.uid === 0) return want !== EXECUTE || node.kind === 'dir' || (node.mode & 0o111) !== 0;
    const shift = node.uid === who.uid ? 6 : [who.gid, ...who.groups].includes(node.gid) ? 3 : 0;
    return ((node.mode >> shift) & want) === want;
  }
  need(node: Node, who: Who, want: number): void {
    if (!this.allows(node, who, want)) throw new SysError('EACCES');
  }

  /** The node at an absolute path, and the path without links. The last link is followed unless `follow` is false. */
  #walk(path: string, who: Who, follow: boolean, links = 0): { node: Node; real: string } {
    if (links > MAX_LINKS) throw new SysError('ELOOP');
    let [node, real] = [this.root, ''];
    const parts = path.split('/').filter((part) => part !== '');
    for (const [index, part] of parts.entries()) {
      if (node.kind !== 'dir') throw new SysError('ENOTDIR');
      this.need(node, who, EXECUTE);
      const next = node.entries.get(part);
      if (next === undefined) throw new SysError('ENOENT');
      const rest = parts.slice(index + 1);
      if (next.kind === 'link' && (follow || rest.length > 0))
        return this.#walk(normalize(real, [next.target, ...rest].join('/')), who, follow, links + 1);
      real = `${real}/${part}`;
      node = next;
    }
    return { node, real: real || '/' };
  }
  lookup(path: string, who: Who, follow = true): Node {
    return this.#walk(path, who, follow).node;
  }
  realpath(path: string, who: Who): string {
    return this.#walk(path, who, true).real;
  }
  /** undefined where there is nothing; refusals are thrown. */
  find(path: string, who: Who, follow = true): Node | undefined {
    try {
      return this.lookup(path, who, follow);
    } catch (error) {
      if (error instanceof SysError && ['ENOENT', 'ENOTDIR'].includes(error.code)) return undefined;
      throw error;
    }
  }
  #writableParent(path: string, who: Who, isNew = false): Node {
    const parent = this.lookup(parentOf(path), who);
    if (parent.kind !== 'dir') throw new SysError('ENOTDIR');
    if (isNew && parent.entries.has(nameOf(path))) throw new SysError('EEXIST');
    this.need(parent, who, WRITE | EXECUTE);
    return parent;
  }

  /** Every node of one filesystem, from its root down. */
  *nodesOf(fs: FileSystem, node = this.lookup(fs.mount, ROOT)): Generator<Node> {
    if (node.fs !== fs) return;
    yield node;
    for (const child of node.entries.values()) yield* this.nodesOf(fs, child);
  }
  used(fs: FileSystem): number {
    return this.nodesOf(fs).reduce((sum, node) => sum + diskBytes(node), 0);
  }
  /** Bytes that somebody may still write. */
  free(fs: FileSystem, who: Who): number {
    return Math.max(0, fs.sizeBytes - this.used(fs) - (who.uid === 0 ? 0 : (fs.reservedBytes ?? 0)));
  }

  read(path: string, who: Who): Buffer {
    const node = this.lookup(path, who);
    if (node.kind === 'dir') throw new SysError('EISDIR');
    this.need(node, who, READ);
    return node.made ? Buffer.from(node.made()) : node.data;
  }
  /** Opens for writing, and creates what is not there. Opening a new file needs no free block, as on ext4. */
  open(path: string, who: Who, truncate = false, at: Attributes = {}): Node {
    const found = this.find(path, who);
    if (found === undefined) return this.place(path, 'file', who, at);
    if (found.kind === 'dir') throw new SysError('EISDIR');
    this.need(found, who, WRITE);
    if (truncate) this.resize(found, 0, who);
    return found;
  }
  /** Sets the logical size. Shrinking frees blocks at once. */
  resize(node: Node, size: number, who: Who): void {
    if (node.kind !== 'file' || node.made) return;
    const more = blocks(size) - blocks(node.size);
    if (more > 0 && more > this.free(node.fs, who)) throw new SysError('ENOSPC');
    node.size = size;
    node.data = node.data.subarray(0, size);
    node.mtimeMs = this.#now();
  }
  append(node: Node, bytes: Uint8Array, who: Who): void {
    this.resize(node, node.size + bytes.length, who);
    if (node.kind === 'file') node.data = Buffer.concat([node.data, bytes]).subarray(-CONTENT_CAP);
  }

  /** With its parents; gives what is there already. */
  makeDirs(path: string, who: Who, at: Attributes = {}): Node {
    const found = this.find(path, who);
    if (found) return found;
    this.makeDirs(parentOf(path), who, at);
    return this.place(path, 'dir', who, at);
  }
  /** Something new. */
  place(path: string, kind: Node['kind'], who: Who, at: Attributes = {}, more: Partial<Node> = {}): Node {
    const parent = this.#writableParent(path, who, true);
    if (kind === 'dir' && !isVirtual(parent.fs) && this.free(parent.fs, who) < BLOCK)
      throw new SysError('ENOSPC');
    const node = this.#make(kind, parent.fs, { uid: who.uid, gid: who.gid, ...at }, more);
    parent.entries.set(nameOf(path), node);
    parent.mtimeMs = this.#now();
    return node;
  }

  #mayUnlink(path: string, who: Who): { parent: Node; node: Node } {
    const node = this.lookup(path, who, false);
    const parent = this.#writableParent(path, who);
    if (node.fs !== parent.fs || node === this.root) throw new SysError('EBUSY');
    const isSticky = (parent.mode & 0o1000) !== 0 && who.uid !== 0;
    if (isSticky && who.uid !== node.uid && who.uid !== parent.uid) throw new SysError('EPERM');
    return { parent, node };
  }
  /** Stops at the first thing that may not go. */
  remove(path: string, who: Who, recursive = false): void {
    const { parent, node } = this.#mayUnlink(path, who);
    if (node.entries.size > 0 && !recursive) throw new SysError('ENOTEMPTY');
    if (node.entries.size > 0) this.need(node, who, READ);
    for (const name of Array.from(node.entries.keys())) this.remove(joined(path, name), who, true);
    parent.entries.delete(nameOf(path));
    parent.mtimeMs = this.#now();
  }
  /** To another filesystem as a copy. */
  rename(from: string, to: string, who: Who): void {
    const { parent, node } = this.#mayUnlink(from, who);
    if (to === from || to.startsWith(`${from}/`)) throw new SysError('EINVAL');
    const into = this.#writableParent(to, who);
    if (into.fs !== node.fs) {
      this.copy(from, to, who);
      this.remove(from, who, true);
      return;
    }
    if ((into.entries.get(nameOf(to))?.entries.size ?? 0) > 0) throw new SysError('ENOTEMPTY');
    parent.entries.delete(nameOf(from));
    into.entries.set(nameOf(to), node);
  }
  /** A directory with all that is in it; a file with its logical size, for all of which there must be room. */
  copy(from: string, to: string, who: Who): void {
    const { kind, mode, size, made, entries } = this.lookup(from, who);
    if (kind === 'dir') {
      this.makeDirs(to, who, { mode });
      for (const name of Array.from(entries.keys())) this.copy(joined(from, name), joined(to, name), who);
      return;
    }
    const bytes = this.read(from, who);
    const node = this.open(to, who, true, { mode: mode & 0o777 });
    this.resize(node, made ? bytes.length : size, who);
    if (node.kind === 'file') node.data = bytes;
  }
  change(path: string, who: Who, at: Attributes): void {
    const node = this.lookup(path, who);
    if (who.uid !== 0 && node.uid !== who.uid) throw new SysError('EPERM');
    Object.assign(node, at);
  }
}
