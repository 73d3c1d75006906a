// A copy of a journal as it is at one moment, while a server writes it.
import { chmodSync, statSync } from 'node:fs';
import path from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';

const PAGES_AT_A_TIME = 4_096;

/** Throws when there is no journal in the directory, or when the copy cannot be written. */
export async function copyJournal(dataDir: string, to: string): Promise<void> {
  const file = path.join(dataDir, 'journal.sqlite');
  statSync(file); // Throws when there is none: opening would make one.
  const database = new DatabaseSync(file);
  try {
    // SQLite begins a copy anew whenever somebody writes meanwhile, so beside a busy server it would never end. What this
    // transaction sees does not change, and in WAL mode it holds up no writer.
    database.exec('PRAGMA busy_timeout = 5000; BEGIN; SELECT count(*) FROM sqlite_schema;');
    await backup(database, to, { rate: PAGES_AT_A_TIME });
    chmodSync(to, 0o600);
  } finally {
    database.close();
  }
}
