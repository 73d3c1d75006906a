import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findOrphans, ownerMark, reapOrphans } from './owner.ts';

let dataDir: string;
const started = new Set<number>();

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'owner-'));
});
afterEach(() => {
  for (const pid of started) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended by the test.
    }
  }
  started.clear();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A child of ours with the mark, as the server starts them. */
function startMarked(env: Readonly<Record<string, string>>): number {
  const { pid } = spawn('sleep', ['307'], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'ignore',
    detached: true,
  });
  if (pid === undefined) throw new Error('no pid');
  started.add(pid);
  return pid;
}

/** A "server" that marks a child and is killed with SIGKILL: the child goes on. Gives the child's pid. */
async function orphan(dir: string): Promise<number> {
  const code = `
    import { spawn } from 'node:child_process';
    import { ownerMark } from ${JSON.stringify(path.join(import.meta.dirname, 'owner.ts'))};
    const child = spawn('sleep', ['308'], { env: { PATH: process.env.PATH, ...ownerMark(${JSON.stringify(dir)}) }, stdio: 'ignore' });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const server = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  started.add(pid);
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
  return pid;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('a process of a server that was killed is found by its mark and ended', async () => {
  const pid = await orphan(dataDir);
  expect(isAlive(pid)).toBe(true);
  const { ended, left } = await reapOrphans(dataDir);
  expect(ended).toEqual([{ pid, command: 'sleep 308' }]);
  expect(left).toEqual([]);
  expect(findOrphans(dataDir)).toEqual([]);
});

test('a marked child of a server that lives is not touched', async () => {
  const pid = startMarked(ownerMark(dataDir));
  expect((await reapOrphans(dataDir)).ended).toEqual([]);
  expect(isAlive(pid)).toBe(true);
});

test('a process of a dead server on another data directory is not touched', async () => {
  const other = mkdtempSync(path.join(tmpdir(), 'other-'));
  const pid = await orphan(other);
  expect((await reapOrphans(dataDir)).ended).toEqual([]);
  expect(isAlive(pid)).toBe(true);
  rmSync(other, { recursive: true });
});

test('a data directory reached by another path is the same one', async () => {
  const link = `${dataDir}-link`;
  symlinkSync(dataDir, link);
  const pid = await orphan(link);
  expect((await reapOrphans(dataDir)).ended.map((each) => each.pid)).toEqual([pid]);
  rmSync(link);
});

test('a mark with a pid that a later process has now is that of a dead server', async () => {
  const [pid, , ...dir] = (ownerMark(dataDir)['BREAKGLASS_OWNER'] ?? '').split(':');
  const child = startMarked({ BREAKGLASS_OWNER: `${pid}:1:${dir.join(':')}` });
  expect((await reapOrphans(dataDir)).ended.map((each) => each.pid)).toEqual([child]);
});

test('an unmarked process, and one with a mark that makes no sense, are not touched', async () => {
  const pids = [{}, { BREAKGLASS_OWNER: 'nonsense' }, { BREAKGLASS_OWNER: `1:x:${dataDir}` }].map(
    startMarked,
  );
  expect((await reapOrphans(dataDir)).ended).toEqual([]);
  expect(pids.every(isAlive)).toBe(true);
});
