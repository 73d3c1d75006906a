// The way back of a journal that no server uses, for a program of an older version.
import { statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrateBack, versionOf } from './migrations.ts';

/**
 * Takes a journal that no server uses back to an older version, for the program of that version. Returns the version that it
 * had. Throws an Error whose message says why it cannot be done; then nothing was changed.
 */
export function takeJournalBack(dataDir: string, to: number): number {
  const file = path.join(dataDir, 'journal.sqlite');
  statSync(file); // Throws when there is none: a wrong directory must not get an empty journal.
  const database = new DatabaseSync(file);
  try {
    const from = versionOf(database);
    migrateBack(database, to);
    return from;
  } finally {
    database.close();
  }
}
