// A copy of a data directory, made while a server runs and writes. The journal first, as it is at one moment; then everything else. So
// each bundle of evidence that the copied journal names was there before it, and only the shelf's own bounds may have removed it since.
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { packTar } from 'modern-tar/fs';
import { isBelowProc } from '../config/proc-place.ts';
import { copyJournal } from '../journal/snapshot.ts';
import { digestOf, filesBelow } from './files.ts';
import { MANIFEST, type Manifest } from './manifest.ts';

/** The message is for a person: why there will be no backup there. */
export class BackupRefused extends Error {}

/** The running server's own; the journal, which is copied as a whole; and the token that the console made for itself: a copy must open nothing. */
const LEFT_OUT =
  /^(?:server\.(?:lock|pid)|journal\.sqlite)(?:-.*)?$|^access-token$|^ssh\/|(?:^|\/)\.[0-9a-f-]{36}$/;

export interface BackupMade {
  readonly files: number;
  readonly bytes: number;
}

export function refuseProc(place: string): void {
  if (isBelowProc(place))
    throw new BackupRefused(`${place} lies below /proc, where nothing can be kept. Choose another place.`);
}

/** `to`: a file that ends with .tar, or a directory. Neither may exist yet (a directory may be empty). */
export async function makeBackup(dataDir: string, to: string): Promise<BackupMade> {
  const destination = path.resolve(to);
  if (!existsSync(path.join(dataDir, 'journal.sqlite')))
    throw new BackupRefused(
      `There is no journal in ${dataDir}: nothing to back up. Is BREAKGLASS_DATA_DIR right?`,
    );
  const taken =
    existsSync(destination) && (!statSync(destination).isDirectory() || readdirSync(destination).length > 0);
  if (taken)
    throw new BackupRefused(
      `${destination} exists already: a backup never replaces anything. Choose another name.`,
    );
  if (!path.relative(dataDir, destination).startsWith('..'))
    throw new BackupRefused(
      `${destination} lies in the data directory itself: a backup there is lost with it. Choose another place.`,
    );
  refuseProc(destination);
  mkdirSync(path.dirname(destination), { recursive: true });
  const draft = path.join(path.dirname(destination), `.${path.basename(destination)}.${crypto.randomUUID()}`);
  mkdirSync(draft, { mode: 0o700 });
  try {
    await copyJournal(dataDir, path.join(draft, 'journal.sqlite'));
    await copyFiles(dataDir, draft);
    const manifest = await writeManifest(draft);
    if (destination.endsWith('.tar')) await pack(draft, destination);
    else renameSync(draft, destination);
    return { files: manifest.files.length, bytes: manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  for (const file of filesBelow(from)) {
    if (LEFT_OUT.test(file)) continue;
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true, mode: 0o700 });
    try {
      await copyFile(path.join(from, file), path.join(to, file));
      await chmod(path.join(to, file), 0o600);
    } catch (error) {
      // The server removed it meanwhile: a bundle beyond the shelf's bounds, a draft.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function writeManifest(dir: string): Promise<Manifest> {
  const files: Manifest['files'] = [];
  for (const file of filesBelow(dir)) {
    const at = path.join(dir, file);
    files.push({ path: file, bytes: statSync(at).size, sha256: await digestOf(at) });
  }
  const manifest: Manifest = { format: 1, at: new Date().toISOString(), files };
  writeFileSync(path.join(dir, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600 });
  return manifest;
}

/** Under another name first: a file with the right name is a whole backup. */
async function pack(dir: string, file: string): Promise<void> {
  const draft = `${dir}.tar`;
  try {
    await pipeline(packTar(dir), createWriteStream(draft, { mode: 0o600, flags: 'wx' }));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
