// `breakglass backup` and `breakglass restore`: what they do on this machine, and what they say.
import path from 'node:path';
import { ownToken } from './access/own-token.ts';
import { BackupRefused, makeBackup } from './backup/make-backup.ts';
import { restore } from './backup/restore.ts';
import { readConfig } from './config/config.ts';
import { ConfigError } from './config/fields.ts';
import { DataDirInUse } from './processes/data-dir-lock.ts';

/** Backs up the data directory of this configuration, also while its server runs. Returns the message for the operator. */
export async function backUp(to: string): Promise<string> {
  const { dataDir } = readConfig(process.env, (dir) => ownToken(dir, false));
  const { files, bytes } = await makeBackup(dataDir, to);
  return `Backed up ${dataDir} to ${path.resolve(to)}: ${files} files, ${(bytes / 1024 ** 2).toFixed(1)} MB. It holds what the console recorded, so keep it as you keep the console.`;
}

/** Returns the message for the operator. Throws one when the backup is not whole, or the directory not empty. */
export async function restoreBackup(from: string, dataDir: string): Promise<string> {
  const { at, files, events, remarks } = await restore(from, path.resolve(dataDir));
  return [
    `Restored the backup of ${at} into ${path.resolve(dataDir)}: ${files} files, ${events} events, proven.`,
    ...remarks,
    'Start the console with BREAKGLASS_DATA_DIR set to it.',
  ].join('\n');
}

/** Whether it says what is wrong with what was asked for; then nothing was done. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof BackupRefused || error instanceof ConfigError || error instanceof DataDirInUse;
