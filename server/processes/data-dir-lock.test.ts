import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { DataDirInUse, lockDataDir } from './data-dir-lock.ts';

const LOCK = JSON.stringify(path.join(import.meta.dirname, 'data-dir-lock.ts'));

/** A server that takes the lock, says "mine" or "theirs", and lives on. */
async function contender(dir: string) {
  const code = `
    import { lockDataDir } from ${LOCK};
    let lock;
    try { lock = lockDataDir(${JSON.stringify(dir)}); console.log('mine'); } catch { console.log('theirs'); }
    setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const kill = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return { pid: child.pid, said: said.toString().trim(), kill };
}

test('a directory that a living server has is refused, with its pid and what to do; after SIGKILL it is free at once', async () => {
  const dir = tempDir();
  const first = await contender(dir);
  expect(first.said).toBe('mine');
  expect(() => lockDataDir(dir)).toThrow(DataDirInUse);
  expect(() => lockDataDir(dir)).toThrow(
    new RegExp(`${dir}.*pid ${first.pid} on .*Stop that one.*BREAKGLASS_DATA_DIR`),
  );
  await first.kill();
  lockDataDir(dir).release();
});

test('of several servers that start together after a crash exactly one gets the directory', async () => {
  const dir = tempDir();
  await (await contender(dir)).kill();
  const all = await Promise.all(Array.from({ length: 6 }, () => contender(dir)));
  expect(all.filter(({ said }) => said === 'mine')).toHaveLength(1);
  await Promise.all(all.map(({ kill }) => kill()));
});

test('a released directory can be taken again, and one that cannot be written is not taken for one that somebody else has', () => {
  const dir = tempDir();
  lockDataDir(dir).release();
  const again = lockDataDir(dir);
  expect(existsSync(path.join(dir, 'server.lock'))).toBe(true);
  again.release();
  let refused: unknown;
  try {
    lockDataDir(path.join(dir, 'not', 'there'));
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(Error);
  expect(refused).not.toBeInstanceOf(DataDirInUse);
});
