// The token that a console makes for itself: at a terminal, where no way to come in is configured. It is kept in the data directory, and
// nobody but its owner may read it. Without a terminal there is none: what is printed to a cluster's log is known to whoever reads logs.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const ownTokenFile = (dataDir: string): string => path.join(dataDir, 'access-token');

/** The one that was made before, or at a terminal a new one; else undefined. Throws when it cannot be read or written. */
export function ownToken(dataDir: string, atTerminal: boolean): string | undefined {
  const file = ownTokenFile(dataDir);
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token.length >= 16) return token;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
  if (!atTerminal) return undefined;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const token = randomBytes(32).toString('hex');
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return token;
}
