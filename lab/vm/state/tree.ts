// The guest's files: inodes in one tree over mounted filesystems. A file has a logical size of its own, so that 31 GB need
// no bytes here; df, du, ls and stat all count the same inodes. Every call takes the caller's credentials.
// Over 300 lines because it is one thing: the calls share the walk, the permissions and the free space.
import type { Credentials } from './credentials.ts';
import { SysError } from './errors.ts';
import {
  type Attributes,
  BLOCK,
  blocks,
  CONTENT_CAP,
  EMPTY,
  type FileSystem,
  type Inode,
  isVirtual,
  MODE_MASK,
  nameOf,
  normalize,
  parentOf,
} from './inode.ts';

export class Tree {
  readonly root: Inode;
  readonly mounts: FileSystem[] = [];
  #ino = 11;
  #now: () => number;

  constructor(root: Omit<FileSystem, 'dev'>, now: () => number) {
    this.#now = now;
    const fs = { ...root, dev: 1 };
    this.mounts.push(fs);
    this.root = this.#make('dir', fs, { mode: 0o755 });
  }

  #make(
    kind: Inode['kind'],
    fs: FileSystem,
    at: Attributes,
    extra: { target?: string; made?: () => string } = {},
  ): Inode {
    this.#ino += 1;
    return {
      ino: this.#ino,
      kind,
      fs,
      mode: at.mode ?? (kind === 'dir' ? 0o755 : kind === 'link' ? 0o777 : 0o644),
      uid: at.uid ?? 0,
      gid: at.gid ?? 0,
      mtimeMs: at.mtimeMs ?? this.#now(),
      nlink: kind === 'dir' ? 2 : 1,
      size: kind === 'dir' ? BLOCK : (extra.target?.length ?? 0),
      data: EMPTY,
      entries: new Map(),
      target: extra.target ?? '',
      ...(extra.made ? { made: extra.made } : {}),
    };
  }

  /** Mounts a filesystem on an existing directory, whose content it hides. */
  mount(fs: Omit<FileSystem, 'dev'>): void {
    const mounted = { ...fs, dev: this.mounts.length + 1 };
    this.mounts.push(mounted);
    const at = this.#make('dir', mounted, {
      mode: fs.type === 'tmpfs' && fs.mount === '/tmp' ? 0o1777 : 0o755,
    });
    this.#parent(fs.mount).entries.set(nameOf(fs.mount), at);
  }

  #parent(path: string): Inode {
    const parent = this.lookup(parentOf(path), { uid: 0, gid: 0, groups: [] });
    if (parent.kind !== 'dir') throw new SysError('ENOTDIR');
    return parent;
  }

  allows(node: Inode, who: Credentials, want: 1 | 2 | 4): boolean {
    if (who.uid === 0) return want !== 1 || node.kind === 'dir' || (node.mode & 0o111) !== 0;
    const shift = node.uid === who.uid ? 6 : node.gid === who.gid || who.groups.includes(node.gid) ? 3 : 0;
    return ((node.mode >> shift) & want) === want;
  }

  need(node: Inode, who: Credentials, want: 1 | 2 | 4): void {
    if (!this.allows(node, who, want)) throw new SysError('EACCES');
  }

  /** The inode at an absolute path; the last link is followed unless `follow` is false. */
  lookup(path: string, who: Credentials, follow = true, depth = 0): Inode {
    if (depth > 20) throw new SysError('ELOOP');
    let node = this.root;
    const parts = path.split('/').filter((part) => part !== '');
    for (const [index, part] of parts.entries()) {
      if (node.kind !== 'dir') throw new SysError('ENOTDIR');
      this.need(node, who, 1);
      const next = node.entries.get(part);
      if (next === undefined) throw new SysError('ENOENT');
      if (next.kind === 'link' && (follow || index < parts.length - 1)) {
        const base = `/${parts.slice(0, index).join('/')}`;
        const rest = parts.slice(index + 1).join('/');
        return this.lookup(normalize(base, `${next.target}/${rest}`), who, follow, depth + 1);
      }
      node = next;
    }
    return node;
  }

  /** Absolute path with every link resolved. The last part may be missing. */
  realpath(path: string, who: Credentials, depth = 0): string {
    if (depth > 20) throw new SysError('ELOOP');
    let at = '';
    for (const part of path.split('/').filter((piece) => piece !== '')) {
      const here = `${at}/${part}`;
      const found = this.find(here, who, false);
      if (found?.kind === 'link') {
        const rest = path.slice(path.indexOf(here) + here.length);
        return this.realpath(normalize(at || '/', found.target + rest), who, depth + 1);
      }
      at = here;
    }
    return at || '/';
  }

  find(path: string, who: Credentials, follow = true): Inode | undefined {
    try {
      return this.lookup(path, who, follow);
    } catch (error) {
      if (error instanceof SysError && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
        return undefined;
      throw error;
    }
  }

  /** Every inode of one filesystem once, from its root down. */
  *#inodes(node: Inode, fs: FileSystem, seen: Set<number>): Generator<Inode> {
    if (node.fs.dev !== fs.dev || seen.has(node.ino)) return;
    seen.add(node.ino);
    yield node;
    for (const child of node.entries.values()) yield* this.#inodes(child, fs, seen);
  }

  usage(fs: FileSystem): { usedBytes: number; inodes: number; availableBytes: number } {
    let used = 0;
    let inodes = 0;
    const top = this.lookup(fs.mount, { uid: 0, gid: 0, groups: [] });
    for (const node of this.#inodes(top, fs, new Set())) {
      inodes += 1;
      used += this.diskBytes(node);
    }
    return { usedBytes: used, inodes, availableBytes: Math.max(0, fs.sizeBytes - fs.reservedBytes - used) };
  }

  diskBytes(node: Inode): number {
    if (isVirtual(node.fs) || node.made || node.kind === 'device') return 0;
    return node.kind === 'link' ? 0 : blocks(node.size) * BLOCK;
  }

  /** Bytes that `who` may still write on the filesystem of `node`. */
  free(fs: FileSystem, who: Credentials): number {
    const { usedBytes } = this.usage(fs);
    return Math.max(0, fs.sizeBytes - usedBytes - (who.uid === 0 ? 0 : fs.reservedBytes));
  }

  #grow(node: Inode, size: number, who: Credentials): void {
    const more = (blocks(size) - blocks(node.size)) * BLOCK;
    if (more > 0 && !isVirtual(node.fs) && more > this.free(node.fs, who)) throw new SysError('ENOSPC');
  }

  read(path: string, who: Credentials): Uint8Array {
    const node = this.lookup(path, who);
    if (node.kind === 'dir') throw new SysError('EISDIR');
    this.need(node, who, 4);
    return node.made ? new TextEncoder().encode(node.made()) : node.data;
  }

  /** Creates or opens for writing; `truncate` empties. Opening a new file needs no free block, as on ext4. */
  open(path: string, who: Credentials, truncate: boolean, at: Attributes = {}): Inode {
    const real = this.realpath(path, who);
    const found = this.find(real, who);
    if (found) {
      if (found.kind === 'dir') throw new SysError('EISDIR');
      this.need(found, who, 2);
      if (found.made) return found;
      if (truncate && found.kind === 'file') this.resize(found, 0, who);
      return found;
    }
    const parent = this.lookup(parentOf(real), who);
    if (parent.kind !== 'dir') throw new SysError('ENOTDIR');
    this.need(parent, who, 2);
    if (parent.fs.type === 'proc' || parent.fs.type === 'sysfs') throw new SysError('EACCES');
    const node = this.#make('file', parent.fs, { uid: who.uid, gid: who.gid, ...at });
    parent.entries.set(nameOf(real), node);
    parent.mtimeMs = this.#now();
    return node;
  }

  append(node: Inode, bytes: Uint8Array, who: Credentials): void {
    if (node.kind === 'device' || node.made) return;
    this.#grow(node, node.size + bytes.length, who);
    const joined = new Uint8Array(Math.min(CONTENT_CAP, node.data.length + bytes.length));
    const all = Buffer.concat([node.data, bytes]);
    joined.set(all.subarray(all.length - joined.length));
    node.data = joined;
    node.size += bytes.length;
    node.mtimeMs = this.#now();
  }

  write(path: string, bytes: Uint8Array, who: Credentials, at: Attributes = {}): Inode {
    const node = this.open(path, who, true, at);
    if (bytes.length > 0) this.append(node, bytes, who);
    return node;
  }

  /** Sets the logical size. Shrinking frees blocks at once. */
  resize(node: Inode, size: number, who: Credentials): void {
    this.#grow(node, size, who);
    node.size = size;
    node.data = size >= node.data.length ? node.data : node.data.subarray(0, size);
    node.mtimeMs = this.#now();
  }

  makeDir(path: string, who: Credentials, at: Attributes = {}): Inode {
    if (this.find(path, who, false)) throw new SysError('EEXIST');
    const parent = this.lookup(parentOf(path), who);
    if (parent.kind !== 'dir') throw new SysError('ENOTDIR');
    this.need(parent, who, 2);
    if (this.free(parent.fs, who) < BLOCK && !isVirtual(parent.fs)) throw new SysError('ENOSPC');
    const node = this.#make('dir', parent.fs, { uid: who.uid, gid: who.gid, ...at });
    parent.entries.set(nameOf(path), node);
    return node;
  }

  makeDirs(path: string, who: Credentials, at: Attributes = {}): Inode {
    const found = this.find(path, who);
    if (found) return found;
    this.makeDirs(parentOf(path), who, {});
    return this.makeDir(path, who, at);
  }

  /** A link, a device or a made file. Only the seed and /proc use the last two. */
  place(
    path: string,
    kind: 'link' | 'device' | 'file',
    who: Credentials,
    at: Attributes,
    extra: { target?: string; made?: () => string },
  ): Inode {
    if (this.find(path, who, false)) throw new SysError('EEXIST');
    const parent = this.lookup(parentOf(path), who);
    this.need(parent, who, 2);
    const node = this.#make(kind, parent.fs, { uid: who.uid, gid: who.gid, ...at }, extra);
    parent.entries.set(nameOf(path), node);
    return node;
  }

  link(existing: string, path: string, who: Credentials): void {
    const node = this.lookup(existing, who, false);
    if (node.kind === 'dir') throw new SysError('EPERM');
    const parent = this.lookup(parentOf(path), who);
    if (parent.fs.dev !== node.fs.dev) throw new SysError('EXDEV');
    this.need(parent, who, 2);
    if (parent.entries.has(nameOf(path))) throw new SysError('EEXIST');
    parent.entries.set(nameOf(path), node);
    node.nlink += 1;
  }

  #mayUnlink(parent: Inode, node: Inode, who: Credentials): void {
    this.need(parent, who, 2);
    this.need(parent, who, 1);
    const sticky = (parent.mode & 0o1000) !== 0;
    if (sticky && who.uid !== 0 && who.uid !== node.uid && who.uid !== parent.uid)
      throw new SysError('EPERM');
    if (parent.fs.type === 'proc' || parent.fs.type === 'sysfs') throw new SysError('EPERM');
  }

  remove(path: string, who: Credentials): void {
    const parent = this.lookup(parentOf(path), who);
    const node = this.lookup(path, who, false);
    if (node === this.root || node.fs.dev !== parent.fs.dev) throw new SysError('EBUSY');
    this.#mayUnlink(parent, node, who);
    if (node.kind === 'dir' && node.entries.size > 0) throw new SysError('ENOTEMPTY');
    parent.entries.delete(nameOf(path));
    parent.mtimeMs = this.#now();
    node.nlink -= 1;
  }

  rename(from: string, to: string, who: Credentials): void {
    const source = this.lookup(parentOf(from), who);
    const node = this.lookup(from, who, false);
    const parent = this.lookup(parentOf(to), who);
    this.#mayUnlink(source, node, who);
    this.need(parent, who, 2);
    if (parent.fs.dev !== node.fs.dev) throw new SysError('EXDEV');
    if (to === from || to.startsWith(`${from}/`)) throw new SysError('EINVAL');
    const old = parent.entries.get(nameOf(to));
    if (old?.kind === 'dir' && (node.kind !== 'dir' || old.entries.size > 0)) throw new SysError('ENOTEMPTY');
    source.entries.delete(nameOf(from));
    parent.entries.set(nameOf(to), node);
  }

  /** Copies one file with its logical size; the target must have room for all of it. */
  copy(from: string, to: string, who: Credentials): void {
    const source = this.lookup(from, who);
    const bytes = this.read(from, who);
    const node = this.open(to, who, true, { mode: source.mode & 0o777 });
    if (node.kind === 'device') return;
    this.#grow(node, Math.max(source.size, bytes.length), who);
    node.data = bytes;
    node.size = source.made ? bytes.length : source.size;
  }

  change(path: string, who: Credentials, at: Attributes, follow = true): void {
    const node = this.lookup(path, who, follow);
    if (who.uid !== 0 && node.uid !== who.uid) throw new SysError('EPERM');
    if (at.uid !== undefined && at.uid !== node.uid && who.uid !== 0) throw new SysError('EPERM');
    if (at.mode !== undefined) node.mode = at.mode & MODE_MASK;
    if (at.uid !== undefined) node.uid = at.uid;
    if (at.gid !== undefined) node.gid = at.gid;
    if (at.mtimeMs !== undefined) node.mtimeMs = at.mtimeMs;
  }
}
