// The command `breakglass backup` beside a console that runs, and a console on what was restored.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeConsole, TOKEN } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { tempDir } from '../support/temp-dir.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli/breakglass.ts');

test('a running console is backed up, the copy is restored, and a console on it knows the sessions', async () => {
  const parts = {
    hostPort: await freePort(),
    hostUser: 'root',
    vmPort: await freePort(),
    keyPath: '/does/not/exist',
    modelUrl: 'http://127.0.0.1:9',
  };
  const dir = tempDir();
  const first = await makeConsole({ ...parts, dir });
  onTestFinished(() => first.close());
  await first.start();
  const opened = [await first.newSession(), await first.newSession()];
  const breakglass = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], API_BEARER_TOKEN: TOKEN, BREAKGLASS_DATA_DIR: first.dataDir },
    });
  const copy = path.join(dir, 'copy.tar');
  expect(breakglass('backup', copy)).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringMatching(/^Backed up /),
  });
  expect(breakglass('backup', copy)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/exists already/),
  });
  expect(breakglass('restore', copy, first.dataDir)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/another Breakglass server that is running/),
  });
  const home = tempDir();
  expect(breakglass('restore', copy, path.join(home, 'data'))).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/^Restored the backup of .*proven\.\n/),
  });
  const second = await makeConsole({ ...parts, dir: home });
  onTestFinished(() => second.close());
  await second.start();
  // Nobody prompted in them, so they are on no list, but they are there.
  for (const id of opened) expect((await second.call('GET', `/api/session/${id}/policy`)).status).toBe(200);
});
