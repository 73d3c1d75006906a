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
 * Undefined where no place can be written: then ssh works without a reused connection and without its log.
 */
export function openControlDir(
  dataDir: string,
  bases: readonly string[] = [tmpdir(), '/tmp', '/dev/shm'],
): string | undefined {
  const uid = process.getuid?.() ?? 0;
  const hash = createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 10);
  const name = `breakglass-${uid}-${hash}`;
  const places = [...bases.map((base) => path.join(base, name)), path.join(dataDir, 'ssh')];
  for (const place of places) {
    if (Buffer.byteLength(place) > MAX_DIR_BYTES) continue;
    try {
      return openAt(place, uid);
    } catch {
      // Not there, not writable, full: the next one.
    }
  }
  return undefined;
}

function openAt(dir: string, uid: number): string {
  try {
    mkdirSync(dir, { mode: 0o700 });
    return dir;
  } catch (error) {
    const found = lstatSync(dir, { throwIfNoEntry: false });
    if (found === undefined) throw error;
    // A symlink or a directory of another user in a shared /tmp is a trap, not ours.
    if (!found.isDirectory() || found.uid !== uid)
      return mkdtempSync(path.join(path.dirname(dir), 'breakglass-'));
    chmodSync(dir, 0o700);
    for (const entry of readdirSync(dir)) rmSync(path.join(dir, entry), { force: true, recursive: true });
    return dir;
  }
}

export const removeControlDir = (dir: string | undefined): void => {
  if (dir !== undefined) rmSync(dir, { force: true, recursive: true });
};
