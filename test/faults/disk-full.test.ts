// The console's own disk runs full in the middle of things: the agent is held back, the power path works, and when there is
// space again so does everything else.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Me, TargetState } from '../../protocol/me.ts';
import { startHouse } from '../support/house.ts';
import { tempDir } from '../support/temp-dir.ts';
import { replay, Viewer } from '../support/viewer.ts';
import { until } from '../support/wait-for.ts';

const DISK_BYTES = 8 * 1024 * 1024;

/** A filesystem of that size; undefined where we may not mount one. */
function smallDisk(): string | undefined {
  const dir = path.join(tempDir(), 'disk');
  mkdirSync(dir);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', dir]));
  return dir;
}

test('a full disk holds the agent back, not the power path, and nothing acknowledged is lost', async (context) => {
  const disk = smallDisk();
  if (disk === undefined) return context.skip('mounting a small filesystem needs root');
  const house = await startHouse({ env: { BREAKGLASS_DATA_DIR: disk } });
  onTestFinished(() => house.close());
  const session = await house.newSession();
  const viewer = new Viewer(house, session);
  await viewer.until('the replay', ({ caughtUp }) => caughtUp);
  const before = await replay(house, session);

  const ballast = path.join(disk, 'ballast');
  // More than there is room for, whatever is written beside it: the disk is full when this fails.
  expect(() => writeFileSync(ballast, Buffer.alloc(2 * DISK_BYTES))).toThrow('ENOSPC');
  const refused = await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'x'.repeat(90_000) });
  expect([refused.status, await refused.json()]).toEqual([
    503,
    expect.objectContaining({
      code: 'journal-unavailable',
      detail: expect.stringMatching(/power buttons still work/),
    }),
  ]);
  expect(await (await house.call('GET', '/ready')).json()).toMatchObject({ status: 'degraded' });
  const told = async () => {
    const [me, state] = await Promise.all([
      house.call('GET', '/api/me'),
      house.call('GET', '/api/targets/devvm'),
    ]);
    return [((await me.json()) as Me).journal, ((await state.json()) as TargetState).journal];
  };
  const full = { writes: false, why: expect.stringMatching(/cannot be written .*power buttons still work/) };
  expect(await told()).toEqual([full, full]);
  const reset = await house.call('POST', '/api/pve/reset');
  expect([reset.status, await reset.json()]).toEqual([200, expect.objectContaining({ exit_code: 0 })]);
  expect(await replay(house, session)).toEqual(before);

  rmSync(ballast);
  // Nobody appends anything meanwhile: that it works again is found out without it.
  await until('the page to be told that it works again', async () =>
    (await told()).every((each) => each === undefined) ? true : undefined,
  );
  expect((await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'hello' })).status).toBe(200);
  await viewer.turnsEnded();
  expect(await (await house.call('GET', '/ready')).json()).toEqual({ status: 'ready' });
  await viewer.close();
});
