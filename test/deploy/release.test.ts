// The files of a release, made of this commit, and what stops one.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { release, whyNotReleasable } from '../../deploy/release.ts';
import { debianPackages, IN_THE_PAGE, whyNoSbom } from '../../deploy/sbom.ts';
import { describeSource, root, type Source } from '../../deploy/source.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { tempDir } from '../support/temp-dir.ts';

const CLEAN: Source = { version: '0.2.0', revision: 'abc', seconds: 1_700_000_000, url: '' };
const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n- x\n\n## [0.1.0] - 2026-11-01\n';
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');
const why = await whyNoSbom();

test('the version stands in package.json, npm has the same, and the changelog knows it', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const lock = JSON.parse(read('package-lock.json')) as {
    version: string;
    packages: Record<string, { version: string }>;
  };
  expect([lock.version, lock.packages['']?.version]).toEqual([version, version]);
  expect(read('CHANGELOG.md')).toContain(`## [${version}] - `);
});

test('a commit whose changelog begins with its version is a release', () => {
  expect(whyNotReleasable(CLEAN, CHANGELOG)).toEqual([]);
});

test('a changed checkout, no checkout, and a changelog of another version are not', () => {
  expect(whyNotReleasable({ ...CLEAN, revision: 'abc-dirty' }, CHANGELOG)).toEqual([
    expect.stringMatching(/changes/),
  ]);
  expect(whyNotReleasable({ ...CLEAN, revision: 'unknown' }, CHANGELOG)).toEqual([
    expect.stringMatching(/clone/),
  ]);
  expect(whyNotReleasable({ ...CLEAN, version: '0.3.0' }, CHANGELOG)).toEqual([
    expect.stringMatching(/0\.3\.0.*0\.2\.0/),
  ]);
  expect(whyNotReleasable(CLEAN, CHANGELOG.replace(' - 2026-12-01', ''))).toHaveLength(1);
});

test('what the page carries is on the list of what it carries', () => {
  const used = execFileSync(
    'git',
    [
      'grep',
      '-hoE',
      "from '@?[a-z][^']*'",
      '--',
      'web/src',
      ':!web/src/**/*.test.ts',
      ':!web/src/**/*.fixture.ts',
    ],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  const own = (JSON.parse(read('package.json')) as { dependencies: Record<string, string> }).dependencies;
  const packages = [...used.matchAll(/from '((?:@[^/']+\/)?[^/']+)/g)].map(([, name = '']) => name);
  expect(new Set(packages.filter((name) => !name.startsWith('node:') && own[name] === undefined))).toEqual(
    new Set(IN_THE_PAGE),
  );
});

test('Debian packages are read with version and architecture, removed ones not', () => {
  const status =
    'Package: ssh\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:10.0p1-7\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n';
  expect(debianPackages(status)).toEqual([
    {
      type: 'library',
      name: 'ssh',
      version: '1:10.0p1-7',
      purl: 'pkg:deb/debian/ssh@1%3A10.0p1-7?arch=amd64',
    },
  ]);
});

describe.skipIf(why)(`a release${skippedBecause(why)}`, () => {
  test('has an archive that runs, the list of what it is made of, and right checksums, and comes out the same twice', async () => {
    const source = await describeSource();
    const first = path.join(tempDir(), 'release');
    const names = await release(first, source, false);
    expect(names).toEqual([
      `breakglass-${source.version}.cdx.json`,
      `breakglass-${source.version}.tar.gz`,
      'SHA256SUMS',
    ]);
    expect(readdirSync(first).sort()).toEqual(names.toSorted());
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: first });

    const second = path.join(tempDir(), 'release');
    await release(second, source, false);
    expect(readFileSync(path.join(second, 'SHA256SUMS'), 'utf8')).toBe(
      readFileSync(path.join(first, 'SHA256SUMS'), 'utf8'),
    );

    execFileSync('tar', ['-xzf', `breakglass-${source.version}.tar.gz`], { cwd: first });
    const unpacked = path.join(first, `breakglass-${source.version}`);
    expect(existsSync(path.join(unpacked, 'node_modules'))).toBe(false);
    expect(existsSync(path.join(unpacked, 'web/dist/index.html'))).toBe(true);
    // In place of `npm ci --omit=dev --ignore-scripts`, which fetches them.
    symlinkSync(path.join(root, 'node_modules'), path.join(unpacked, 'node_modules'));
    const help = execFileSync(process.execPath, [path.join(unpacked, 'dist/breakglass.js'), '--help'], {
      encoding: 'utf8',
    });
    expect(help).toMatch(/Usage: breakglass/);

    const sbom = JSON.parse(
      readFileSync(path.join(first, `breakglass-${source.version}.cdx.json`), 'utf8'),
    ) as {
      components: { name: string; purl: string }[];
    };
    for (const name of ['fastify', '@anthropic-ai/claude-agent-sdk', ...IN_THE_PAGE])
      expect(sbom.components.filter((one) => one.name === name)).toHaveLength(1);
    expect(sbom.components.filter(({ name }) => ['vitest', 'vite', 'typescript'].includes(name))).toEqual([]);
  });
});
