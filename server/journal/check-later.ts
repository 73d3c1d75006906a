// A journal that is too large to be checked whole before the console is there is checked after that.
import { statSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { CHECKED_WHOLE_BYTES } from './sqlite.ts';

/** Beside this file, in the sources as in the bundle. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js',
  import.meta.url,
);

export interface JournalCheck {
  /** What a person should know: that the file is damaged, or that it could not be checked. */
  warnings(): readonly string[];
  /** Resolves when it is over; true when there was one. */
  readonly done: Promise<boolean>;
  close(): Promise<void>;
}

export function checkJournalLater(
  dataDir: string,
  logger: Logger,
  checkedBytes: number = CHECKED_WHOLE_BYTES,
): JournalCheck {
  const file = path.join(dataDir, 'journal.sqlite');
  if (statSync(file).size <= checkedBytes)
    return { warnings: () => [], done: Promise.resolve(false), close: async () => {} };
  const warnings: string[] = [];
  const worker = new Worker(WORKER, { workerData: file, env: {} });
  worker.unref();
  const damaged = (words: string): void => {
    warnings.push(
      `The journal ${file} is damaged: ${words}. Back up what can be read, stop the console, and restore the last good backup or move the file aside; the power buttons work.`,
    );
    logger.error({ file, words }, 'the journal is damaged');
  };
  const done = new Promise<boolean>((resolve) => {
    worker.once('message', (found: string) => {
      if (found !== 'ok') damaged(found);
      else logger.info({ file }, 'the journal was checked and is whole');
    });
    worker.once('error', (error: Error) => damaged(error.message));
    worker.once('exit', () => resolve(true));
  });
  return {
    warnings: () => warnings,
    done,
    async close() {
      await worker.terminate();
    },
  };
}
