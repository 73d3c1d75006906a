// The place of everything that a server writes. One server at a time claims it, at its start. Processes and known hosts need a place
// even if the data directory cannot be used, because power must work then too.
import { accessSync, constants, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from 'pino';
import { DataDirInUse, type DataDirLock, lockDataDir } from './data-dir-lock.ts';
import { checkDirectory } from './private-files.ts';

export interface DataDir {
  readonly path: string;
  readonly lock: DataDirLock | undefined;
  /** Why nothing is recorded. Without the lock another server might be writing here. */
  readonly whyNot: string | undefined;
  /** What is wrong with the directory, as sentences for the log and the page. */
  readonly warnings: readonly string[];
}

/** Throws `DataDirInUse` when another server that is alive has it. */
export function claimDataDir(dir: string, logger: Logger): DataDir {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.W_OK);
    const { tightened, warnings, planted } = checkDirectory(dir);
    if (planted !== undefined)
      return elsewhere(
        dir,
        `The data directory ${dir} is not used: ${planted}. Give the console a directory of its own (chown, chmod 700) and restart to get the agent back; the power buttons work.`,
        logger,
      );
    if (tightened.length > 0)
      logger.warn(
        { count: tightened.length, files: tightened.slice(0, 20) },
        'files of the record could be read by others until now; their mode was tightened',
      );
    return { path: dir, lock: lockDataDir(dir), whyNot: undefined, warnings };
  } catch (error) {
    if (error instanceof DataDirInUse) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return elsewhere(
      dir,
      `The data directory ${dir} cannot be written: ${why}. Make it writable (space, owner, mount) and restart to get the agent back; the power buttons work.`,
      logger,
    );
  }
}

function elsewhere(dir: string, whyNot: string, logger: Logger): DataDir {
  const instead = temporaryDir();
  logger.error(
    `power only. ${whyNot} ${instead === undefined ? 'No temporary directory can be written either: host keys are not remembered.' : `Running state goes to ${instead} and is lost with it.`}`,
  );
  // A directory that does not exist. Writing there fails by itself, and ssh works without it.
  return { path: instead ?? path.join(dir, 'not-writable'), lock: undefined, whyNot, warnings: [] };
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
