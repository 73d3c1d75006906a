// Puts a backup into an empty data directory, after it was proven: every file is there and is the one that was copied, and what must be
// true of a journal is true of this one. Until then nothing of it is where a server would find it.
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { unpackTar } from 'modern-tar/fs';
import { proveJournal } from '../journal/prove.ts';
import { lockDataDir } from '../processes/data-dir-lock.ts';
import { digestOf, filesBelow } from './files.ts';
import { BackupRefused, refuseProc } from './make-backup.ts';
import { MANIFEST, readManifest } from './manifest.ts';

export interface Restored {
  readonly at: string;
  readonly files: number;
  readonly events: number;
  /** What a person should know and what is no fault of the backup. */
  readonly remarks: readonly string[];
}

/** As many as a person reads. */
const NAMED = 5;

export async function restore(from: string, dataDir: string): Promise<Restored> {
  if (!existsSync(from)) throw new BackupRefused(`There is no backup at ${from}.`);
  refuseUsed(dataDir);
  refuseProc(dataDir);
  const made = mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = path.join(dataDir, `.restoring-${crypto.randomUUID()}`);
  mkdirSync(draft, { mode: 0o700 });
  try {
    if (statSync(from).isDirectory()) await copyTree(from, draft);
    else await unpack(from, draft);
    const restored = await prove(from, draft);
    rmSync(path.join(draft, MANIFEST));
    for (const name of readdirSync(draft)) renameSync(path.join(draft, name), path.join(dataDir, name));
    return restored;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function refuseUsed(dataDir: string): void {
  if (!existsSync(dataDir)) return;
  if (existsSync(path.join(dataDir, 'server.lock'))) lockDataDir(dataDir).release(); // Throws, with the name of the server that has it.
  if (!statSync(dataDir).isDirectory() || readdirSync(dataDir).length > 0)
    throw new BackupRefused(
      `${dataDir} is not an empty directory: a restore never replaces anything. Choose another, or move this one aside.`,
    );
}

async function copyTree(from: string, to: string): Promise<void> {
  for (const file of filesBelow(from)) {
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true, mode: 0o700 });
    await copyFile(path.join(from, file), path.join(to, file));
    await chmod(path.join(to, file), 0o600);
  }
}

async function unpack(file: string, to: string): Promise<void> {
  const out = unpackTar(to, {
    fmode: 0o600,
    dmode: 0o700,
    filter: ({ type }) => type === 'file' || type === 'directory',
  });
  try {
    await pipeline(createReadStream(file), out);
  } catch (error) {
    throw new BackupRefused(
      `${file} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}. Was it copied whole?`,
    );
  }
}

async function prove(from: string, dir: string): Promise<Restored> {
  const manifest = readManifest(dir);
  if (manifest === undefined)
    throw new BackupRefused(
      `${from} is no backup of Breakglass, or not a whole one: its ${MANIFEST} is missing or not understood.`,
    );
  const problems: string[] = [];
  const there = new Set(filesBelow(dir));
  there.delete(MANIFEST);
  for (const file of manifest.files) {
    if (!there.delete(file.path)) problems.push(`${file.path} is missing.`);
    else if ((await digestOf(path.join(dir, file.path))) !== file.sha256)
      problems.push(`${file.path} is not the file that was backed up.`);
  }
  for (const file of there) problems.push(`${file} does not belong to it.`);
  refuse(from, problems);

  const journal = path.join(dir, 'journal.sqlite');
  const proof = proveJournal(journal);
  for (const suffix of ['-wal', '-shm']) rmSync(journal + suffix, { force: true });
  refuse(from, proof.problems);
  const missing = proof.bundles.filter(
    ({ target, id }) => !existsSync(path.join(dir, 'evidence', target, `${id}.json`)),
  );
  const names = missing.slice(0, NAMED).map(({ target, id }) => `${target}/${id}`);
  return {
    at: manifest.at,
    files: manifest.files.length,
    events: proof.events,
    remarks: [
      ...(missing.length === 0
        ? []
        : [
            `${missing.length} of ${proof.bundles.length} bundles of evidence that the journal names are not there (${names.join(', ')}${missing.length > NAMED ? ', …' : ''}): they were removed before the backup, as more than are kept.`,
          ]),
      ...(proof.open === 0
        ? []
        : [`${proof.open} turns or operations were under way: the next start closes them.`]),
    ],
  };
}

function refuse(from: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length > NAMED ? ` And ${problems.length - NAMED} more.` : '';
  throw new BackupRefused(`${from} was not restored. ${problems.slice(0, NAMED).join(' ')}${more}`);
}
