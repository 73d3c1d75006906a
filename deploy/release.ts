// The files of a release, in release/: the sources with what is built of them, the list of what it is made of, with --image also the image, and
// the checksums. From a clean checkout of a commit in which `npm ci` has run. docs/releasing.md
// Usage: node deploy/release.ts [--image]
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { buildImage, saveImage, unpackImage } from './container/build.ts';
import { debianPackages, makeSbom, whyNoSbom } from './sbom.ts';
import { describeSource, root, type Source } from './source.ts';

/** Why this checkout is not a release, each with what to do. */
export function whyNotReleasable(source: Source, changelog: string): readonly string[] {
  const reasons: string[] = [];
  if (source.revision === 'unknown') reasons.push('This is not a git checkout: clone the repository.');
  if (source.revision.endsWith('-dirty'))
    reasons.push('The checkout has changes that are in no commit: commit them or put them away.');
  const heads = [...changelog.matchAll(/^## \[([^\]]+)\](?: - (\S+))?/gm)].map(([, name, date]) => ({
    name,
    date,
  }));
  const newest = heads.find(({ name }) => name !== 'Unreleased');
  if (newest?.name !== source.version || !/^\d{4}-\d\d-\d\d$/.test(newest.date ?? ''))
    reasons.push(
      `package.json says ${source.version}, and the newest version in CHANGELOG.md is ${newest?.name ?? 'none'}: the heading "## [${source.version}] - date" belongs above it.`,
    );
  return reasons;
}

/** One archive with the sources of the commit and what `npm ci` built of them. The same commit and build make the same bytes. */
async function pack(source: Source, file: string): Promise<void> {
  const name = `breakglass-${source.version}`;
  const tree = path.join(path.dirname(file), name);
  mkdirSync(tree);
  const archive = await execa('git', ['archive', '--format=tar', 'HEAD'], { cwd: root, encoding: 'buffer' });
  await execa('tar', ['-x', '-C', tree], { input: archive.stdout });
  await execa('cp', ['-r', path.join(root, 'dist'), tree]);
  await execa('cp', ['-r', path.join(root, 'web/dist'), path.join(tree, 'web')]);
  const order = ['--sort=name', `--mtime=@${source.seconds}`, '--owner=0', '--group=0', '--numeric-owner'];
  await execa('tar', [
    '-c',
    ...order,
    '--use-compress-program=gzip -n',
    '-f',
    file,
    '-C',
    path.dirname(file),
    name,
  ]);
  rmSync(tree, { recursive: true });
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Fills the directory, which is emptied before. Resolves with the names of the files. */
export async function release(
  directory: string,
  source: Source,
  withImage: boolean,
): Promise<readonly string[]> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const at = (suffix: string): string => path.join(directory, `breakglass-${source.version}${suffix}`);
  await pack(source, at('.tar.gz'));
  let debian = '';
  if (withImage) {
    await buildImage(true, (line) => console.error(line));
    await saveImage(at('-image.tar'));
    await execa('gzip', ['-n', at('-image.tar')]);
    const image = await unpackImage();
    debian = readFileSync(path.join(image.root, 'var/lib/dpkg/status'), 'utf8');
    await image.remove();
  }
  const sbom = await makeSbom(source, debianPackages(debian));
  writeFileSync(at('.cdx.json'), `${JSON.stringify(sbom, undefined, 2)}\n`);
  const names = readdirSync(directory).sort();
  const sums = await Promise.all(
    names.map(async (name) => `${await sha256(path.join(directory, name))}  ${name}\n`),
  );
  writeFileSync(path.join(directory, 'SHA256SUMS'), sums.join(''));
  return [...names, 'SHA256SUMS'];
}

if (process.argv[1] === import.meta.filename) {
  const source = await describeSource();
  const reasons = [
    ...whyNotReleasable(source, readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8')),
    ...[await whyNoSbom()].filter((why) => why !== undefined),
    ...(existsSync(path.join(root, 'dist/breakglass.js')) ? [] : ['Nothing is built: npm ci']),
  ];
  if (reasons.length > 0) {
    for (const reason of reasons) console.error(`release: ${reason}`);
    process.exit(1);
  }
  for (const name of await release(path.join(root, 'release'), source, process.argv.includes('--image')))
    console.log(`release/${name}`);
}
