// Writes the archive that Linux unpacks as its first file system: cpio "newc", owned by root whoever builds it. Archives may be
// put one behind the other. Format: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html

export interface ArchiveFile {
  /** Without a leading slash. Its directories come first in the list. */
  readonly path: string;
  /** Directory, symbolic link, or content. */
  readonly kind: 'directory' | 'file' | 'link';
  readonly content?: Buffer | string;
  /** Permission bits; default 0755. */
  readonly mode?: number;
}

const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

export function cpioArchive(files: readonly ArchiveFile[]): Buffer {
  const parts = files.map((file, index) =>
    entry(file.path, TYPE[file.kind] | (file.mode ?? 0o755), Buffer.from(file.content ?? ''), index + 1),
  );
  return padded(Buffer.concat([...parts, entry('TRAILER!!!', 0, Buffer.alloc(0), 0)]));
}

/** Every directory above the paths, outermost first. */
export function directoriesAbove(paths: readonly string[]): readonly ArchiveFile[] {
  const names = new Set<string>();
  for (const path of paths) {
    const steps = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= steps.length; depth += 1) names.add(steps.slice(0, depth).join('/'));
  }
  return [...names].sort().map((path) => ({ path, kind: 'directory' }));
}

function entry(name: string, mode: number, content: Buffer, inode: number): Buffer {
  // Inode, mode, owner, group, links, time, size, device (major, minor), its own device, length of the name, no checksum.
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return Buffer.concat([padded(Buffer.from(head)), padded(content)]);
}

/** To a multiple of four bytes. */
const padded = (data: Buffer): Buffer =>
  data.length % 4 === 0 ? data : Buffer.concat([data, Buffer.alloc(4 - (data.length % 4))]);
