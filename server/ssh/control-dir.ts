// The private directory of control sockets and of the clients' logs. Its path is short: on Linux the path of a Unix socket has at most
// 107 bytes, and ssh adds 17 while it binds, so the data directory is often too deep.
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MAX_DIR_BYTES = 60;

/**
 * The same data directory always gets the same control directory, so that servers that are killed with SIGKILL leave no heap of them.
 * If the name belongs to somebody else, it gets a new random one. The mode is 0700, and what a dead server left in it is removed.
 * Undefined when no place can be written: then ssh works without a reused connection and without its log.
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
      // It does not exist, is full, or cannot be written: try the next one.
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
    // In a shared /tmp a symbolic link, or a directory of another user, is a trap.
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
