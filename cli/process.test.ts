// The command as a process whose output goes nowhere.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { compileCache } from '../test/support/compile-cache.ts';
import { json, smallConsole } from './console.fixture.ts';

const one = {
  session_id: '0b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f',
  target: 'devvm',
  last_at: '2026-11-27T02:00:00.000Z',
  people: [],
  title: 'x'.repeat(60),
};

async function bash(script: string, url: string) {
  const child = spawn('bash', ['-o', 'pipefail', '-c', script], {
    env: {
      PATH: process.env['PATH'],
      BREAKGLASS_URL: url,
      BREAKGLASS_ENVIRONMENT: '/dev/null',
      HOME: '/does/not/exist',
      ...compileCache(),
      RUN: `${process.execPath} ${path.join(import.meta.dirname, 'breakglass.ts')}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, out, err };
}

test('a reader that has read enough is no failure, a full disk is one', async () => {
  const { url } = await smallConsole({
    'GET /api/sessions': json({ sessions: Array.from({ length: 5_000 }, () => one) }),
  });
  expect(await bash('$RUN sessions | head -n 1', url)).toEqual({
    code: 0,
    out: expect.stringMatching(/^SESSION/),
    err: '',
  });
  expect(await bash('$RUN sessions >/dev/full', url)).toEqual({
    code: 1,
    out: '',
    err: 'breakglass: The output could not be written: ENOSPC: no space left on device, write.\n',
  });
});
