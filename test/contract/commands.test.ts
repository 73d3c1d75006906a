// The two commands of the README from outside, as a newcomer types them: what they print, what they refuse, what they leave.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/house.ts';
import { tempDir } from '../support/temp-dir.ts';

const root = path.resolve(import.meta.dirname, '../..');
const LIMIT = { timeout: 120_000 };

interface Running {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  until(text: string | RegExp): Promise<string>;
}

/** As a terminal would: a process group of its own, so that Ctrl-C reaches all of it. */
function npmRun(script: string, env: Record<string, string>): Running {
  const { BREAKGLASS_POLICY: _, ...rest } = process.env;
  const child = spawn('npm', ['run', script], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...rest, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => {
      text += data.toString();
    });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGKILL');
    await ended;
  });
  return {
    child,
    output: () => text,
    ended,
    async until(wanted) {
      while (text.search(wanted) < 0) {
        if (child.exitCode !== null) throw new Error(`it ended with exit ${child.exitCode}:\n${text}`);
        await sleep(20);
      }
      return text;
    },
  };
}

/** Commands of all processes whose environment or command line names this directory. */
function processesOf(dir: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (Number(pid) !== process.pid && (command.includes(dir) || environ.includes(dir)))
        found.push(command);
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

test(
  'npm run lab prints where to go and the token, works with both, and Ctrl-C leaves nothing behind',
  LIMIT,
  async () => {
    const port = await freePort();
    const dataDir = path.join(tempDir(), 'data');
    const before = readdirSync(tmpdir());
    const lab = npmRun('lab', { BREAKGLASS_PORT: String(port), BREAKGLASS_DATA_DIR: dataDir });
    const printed = await lab.until('Ctrl-C ends it.');
    expect(printed).toContain(`http://127.0.0.1:${port}`);
    expect(printed).toMatch(/Nothing here is real/);
    expect(printed).toMatch(/scripted, no AI/);
    expect(printed).toMatch(/ask is not built yet/);
    const token = /Token\s+(\S+)/.exec(printed)?.[1] ?? '';
    const call = (method: string, url: string) =>
      fetch(`http://127.0.0.1:${port}${url}`, { method, headers: { authorization: `Bearer ${token}` } });
    expect((await call('POST', '/api/session')).status).toBe(200);
    expect(await (await call('POST', '/api/pve/status')).json()).toMatchObject({
      exit_code: 0,
      stdout: expect.stringContaining('status: running'),
    });
    expect(await (await call('GET', '/api/me')).json()).toMatchObject({
      lab: { scenario: 'disk-full' },
      policy: { mode: 'autonomous', ask_pending: true },
    });
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);

    if (lab.child.pid !== undefined) process.kill(-lab.child.pid, 'SIGINT');
    await lab.ended;
    await expect(call('GET', '/health')).rejects.toThrow();
    expect(processesOf(dataDir)).toEqual([]);
    const left = readdirSync(tmpdir()).filter(
      (name) => !before.includes(name) && name.startsWith('breakglass'),
    );
    expect(left).toEqual([]);
  },
);

test(
  'a supervisor’s view: when the console of the lab is killed it comes back on the same port',
  LIMIT,
  async () => {
    const port = await freePort();
    const dataDir = path.join(tempDir(), 'data');
    const lab = npmRun('lab', {
      BREAKGLASS_PORT: String(port),
      BREAKGLASS_DATA_DIR: dataDir,
      API_BEARER_TOKEN: 'contract-token-0123456789',
    });
    await lab.until('Ctrl-C ends it.');
    const server = readdirSync('/proc').find((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('server/main.ts') &&
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(dataDir)
        );
      } catch {
        return false;
      }
    });
    process.kill(Number(server), 'SIGKILL');
    await lab.until('starting it again');
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      if (answer?.ok === true) break;
      await sleep(50);
    }
  },
);

