// What a release is made of, as CycloneDX 1.5: npm's own list of the packages that run, the packages that the build put into the page, and
// of an image also Debian's.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { root, type Source } from './source.ts';

/** Dependencies of the build for npm, but the page carries them. */
export const IN_THE_PAGE = ['@simplewebauthn/browser', 'anser', 'marked', 'svelte'];

export interface Component {
  readonly type: 'library';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

export interface Sbom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: string;
  readonly components: readonly Component[];
  readonly [rest: string]: unknown;
}

/** Why there is no list here; undefined where there is one. Debian 13 has npm 9. */
export async function whyNoSbom(): Promise<string | undefined> {
  const { stdout } = await execa('npm', ['--version'], { reject: false });
  const [major = 0, minor = 0] = (stdout ?? '').split('.').map(Number);
  return major > 10 || (major === 10 && minor >= 2)
    ? undefined
    : `npm ${stdout ?? ''} does not know "npm sbom": 10.2 or newer is needed`;
}

/** `debian`: packages as `debianPackages` reads them. The same sources make the same list. */
export async function makeSbom(source: Source, debian: readonly Component[]): Promise<Sbom> {
  const { stdout } = await execa('npm', ['sbom', '--omit', 'dev', '--sbom-format', 'cyclonedx'], {
    cwd: root,
  });
  const { serialNumber: _random, ...listed } = JSON.parse(stdout) as Sbom & {
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  return {
    ...listed,
    metadata: { ...listed.metadata, timestamp: new Date(source.seconds * 1_000).toISOString() },
    components: [...listed.components, ...IN_THE_PAGE.map(fromNpm), ...debian],
  };
}

function fromNpm(name: string): Component {
  const file = path.join(root, 'node_modules', name, 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { type: 'library', name, version, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` };
}

/** From dpkg's own file, /var/lib/dpkg/status. */
export const debianPackages = (status: string): readonly Component[] =>
  status
    .split('\n\n')
    .filter((paragraph) => /^Status: .* installed$/m.test(paragraph))
    .map((paragraph) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
      const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
      const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`;
      return { type: 'library', name, version, purl };
    });
