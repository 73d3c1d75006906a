// Where control sockets and the clients' logs live: a private directory with a short path. A Unix socket's path is at most
// 107 bytes on Linux and ssh adds 17 of its own while it binds, so the data directory is often too deep.
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MAX_DIR_BYTES = 60;

/**
 * The same directory for the same data directory, so that a server killed with SIGKILL leaves nothing that piles up.
 * Where that name is taken by somebody else, a fresh random one. Mode 0700. What a dead server left in it is removed.
 */
export function openControlDir(dataDir: string): string {
  const base = Buffer.byteLength(tmpdir()) <= MAX_DIR_BYTES - 30 ? tmpdir() : '/tmp';
  const uid = process.getuid?.() ?? 0;
  const name = createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 10);
  const dir = path.join(base, `breakglass-${uid}-${name}`);
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch {
    const found = lstatSync(dir, { throwIfNoEntry: false });
    // A symlink or a directory of another user in a shared /tmp is a trap, not ours.
    if (found === undefined || !found.isDirectory() || found.uid !== uid)
      return mkdtempSync(path.join(base, 'breakglass-'));
    chmodSync(dir, 0o700);
    for (const entry of readdirSync(dir)) rmSync(path.join(dir, entry), { force: true, recursive: true });
  }
  return dir;
}

export const removeControlDir = (dir: string): void => rmSync(dir, { force: true, recursive: true });
