// The first start, as a newcomer does it: at a terminal the console makes a token and prints a link that lets one in; the command then
// makes more of them. Without a terminal it refuses to start.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { loneConsole } from '../support/lone-console.ts';
import { until } from '../support/wait-for.ts';

const root = path.resolve(import.meta.dirname, '../..');
const exec = promisify(execFile);

function home() {
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-first-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return { dir, dataDir: path.join(dir, 'data') };
}

/** script(1) gives a command a terminal of its own. */
function atTerminal(env: Record<string, string>): {
  readonly child: ChildProcess;
  readonly said: () => string;
} {
  const command = `exec ${process.execPath} server/main.ts`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await gone;
  });
  return { child, said: () => text };
}

test('at a terminal a console without a way in makes a token for its owner alone, and its link signs in once', async () => {
  const { dir, dataDir } = home();
  const port = await freePort();
  const env = loneConsole(dir, port);
  const { said } = atTerminal(env);
  await until('the link', () => /#login=[0-9A-Z]{20}/.test(said()));
  const link = /(http:\S+)\/#login=([0-9A-Z]{20})/.exec(said());
  const [, base = '', code = ''] = link ?? [];
  const tokenFile = path.join(dataDir, 'access-token');
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  const token = readFileSync(tokenFile, 'utf8').trim();
  expect(said()).not.toContain(token);
  const redeem = () =>
    fetch(`${base}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    });
  const first = await redeem();
  expect([first.status, (await redeem()).status]).toEqual([204, 401]);
  const cookie = String(first.headers.get('set-cookie')).split(';')[0] ?? '';
  expect((await fetch(`${base}/api/me`, { headers: { cookie } })).status).toBe(200);

  // What the terminal named works as it stands there.
  const breakglass = (...args: string[]) =>
    exec(process.execPath, [path.join(root, 'cli/breakglass.ts'), ...args], {
      env: { ...env, BREAKGLASS_URL: base, BREAKGLASS_TOKEN_FILE: tokenFile },
    });
  const { stdout: another, stderr: picture } = await breakglass('login-link');
  expect(another.trim()).toMatch(new RegExp(`^${base}/#login=[0-9A-Z]{20}$`));
  expect(picture).toMatch(/[█▀▄]{10}/);
  const { stdout: secret } = await breakglass('token', 'make', 'kuma', '--role', 'alerts', '--days', '30');
  expect(secret.trim()).toMatch(/^bg_[\w-]{43}$/);
  expect((await breakglass('token', 'list')).stdout).toMatch(/^kuma +alerts .* never +\d{4}-\d\d-\d\d$/m);
  await expect(breakglass('token', 'make', 'kuma')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/There is a token named "kuma" already/),
  });
  expect((await breakglass('devices')).stdout).toMatch(/^[0-9a-f]{8} +\S.* +operator +operator /m);
  await breakglass('token', 'revoke', 'kuma');
  await expect(breakglass('token', 'revoke', 'kuma')).rejects.toMatchObject({ code: 1 });
  expect((await breakglass('devices', 'end', '--all')).stderr).toMatch(/One device is out/);
  expect((await fetch(`${base}/api/me`, { headers: { cookie } })).status).toBe(401);
});

test('without a terminal and without a way in it refuses to start and prints no secret; with the token made before it starts', async () => {
  const { dir } = home();
  const port = await freePort();
  const env = loneConsole(dir, port);
  const main = [path.join(root, 'server/main.ts')];
  await expect(exec(process.execPath, main, { env })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/No way to authenticate is configured.*at a terminal/),
  });
  const { child, said } = atTerminal(env);
  await until('the link', () => said().includes('#login='));
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await gone;
  const again = spawn(process.execPath, main, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  again.stdout.on('data', (data: Buffer) => {
    log += data.toString();
  });
  onTestFinished(() => {
    again.kill();
  });
  await until('its address', () => log.includes('listens on'));
  expect(log).not.toContain('#login=');
});
