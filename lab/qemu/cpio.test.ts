import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cpioArchive, directoriesAbove } from './cpio.ts';

test('directories come before what is in them, each once', () => {
  const paths = directoriesAbove(['a/b/c', 'a/d', 'e']).map((file) => file.path);
  expect(paths).toEqual(['a', 'a/b']);
});

test('two archives one behind the other stay aligned, as the kernel wants them', () => {
  const archive = cpioArchive([{ path: 'x', kind: 'file', content: '12345' }]);
  expect(archive.length % 4).toBe(0);
  expect(archive.subarray(0, 6).toString()).toBe('070701');
});

test('cpio reads it: owners, modes and links', (context) => {
  if (!existsSync('/usr/bin/cpio')) return context.skip('cpio is not installed');
  const archive = cpioArchive([
    { path: 'd', kind: 'directory' },
    { path: 'd/secret', kind: 'file', content: 'abc', mode: 0o600 },
    { path: 'd/link', kind: 'link', content: 'secret' },
  ]);
  const { stdout, status } = spawnSync('cpio', ['-itvn', '--quiet'], { input: archive, encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^drwxr-xr-x .* 0 +0 .* d$/m);
  expect(stdout).toMatch(/^-rw------- .* 0 +0 +3 .* d\/secret$/m);
  expect(stdout).toMatch(/d\/link -> secret$/m);
});
