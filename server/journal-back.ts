// `breakglass journal back`: takes the journal of this configuration back to an older version, where no server has it.
import { readConfig } from './config/config.ts';
import { takeJournalBack } from './journal/sqlite.ts';
import { lockDataDir } from './processes/data-dir-lock.ts';

/** Returns what to say. Throws a sentence: a server that runs, a version that there is no way back to, no journal. */
export function journalBack(to: number): string {
  const { dataDir } = readConfig();
  const lock = lockDataDir(dataDir);
  try {
    const from = takeJournalBack(dataDir, to);
    return from === to
      ? `The journal in ${dataDir} has version ${to} already.`
      : `The journal in ${dataDir} went from version ${from} back to ${to}. Start the older program now: this one would take it forward again.`;
  } finally {
    lock.release();
  }
}
