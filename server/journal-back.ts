// `breakglass journal back`: takes the journal of this configuration back to an older version. Only while no server uses it.
import { ownToken } from './access/own-token.ts';
import { readConfig } from './config/config.ts';
import { takeJournalBack } from './journal/take-back.ts';
import { lockDataDir } from './processes/data-dir-lock.ts';
import { makePrivateFiles } from './processes/private-files.ts';

/** Returns the message for the operator. Throws one when a server runs, when there is no journal, or no way back to that version. */
export function journalBack(to: number): string {
  makePrivateFiles();
  const { dataDir } = readConfig(process.env, (dir) => ownToken(dir, false));
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
