import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sourcesNewerThan } from './stale-bundle.ts';

let root: string;
const write = (file: string, seconds: number): string => {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, '');
  utimesSync(full, seconds, seconds);
  return full;
};
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bg-stale-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it('names a source that changed after the bundle was built', async () => {
  const bundle = write('dist/process.js', 1_000);
  write('server/main.ts', 900);
  write('protocol/me.test.ts', 1_100);
  expect(await sourcesNewerThan(bundle, root)).toBeNull();
  write('server/http/app.ts', 1_100);
  expect(await sourcesNewerThan(bundle, root)).toBe('server/http/app.ts');
});

it('says nothing of the sources themselves, nor where none were shipped', async () => {
  expect(await sourcesNewerThan(write('cli/process.ts', 1_000), root)).toBeNull();
  expect(await sourcesNewerThan(write('dist/process.js', 1_000), path.join(root, 'none'))).toBeNull();
});