test.each([
  ['an unknown scenario', { BREAKGLASS_LAB_SCENARIO: 'earthquake' }, /earthquake.*disk-full or io-stall/],
  [
    'a value that is not understood',
    { BREAKGLASS_TURN_TIMEOUT_SECONDS: 'soon' },
    /BREAKGLASS_TURN_TIMEOUT_SECONDS: "soon".*whole number/,
  ],
])('npm run lab with %s says so and ends with exit 2', LIMIT, async (_name, env, message) => {
  const lab = npmRun('lab', { BREAKGLASS_PORT: String(await freePort()), ...env });
  expect(await lab.ended).toBe(2);
  expect(lab.output()).toMatch(message);
});

test('npm start without a way to authenticate does not start, and says what to set', LIMIT, async () => {
  const start = npmRun('start', {
    API_BEARER_TOKEN: '',
    BREAKGLASS_TRUSTED_PROXIES: '',
    BREAKGLASS_DATA_DIR: tempDir(),
  });
  expect(await start.ended).toBe(2);
  expect(start.output()).toMatch(/API_BEARER_TOKEN.*BREAKGLASS_TRUSTED_PROXIES/);
});

const alone = (dataDir: string, port: number): Record<string, string> => ({
  API_BEARER_TOKEN: 'contract-token-0123456789',
  BREAKGLASS_PORT: String(port),
  BREAKGLASS_DATA_DIR: dataDir,
  BREAKGLASS_DEVVM_HOST: '127.0.0.1',
  BREAKGLASS_DEVVM_PORT: '9',
  BREAKGLASS_PVE_HOST: '127.0.0.1',
  BREAKGLASS_PVE_PORT: '9',
  BREAKGLASS_KEY_PATH: '/does/not/exist',
});

test(
  'npm start listens on loopback only, and says that no proxy is trusted and no key is there',
  LIMIT,
  async () => {
    const port = await freePort();
    const start = npmRun('start', alone(path.join(tempDir(), 'data'), port));
    await start.until('listens on');
    expect(start.output()).toContain(`http://127.0.0.1:${port}`);
    await start.until('no trusted proxy');
    await start.until('No SSH key');
    const headers = { authorization: 'Bearer contract-token-0123456789' };
    const status = await fetch(`http://127.0.0.1:${port}/api/pve/status`, { method: 'POST', headers });
    expect(status.status).toBe(502);
    expect(await status.json()).toMatchObject({
      verb: 'status',
      rejected: false,
      stderr: expect.stringMatching(/refused|unreachable|not reach/i),
    });
  },
);

test(
  'a journal that cannot be opened means power only, said plainly, not a server that does not start',
  LIMIT,
  async () => {
    const port = await freePort();
    const dataDir = path.join(tempDir(), 'data');
    mkdirSync(dataDir);
    writeFileSync(path.join(dataDir, 'journal.sqlite'), 'garbage '.repeat(1_000));
    const start = npmRun('start', alone(dataDir, port));
    await start.until('listens on');
    const headers = { authorization: 'Bearer contract-token-0123456789' };
    const ready = await fetch(`http://127.0.0.1:${port}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'power-only', why: expect.stringContaining('not a database') },
    ]);
    const session = await fetch(`http://127.0.0.1:${port}/api/session`, { method: 'POST', headers });
    expect([session.status, await session.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'power-only' }),
    ]);
    expect(await (await fetch(`http://127.0.0.1:${port}/api/me`, { headers })).json()).toMatchObject({
      mode: 'power-only',
    });
    expect((await fetch(`http://127.0.0.1:${port}/api/pve/status`, { method: 'POST', headers })).status).toBe(
      502,
    ); // Tried: nothing listens there.
  },
);

test('a port that is taken is named, with exit 1', LIMIT, async () => {
  const port = await freePort();
  const first = npmRun('start', alone(path.join(tempDir(), 'data'), port));
  await first.until('listens on');
  const second = npmRun('start', alone(path.join(tempDir(), 'data'), port));
  expect(await second.ended).toBe(1);
  expect(second.output()).toMatch(new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`));
});
