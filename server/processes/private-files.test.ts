import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { claimDataDir } from './data-dir.ts';
import { checkDirectory } from './private-files.ts';

const modeOf = (file: string): string => (statSync(file).mode & 0o7777).toString(8);
const NOBODY = 65_534;

function open(dir: string, name: string, mode = 0o644): string {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, 'secret');
  chmodSync(file, mode);
  return file;
}

test('what an older version left open is closed, however deep; what is not ours and what a link leads to are left alone', () => {
  const dir = tempDir();
  chmodSync(dir, 0o755);
  const ours = [
    'journal.sqlite',
    'journal.sqlite-wal',
    'server.lock',
    'known_hosts',
    'agent/claude/projects/-x/one.jsonl',
    'evidence/devvm/a.tar.gz',
  ].map((name) => open(dir, name));
  const theirs = open(dir, 'notes.txt');
  const elsewhere = open(tempDir(), 'elsewhere');
  symlinkSync(elsewhere, path.join(dir, 'evidence', 'link'));
  const { tightened, warnings } = checkDirectory(dir);
  expect(ours.map(modeOf)).toEqual(ours.map(() => '600'));
  expect(tightened).toEqual(expect.arrayContaining(ours));
  for (const each of ['agent', 'agent/claude/projects/-x', 'evidence/devvm'])
    expect(modeOf(path.join(dir, each))).toBe('700');
  expect([theirs, elsewhere].map(modeOf)).toEqual(['644', '644']);
  // It holds something that is not ours, so others may need to come in; they read nothing of ours.
  expect(modeOf(dir)).toBe('755');
  expect(warnings).toEqual([]);
});

test('a directory that holds only ours can be read and listed by nobody else, and keeps the setgid bit that its volume gave it', () => {
  const dir = tempDir();
  open(dir, 'journal.sqlite', 0o660);
  chmodSync(dir, 0o2775);
  expect(checkDirectory(dir).warnings).toEqual([]);
  expect(modeOf(dir)).toBe('2710');
});

test('a shared directory is warned of and never closed: /tmp as data directory must stay /tmp', () => {
  const dir = tempDir();
  open(dir, 'of-somebody-else');
  chmodSync(dir, 0o1777);
  const { warnings, planted } = checkDirectory(dir);
  expect(planted).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(/may be written by everybody \(mode 1777/)]);
  expect(modeOf(dir)).toBe('1777');
});

test('a directory of another user is warned of and used: a volume of Kubernetes must not lock the console out', (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can give a directory to another user');
  const dir = tempDir();
  chownSync(dir, NOBODY, NOBODY);
  chmodSync(dir, 0o2770);
  const { warnings, planted } = checkDirectory(dir);
  expect(planted).toBeUndefined();
  expect(warnings).toEqual([
    expect.stringMatching(/may be written by its group/),
    expect.stringMatching(/belongs to another user \(65534; the console runs as 0\)/),
  ]);
});

test('a trap that another user set where anybody may write is not stepped into: power only, and nothing is written through it', (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can give a file to another user');
  const dir = tempDir();
  chmodSync(dir, 0o1777);
  const precious = open(tempDir(), 'precious');
  const trap = open(dir, 'server.pid');
  chownSync(trap, NOBODY, NOBODY);
  const claimed = claimDataDir(dir, pino({ level: 'silent' }));
  expect(claimed.whyNot).toMatch(/server\.pid in it belongs to another user.*the power buttons work/);
  expect(claimed.path).not.toBe(dir);
  expect(readdirSync(dir)).toEqual(['server.pid']);
  expect(statSync(precious).size).toBe(6);
});
