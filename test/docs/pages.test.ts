// What people read, held against what is there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseTargets } from '../../server/config/targets.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const tracked = (pattern: string): string[] =>
  execFileSync('git', ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', pattern], {
    encoding: 'utf8',
  })
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));
const pages = tracked('*.md');

/** As GitHub makes an anchor of a heading. */
const anchor = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchor(heading));

test('every link between our pages leads to a file that is there, and to a heading in it', () => {
  const broken: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const [, to = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|\.\.\/\.\.\/security)/.test(to)) continue;
      seen++;
      const [file = '', heading] = to.split('#');
      const target = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, target))) broken.push(`${page}: ${to}`);
      else if (heading !== undefined && !anchorsOf(target).includes(heading)) broken.push(`${page}: ${to}`);
    }
  }
  expect(broken).toEqual([]);
  expect(seen).toBeGreaterThan(50);
});

test('every variable of the configuration is on its page, and neither that page nor the README has another', () => {
  const inCode = [
    ...(read('server/config/config.ts')
      .split('const Variables')[1]
      ?.split('});')[0]
      ?.matchAll(/^ {2}([A-Z_]+):/gm) ?? []),
  ].map(([, name = '']) => name);
  // The system's own, and what the lab tells the console it starts.
  const known = inCode.filter((name) => !['PATH', 'HOME', 'SSH_AUTH_SOCK', 'BREAKGLASS_LAB'].includes(name));
  expect(known.length).toBeGreaterThan(25);
  const page = read('docs/configuration.md');
  const named = new Set(
    (page + read('README.md')).match(/\b(?:BREAKGLASS|ANTHROPIC|CLAUDE_CODE|API)_[A-Z_]+\b/g),
  );
  expect(known.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  expect([...named].filter((name) => !known.includes(name) && !/^BREAKGLASS_LAB_|_FILE$/.test(name))).toEqual(
    [],
  );
});

test('the example of several targets in the runbook is understood by the console', () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(read('docs/runbook.md')) ?? [];
  const { default: chosen, all } = parseTargets(example, 'runbook.md', {
    vmUser: 'breakglass',
    powerUser: 'root',
    keyPath: '/secrets/key',
  });
  expect([chosen, all.map(({ name, vmid, policy }) => [name, vmid, policy])]).toEqual([
    'devvm',
    [
      ['devvm', 102, undefined],
      ['buildvm', 103, undefined],
      ['storage', 200, 'observe'],
    ],
  ]);
});

test('every command of npm that a page names is there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, script = '']) => script),
  );
  expect(new Set(named).size).toBeGreaterThan(4);
  expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
});

test('whether the install script of a package runs is decided, so that npm ci asks nobody', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
  const wanting = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([place]) => place.split('node_modules/').at(-1));
  expect(new Set(Object.keys(allowScripts))).toEqual(new Set(wanting));
});
