// The place of everything that a server writes. One server at a time claims it, at its start. Processes and known hosts need a place
// even if the data directory cannot be used, because power must work then too.
import { accessSync, constants, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from 'pino';
import { DataDirInUse, type DataDirLock, lockDataDir } from './data-dir-lock.ts';

export interface DataDir {
  readonly path: string;
  readonly lock: DataDirLock | undefined;
  /** Why nothing is recorded. Without the lock another server might be writing here. */
  readonly whyNot: string | undefined;
}

/** Throws `DataDirInUse` when another server that is alive has it. */
export function claimDataDir(dir: string, logger: Logger): DataDir {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.W_OK);
    return { path: dir, lock: lockDataDir(dir), whyNot: undefined };
  } catch (error) {
    if (error instanceof DataDirInUse) throw error;
    const whyNot = `The data directory ${dir} cannot be written: ${error instanceof Error ? error.message : String(error)}. Make it writable (space, owner, mount) and restart to get the agent back; the power buttons work.`;
    const instead = temporaryDir();
    logger.error(
      { err: error },
      `power only. ${whyNot} ${instead === undefined ? 'No temporary directory can be written either: host keys are not remembered.' : `Running state goes to ${instead} and is lost with it.`}`,
    );
    // A directory that does not exist. Writing there fails by itself, and ssh works without it.
    return { path: instead ?? path.join(dir, 'not-writable'), lock: undefined, whyNot };
  }
}

function temporaryDir(): string | undefined {
  for (const base of [tmpdir(), '/dev/shm']) {
    try {
      return mkdtempSync(path.join(base, 'breakglass-'));
    } catch {
      // Try the next one.
    }
  }
  return undefined;
}
