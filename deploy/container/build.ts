// The image, built where there is neither Docker nor a registry: by buildah, as root, from this checkout in which `npm ci` has run, on a
// base of mmdebstrap's. The same Containerfile as everywhere; what its first stage would build is given to it.
// Usage: node deploy/container/build.ts [--fresh] [FILE.tar]. --fresh: with the packages of today. FILE.tar: for `docker load`.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeSource, root, type Source } from '../source.ts';
import { makeBase } from './base.ts';
import { buildah } from './buildah.ts';
import { collect } from './collect.ts';

export const IMAGE = 'localhost/breakglass';

/** Builds `IMAGE` in place of the one before it. Resolves with what its labels say. */
export async function buildImage(fresh: boolean, say: (line: string) => void): Promise<Source> {
  const base = await makeBase(fresh, say);
  say('building the image');
  const source = await describeSource();
  const { version, revision, seconds, url } = source;
  const built = mkdtempSync(path.join(tmpdir(), 'breakglass-image-'));
  try {
    collect(path.join(built, 'image'));
    const given = {
      BASE: base,
      VERSION: version,
      REVISION: revision,
      SOURCE: url,
      CREATED: new Date(seconds * 1_000).toISOString(),
    };
    await buildah(
      'bud',
      '--quiet',
      `--file=${path.join(root, 'deploy/container/Containerfile')}`,
      `--tag=${IMAGE}`,
      `--build-context=build=${built}`,
      `--timestamp=${seconds}`,
      ...Object.entries(given).map(([name, value]) => `--build-arg=${name}=${value}`),
      root,
    );
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
  await removeLeftovers();
  return source;
}

/** Copies whose process is gone, then images that have no name any more. One that another process still uses stays until the next build. */
async function removeLeftovers(): Promise<void> {
  const names = (await buildah('containers', '--format', '{{.ContainerName}}')).split('\n');
  for (const name of names) {
    const pid = /^breakglass-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await buildah('rm', name);
  }
  await buildah('rmi', '--prune').catch(() => undefined);
}

/** A copy of the image's root file system, until it is removed. */
export async function unpackImage(): Promise<{ readonly root: string; remove(): Promise<void> }> {
  const name = `breakglass-${process.pid}-${crypto.randomUUID()}`;
  const container = await buildah('from', '--pull-never', '--name', name, IMAGE);
  return {
    root: await buildah('mount', container),
    remove: async () => void (await buildah('rm', container)),
  };
}

/** Writes the image to a file that `docker load` and `podman load` take. */
export async function saveImage(file: string): Promise<void> {
  const { version } = await describeSource();
  await buildah('push', '-q', IMAGE, `docker-archive:${path.resolve(file)}:breakglass:${version}`);
}

if (process.argv[1] === import.meta.filename) {
  const [file] = process.argv.slice(2).filter((argument) => argument !== '--fresh');
  await buildImage(process.argv.includes('--fresh'), (line) => console.error(line));
  if (file !== undefined) await saveImage(file);
  console.log(await buildah('images', IMAGE));
}
