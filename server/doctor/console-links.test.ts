// What is the console's own, broken for real.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { openJournal } from '../journal/sqlite.ts';
import { tryJournal } from '../journal/try-journal.ts';
import { claimDataDir } from '../processes/data-dir.ts';
import { lockDataDir } from '../processes/data-dir-lock.ts';
import { type ConsoleParts, consoleChain } from './console-links.ts';
import { examine } from './examine.ts';
import { keyLink } from './key-link.ts';

const searchPath = process.env['PATH'] ?? '/usr/bin:/bin';

async function look(
  change: Partial<ConsoleParts> & { readonly dir: string },
): Promise<Record<string, string>> {
  const key = path.join(tempDir(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const { dir, ...rest } = change;
  const links = await examine([
    consoleChain({
      warnings: [],
      dataDir: { path: dir, whyNot: undefined, lock: { stands: () => true }, warnings: [] },
      whyPowerOnly: undefined,
      journalTroubles: () => [],
      sshKey: keyLink([key], { authSock: undefined, searchPath, dir: undefined }),
      ...rest,
    }),
  ]);
  return Object.fromEntries(
    links
      .filter(({ state }) => state !== 'works')
      .map(({ code, state, because, detail }) => [
        code,
        because === undefined ? `${state}: ${detail}` : `because ${because}`,
      ]),
  );
}

test('a console that is well', async () => {
  expect(await look({ dir: tempDir() })).toEqual({});
});

test('configuration: what the start warns of is doubtful', async () => {
  expect(await look({ dir: tempDir(), warnings: ['BREAKGLASS_PUBLIC_URL is not set.'] })).toEqual({
    configuration: 'doubtful: BREAKGLASS_PUBLIC_URL is not set.',
  });
});

test('data-directory: it was taken away while the console runs', async () => {
  const dir = tempDir();
  renameSync(dir, `${dir}-away`);
  onTestFinished(() => rmSync(`${dir}-away`, { recursive: true, force: true }));
  expect(await look({ dir })).toEqual({
    'data-directory': expect.stringMatching(/^broken: .*ENOENT/),
    'data-space': 'because data-directory',
    'data-lock': 'because data-directory',
    journal: 'because data-directory',
  });
});

test('data-directory: nothing could be written there at the start', async () => {
  const dir = path.join(tempDir(), 'file');
  writeFileSync(dir, '');
  const { whyNot, warnings, lock } = claimDataDir(path.join(dir, 'data'), silent);
  expect(
    await look({ dir, dataDir: { path: dir, whyNot, warnings, lock }, whyPowerOnly: whyNot }),
  ).toMatchObject({
    'data-directory': expect.stringContaining('cannot be written'),
    journal: 'because data-directory',
  });
});

const isRoot = process.getuid?.() === 0;
test.skipIf(!isRoot)(
  `data-space: a file system that is nearly full${skippedBecause(isRoot ? undefined : 'only root mounts')}`,
  async () => {
    const dir = path.join(tempDir(), 'data');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'breakglass-test', dir]);
    onTestFinished(() => void execFileSync('umount', [dir]));
    expect(await look({ dir })).toEqual({ 'data-space': expect.stringContaining('Only 100 MB are free') });
    execFileSync('mount', ['-o', 'remount,size=100m,nr_inodes=20', dir]);
    expect(await look({ dir })).toEqual({
      'data-space': expect.stringMatching(/^broken: Only 1\d files can still be made/),
    });
  },
);

test.skipIf(!isRoot)(
  `ssh-key: a secret of another user's, for a group, as Kubernetes and systemd mount it, is one that ssh takes${skippedBecause(isRoot ? undefined : 'only root gives files away')}`,
  async () => {
    const key = path.join(tempDir(), 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    chownSync(key, 65_534, 65_534);
    chmodSync(key, 0o440);
    const sshKey = keyLink([key], { authSock: undefined, searchPath, dir: undefined });
    expect(await look({ dir: tempDir(), sshKey })).toEqual({});
    // Of its own user it is one that ssh ignores.
    chownSync(key, 0, 0);
    expect(await look({ dir: tempDir(), sshKey })).toEqual({
      'ssh-key': expect.stringContaining('mode 440'),
    });
  },
);

test('data-lock: somebody cleaned up; the lock of a directory that nobody touched stands', async () => {
  const dir = tempDir();
  const lock = lockDataDir(dir);
  onTestFinished(() => lock.release());
  const dataDir = { path: dir, whyNot: undefined, lock, warnings: [] };
  expect(await look({ dir, dataDir })).toEqual({});
  rmSync(path.join(dir, 'server.lock'));
  expect(await look({ dir, dataDir })).toEqual({
    'data-lock': expect.stringContaining('was removed or replaced'),
  });
  writeFileSync(path.join(dir, 'server.lock'), '');
  expect(Object.keys(await look({ dir, dataDir }))).toEqual(['data-lock']);
});

test('journal: its file is damaged', async () => {
  const dir = tempDir();
  await openJournal(dir).close();
  writeFileSync(path.join(dir, 'journal.sqlite'), 'this is no database, whatever its name is. '.repeat(500));
  const { why } = tryJournal(dir, undefined, silent);
  expect(why).toBeTruthy();
  expect(await look({ dir, whyPowerOnly: why })).toEqual({ journal: `broken: ${why}` });
});
