// The two commands of the README from outside, as a newcomer types them: what they print, what they refuse, what they leave.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addressInNetwork } from '../../lab/network.ts';
import { freePort } from '../support/free-port.ts';
import { selfSigned } from '../support/self-signed.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait-for.ts';

const root = path.resolve(import.meta.dirname, '../..');

interface Running {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  until(text: string | RegExp): Promise<string>;
}

const npmRun = (script: string, env: Record<string, string>): Running => run('npm', ['run', script], env);

/** As a terminal would: a process group of its own, so that Ctrl-C reaches all of it. */
function run(program: string, args: readonly string[], env: Record<string, string>): Running {
  const { BREAKGLASS_POLICY: _, ...rest } = process.env;
  const child = spawn(program, args, {
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
      await until(`${wanted} in the output`, () => {
        if (text.search(wanted) >= 0) return true;
        if (child.exitCode !== null) throw new Error(`it ended with exit ${child.exitCode}:\n${text}`);
        return false;
      });
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

/** The process that runs this program with this directory in its environment. */
function pidOf(program: string, dir: string): number {
  const pid = readdirSync('/proc').find((entry) => {
    try {
      const [executable = '', ...args] = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      return (
        // Neither npm nor its shell, whose arguments name the program too.
        path.basename(executable) === 'node' &&
        args.some((arg) => arg.endsWith(program)) &&
        readFileSync(`/proc/${entry}/environ`, 'utf8').includes(dir)
      );
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error(`no process runs ${program}`);
  return Number(pid);
}

/** The console that the lab's one link leads to. */
const openedBy = (printed: string): string => /Open\s+(\S+)\/#login=/.exec(printed)?.[1] ?? '';

test('npm run lab prints one link that signs in and a token, works with both, and Ctrl-C leaves nothing behind', async () => {
  const port = await freePort();
  const dataDir = path.join(tempDir(), 'data');
  const scratch = tempDir();
  const lab = npmRun('lab', {
    BREAKGLASS_PORT: String(port),
    BREAKGLASS_DATA_DIR: dataDir,
    TMPDIR: scratch,
  });
  const printed = await lab.until('Ctrl-C ends it.');
  expect(printed).toContain(`http://127.0.0.1:${port}`);
  expect(printed).toMatch(/Nothing here is real/);
  expect(printed).toMatch(/scripted, no AI/);
  // npm's own lines begin with >.
  expect(printed).not.toMatch(/^\s*\{/m);
  const code = /#login=([0-9A-Z]{20})$/m.exec(printed)?.[1];
  const signedIn = await fetch(`${openedBy(printed)}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  expect(signedIn.status).toBe(204);
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
    policy: { mode: 'ask' },
  });
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);

  if (lab.child.pid !== undefined) process.kill(-lab.child.pid, 'SIGINT');
  await lab.ended;
  await expect(call('GET', '/health')).rejects.toThrow();
  expect(processesOf(dataDir)).toEqual([]);
  expect(readdirSync(scratch).filter((name) => name.startsWith('breakglass'))).toEqual([]);
});

test('when the console of the lab is killed it comes back on the same port', async () => {
  const port = await freePort();
  const dataDir = path.join(tempDir(), 'data');
  const lab = npmRun('lab', {
    BREAKGLASS_PORT: String(port),
    BREAKGLASS_DATA_DIR: dataDir,
    API_BEARER_TOKEN: 'contract-token-0123456789',
  });
  await lab.until('Ctrl-C ends it.');
  process.kill(pidOf('server/main.ts', dataDir), 'SIGKILL');
  await lab.until('starting it again');
  await until('/health of the next console', () =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
});

test('when only the lab is killed, no console stays behind and holds the port', async () => {
  const port = await freePort();
  const dataDir = path.join(tempDir(), 'data');
  const lab = npmRun('lab', { BREAKGLASS_PORT: String(port), BREAKGLASS_DATA_DIR: dataDir });
  await lab.until('Ctrl-C ends it.');
  const console = pidOf('server/main.ts', dataDir);
  process.kill(pidOf('lab/main.ts', dataDir), 'SIGKILL');
  await expect.poll(() => existsSync(`/proc/${console}`)).toBe(false);
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
});

test('the lab’s address is the real one: with TLS, any port and every interface', async () => {
  const dir = tempDir();
  const { cert, key } = selfSigned(dir);
  const lab = npmRun('lab', {
    BREAKGLASS_PORT: '0',
    BREAKGLASS_BIND: '0.0.0.0',
    BREAKGLASS_TLS_CERT: cert,
    BREAKGLASS_TLS_KEY: key,
    BREAKGLASS_SESSIONS_DIR: path.join(dir, 'sessions'),
  });
  const printed = await lab.until('Ctrl-C ends it.');
  const port = /Open\s+https:\/\/127\.0\.0\.1:(\d+)\/#login=/.exec(printed)?.[1];
  expect(Number(port)).toBeGreaterThan(0);
  const answered = await new Promise((resolve, reject) => {
    get(`https://127.0.0.1:${port}/health`, { rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
  expect(answered).toBe(200);
  // Beside the sessions, as npm start decides it.
  expect(existsSync(path.join(dir, 'data', 'journal.sqlite'))).toBe(true);
});

test('with a data directory that cannot be used the lab starts power only, and says why', async () => {
  const lab = npmRun('lab', { BREAKGLASS_PORT: '0', BREAKGLASS_DATA_DIR: '/dev/null/data' });
  const printed = await lab.until('Ctrl-C ends it.');
  expect(printed).toMatch(/Power only, no agent\. The data directory \/dev\/null\/data cannot be written: /);
  const url = openedBy(printed);
  const token = /Token\s+(\S+)/.exec(printed)?.[1];
  const headers = { authorization: `Bearer ${token}` };
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ status: 'degraded' });
  expect((await fetch(`${url}/api/pve/status`, { method: 'POST', headers })).status).toBe(200);
});

test('npm run lab -- --host is there for the network, under an address of this machine, and says what that means', async () => {
  const lab = run('npm', ['run', 'lab', '--', '--host'], {
    BREAKGLASS_PORT: '0',
    BREAKGLASS_DATA_DIR: path.join(tempDir(), 'data'),
  });
  const printed = await lab.until('Ctrl-C ends it.');
  const own = addressInNetwork();
  if (own === undefined) expect(printed).toContain('only it can open the lab');
  else {
    expect(printed).toContain(`http://${own}:`);
    expect(printed).toMatch(/[█▀▄]{10}/);
    expect(printed).toMatch(/Whoever is in this network can reach the lab.*\n.*Nothing real is behind it\./);
  }
  expect((await fetch(`${openedBy(printed)}/health`)).status).toBe(200);
});

test('npm run lab on a port that is taken says so once and ends with exit 1', async () => {
  const port = await freePort();
  const first = npmRun('start', alone(path.join(tempDir(), 'data'), port));
  await first.until('listens on');
  const lab = npmRun('lab', { BREAKGLASS_PORT: String(port), BREAKGLASS_DATA_DIR: tempDir() });
  expect(await lab.ended).toBe(1);
  expect(lab.output().match(/cannot listen on/g)).toHaveLength(1);
  expect(lab.output()).toMatch(
    new RegExp(`another program has this port.*set BREAKGLASS_PORT to a free port, such as ${port + 1}`),
  );
  expect(lab.output()).not.toMatch(/EADDRINUSE|^\s*\{/m);
});

test.each([
  [
    'an unknown scenario',
    { BREAKGLASS_LAB_SCENARIO: 'earthquake' },
    /earthquake.*disk-full, io-stall, backup-lock, hibernated/,
  ],
  [
    'a value that is not understood',
    { BREAKGLASS_TURN_TIMEOUT_SECONDS: 'soon' },
    /BREAKGLASS_TURN_TIMEOUT_SECONDS: "soon".*whole number/,
  ],
])('npm run lab with %s says so and ends with exit 2', async (_name, env, message) => {
  const lab = npmRun('lab', { BREAKGLASS_PORT: String(await freePort()), ...env });
  expect(await lab.ended).toBe(2);
  expect(lab.output()).toMatch(message);
});

test('npm start without a way to authenticate does not start, and says what to set', async () => {
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

test('npm start listens on loopback only, and says that no proxy is trusted and that there is no key', async () => {
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
    stderr: expect.stringContaining('No SSH key at /does/not/exist'),
  });
});

test('a journal that cannot be opened means power only, said plainly, not a server that does not start', async () => {
  const port = await freePort();
  const dataDir = path.join(tempDir(), 'data');
  mkdirSync(dataDir);
  writeFileSync(path.join(dataDir, 'journal.sqlite'), 'garbage '.repeat(1_000));
  const start = npmRun('start', alone(dataDir, port));
  await start.until('listens on');
  const headers = { authorization: 'Bearer contract-token-0123456789' };
  const ready = await fetch(`http://127.0.0.1:${port}/ready`, { headers });
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'degraded', why: expect.stringContaining('not a database') },
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
});

test('a port that is taken is named, with exit 1', async () => {
  const port = await freePort();
  const first = npmRun('start', alone(path.join(tempDir(), 'data'), port));
  await first.until('listens on');
  const second = npmRun('start', alone(path.join(tempDir(), 'data'), port));
  expect(await second.ended).toBe(1);
  expect(second.output()).toMatch(new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`));
});

test('a second server on the same data directory does not start, and the first one goes on as if nothing had been', async () => {
  const [port, dataDir] = [await freePort(), path.join(tempDir(), 'data')];
  const first = npmRun('start', alone(dataDir, port));
  await first.until('listens on');
  const open = () =>
    fetch(`http://127.0.0.1:${port}/api/session`, {
      method: 'POST',
      headers: { authorization: 'Bearer contract-token-0123456789' },
    });
  expect((await open()).status).toBe(200);
  const second = npmRun('start', alone(dataDir, await freePort()));
  expect(await second.ended).toBe(1);
  const pid = pidOf('dist/breakglass.js', dataDir);
  expect(second.output()).toMatch(
    new RegExp(`${dataDir} belongs to another .*pid ${pid} .*BREAKGLASS_DATA_DIR`),
  );
  expect((await open()).status).toBe(200);
  process.kill(pid, 'SIGKILL');
  await first.ended;
  const third = npmRun('start', alone(dataDir, port));
  await third.until('listens on');
  expect((await open()).status).toBe(200);
});

test.each([
  ['the temporary directory cannot', { TMPDIR: '/proc' }, 'ready'],
  [
    'neither it nor the data directory can',
    { TMPDIR: '/proc', BREAKGLASS_DATA_DIR: '/dev/null/data' },
    'degraded',
  ],
])('the server starts where %s be written, and tries a verb', async (_name, env, ready) => {
  const [port, dir] = [await freePort(), tempDir()];
  const key = path.join(dir, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  // Not by npm, which needs a temporary directory of its own.
  const start = run(process.execPath, ['server/main.ts'], {
    ...alone(path.join(dir, 'data'), port),
    BREAKGLASS_KEY_PATH: key,
    ...env,
  });
  await start.until('listens on');
  expect(await (await fetch(`http://127.0.0.1:${port}/ready`)).json()).toEqual({ status: ready });
  const headers = { authorization: 'Bearer contract-token-0123456789' };
  const status = await fetch(`http://127.0.0.1:${port}/api/pve/status`, { method: 'POST', headers });
  expect(await status.json()).toMatchObject({ stderr: expect.stringMatching(/refused|not reach/i) });
});

test('npm start says, in its log and to the page, what the agent lacks and which proxies are trusted', async () => {
  const [port, dir] = [await freePort(), tempDir()];
  const start = npmRun('start', {
    ...alone(path.join(dir, 'data'), port),
    ANTHROPIC_API_KEY: '',
    CLAUDE_CODE_OAUTH_TOKEN: '',
    BREAKGLASS_TRUSTED_PROXIES: '0.0.0.0/0',
    BREAKGLASS_KEY_PATH: dir,
  });
  await start.until(/The agent is not available\. .*set ANTHROPIC_API_KEY/);
  await start.until(/0\.0\.0\.0\/0: whoever reaches this port/);
  await start.until(`No SSH key at ${dir}`);
  const headers = { authorization: 'Bearer contract-token-0123456789' };
  expect(await (await fetch(`http://127.0.0.1:${port}/api/me`, { headers })).json()).toMatchObject({
    warnings: expect.arrayContaining([expect.stringContaining('The agent is not available')]),
    keys: { present: false },
  });
});
