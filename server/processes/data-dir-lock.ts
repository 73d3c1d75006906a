// One server per data directory: a second one would use ids of the first one's journal, end its processes and close its turns. The
// kernel holds the lock (SQLite's exclusive lock on an empty file, the only way to take one in Node). It is gone as soon as its process
// is, so there is never a stale lock to take over and no race for it. It works between containers too, which do not know each other's
// pids. The journal beside it needs the same kind of lock.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

// https://sqlite.org/rescode.html#busy
const SQLITE_BUSY = 5;

/** Another server that is alive has the directory. The message names it and says what to do. */
export class DataDirInUse extends Error {}

export interface DataDirLock {
  /** False when its file was removed or replaced: then a second server would find nobody there. */
  stands(): boolean;
  release(): void;
}

/**
 * Throws `DataDirInUse` when another server has the directory. Throws SQLite's own error when no lock can be taken there at all
 * (it cannot be written, or its filesystem has no locks): then nothing may be written in it.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  const file = path.join(dataDir, 'server.lock');
  const owner = path.join(dataDir, 'server.pid');
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw new DataDirInUse(
      `the data directory ${dataDir} belongs to another Breakglass server that is running${nameOf(owner)}. Stop that one first, or give this one a directory of its own with BREAKGLASS_DATA_DIR.`,
    );
  }
  try {
    writeFileSync(owner, `${process.pid} ${hostname()}\n`, { mode: 0o600 });
  } catch {
    // This is only for people to read, so a full disk must not prevent the start.
  }
  const { ino } = statSync(file);
  return {
    // Never by opening it: closing it again would give the lock away (fcntl(2), POSIX locks belong to the process).
    stands: () => statSync(file, { throwIfNoEntry: false })?.ino === ino,
    release: () => database.close(),
  };
}

function nameOf(owner: string): string {
  try {
    const [pid, host] = readFileSync(owner, 'utf8').trim().split(' ');
    return pid === '' ? '' : ` (pid ${pid} on ${host})`;
  } catch {
    return '';
  }
}
