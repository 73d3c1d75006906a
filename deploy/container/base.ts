// The Debian that an image begins with where no registry gives one: made by mmdebstrap from the packages of Debian's mirror, and kept in
// our store of images by what it is made of.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { buildah } from './buildah.ts';

const SUITE = 'trixie';
/** As in the Containerfile, which installs what a base lacks. */
const PACKAGES = ['ca-certificates', 'libatomic1', 'openssh-client', 'tini'];
// As Debian's own slim images leave it out. The licences stay.
const LEFT_OUT = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
];
const ARGUMENTS = [
  '--variant=minbase',
  '--format=tar',
  `--include=${PACKAGES.join(',')}`,
  ...LEFT_OUT.map((option) => `--dpkgopt=${option}`),
  '--aptopt=Acquire::Languages "none"',
  SUITE,
];
const KEY = createHash('sha256').update(JSON.stringify(ARGUMENTS)).digest('hex').slice(0, 16);
const NAME = 'localhost/breakglass-base';
const BASE = `${NAME}:${SUITE}-${KEY}`;
/** A mirror that does not answer is given up. */
const LIMIT_MS = 900_000;

/** The name of the base. `fresh`: made anew, with the packages of today. */
export async function makeBase(fresh: boolean, say: (line: string) => void): Promise<string> {
  if (!fresh && (await find(BASE)).length > 0) return BASE;
  say(`making a base of Debian ${SUITE}`);
  const work = mkdtempSync(path.join(tmpdir(), 'breakglass-base-'));
  try {
    await execa('mmdebstrap', [...ARGUMENTS, path.join(work, 'base.tar')], { timeout: LIMIT_MS });
    writeFileSync(path.join(work, 'Containerfile'), 'FROM scratch\nADD base.tar /\n');
    for (const older of await find(`${NAME}*`)) await buildah('rmi', '--force', older);
    await buildah('bud', '-q', '-t', BASE, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return BASE;
}

const find = async (reference: string): Promise<readonly string[]> =>
  (await buildah('images', '-q', '--filter', `reference=${reference}`)).split('\n').filter((id) => id !== '');
