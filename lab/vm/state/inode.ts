// One file, directory, link or device of the guest, the filesystem it lies on, and the arithmetic of paths.

export const BLOCK = 4096;
/** The real bytes kept of one file at most; the lab's own memory is bounded by it. */
export const CONTENT_CAP = 8 * 1024 * 1024;
/** Mode bits of chmod. */
export const MODE_MASK = 0o7777;

export interface FileSystem {
  readonly source: string;
  readonly mount: string;
  readonly type: string;
  readonly options: string;
  readonly sizeBytes: number;
  /** Only root may use these last bytes, as ext4 keeps 5 %. */
  readonly reservedBytes: number;
  readonly dev: number;
}

export interface Inode {
  readonly ino: number;
  readonly kind: 'file' | 'dir' | 'link' | 'device';
  fs: FileSystem;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  nlink: number;
  /** Logical size of a file. Its bytes may be fewer: `data` then is the end of the file. */
  size: number;
  data: Uint8Array;
  readonly entries: Map<string, Inode>;
  readonly target: string;
  /** Made at reading, as below /proc. */
  readonly made?: () => string;
}

export interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeMs?: number;
}

export const blocks = (size: number): number => Math.ceil(size / BLOCK);
export const EMPTY = new Uint8Array();
/** Types that take no disk. */
export const isVirtual = (fs: FileSystem): boolean => ['proc', 'sysfs', 'devtmpfs'].includes(fs.type);

export const normalize = (cwd: string, path: string): string => {
  const parts: string[] = [];
  for (const part of `${path.startsWith('/') ? '' : `${cwd}/`}${path}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
};
export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
