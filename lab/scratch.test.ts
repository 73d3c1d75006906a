import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../test/support/temp-dir.ts';
import { hostDir, openScratch } from './scratch.ts';

const started = (pid: number | undefined): string =>
  readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19] ?? '';

test('what a dead lab left is ended and removed, what a living one has is not touched', async () => {
  const base = tempDir();
  const mine = await openScratch(base);
  // The pid is that of this very process, but of an earlier life.
  const dead = path.join(base, `breakglass-lab-${process.pid}-1-aaaaaa`);
  mkdirSync(hostDir(dead), { recursive: true });
  const left = spawn('sleep', ['309'], { env: { BREAKGLASS_ROOT: hostDir(dead) }, stdio: 'ignore' });
  const gone = once(left, 'exit');
  const other = spawn('sleep', ['309'], { env: { BREAKGLASS_ROOT: hostDir(mine) }, stdio: 'ignore' });

  await openScratch(base);
  expect(existsSync(dead)).toBe(false);
  expect(await gone).toEqual([null, 'SIGKILL']);
  expect(existsSync(mine)).toBe(true);
  expect(other.exitCode ?? other.signalCode).toBeNull();
  other.kill('SIGKILL');
});

test('a zombie is dead', async () => {
  const base = tempDir();
  // `exec` replaces the shell by a program that never collects its child.
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 309'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const dir = path.join(base, `breakglass-lab-${pid}-${started(pid)}-aaaaaa`);
  mkdirSync(dir);
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'latin1')).toContain(') Z ');
  await openScratch(base);
  expect(existsSync(dir)).toBe(false);
  parent.kill('SIGKILL');
});
