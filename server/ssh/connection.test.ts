// A real OpenSSH client against a real sshd.
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTo as connectWith, PATIENT } from '../../test/support/ssh-parts.ts';
import { type Sshd, startSshd } from '../../test/support/sshd.ts';
import { until } from '../../test/support/wait-for.ts';
import { DEFAULT_KEEPALIVE, type SshCommand, type SshConnection, type SshResult } from './connection.ts';
import { openControlDir, removeControlDir } from './control-dir.ts';
import { isKeyFile } from './key-file.ts';

const connectTo: typeof connectWith = (to, options) => connectWith(to, { ...PATIENT, ...options });
/** For the reused connection to stand. */
const WARM_MS = 60_000;

let sshd: Sshd;
let ssh: SshConnection;

beforeAll(async () => {
  sshd = await startSshd();
  ssh = connectTo(sshd);
});
afterAll(async () => {
  await ssh.close();
  await sshd.stop();
});

const run = async (
  command: string,
  options: Partial<SshCommand> = {},
  on = ssh,
): Promise<SshResult & { out: string }> => {
  let out = '';
  const onStdout = (chunk: Buffer): void => {
    out += chunk.toString();
  };
  return { ...(await on.run({ command, onStdout, ...options })), out };
};
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/fd/0`);
/** Waits until it printed something: then it runs over there. */
const begun = async (command: string, options: Partial<SshCommand> = {}, on = ssh) => {
  let out = '';
  const ended = on.run({
    command,
    onStdout: (chunk) => {
      out += chunk.toString();
    },
    ...options,
  });
  await until(`the first words of ${command}`, () => out !== '');
  return { ended };
};
/** The far end of the connection that carried it. */
const port = async (options: Partial<SshCommand> = {}): Promise<string> =>
  (await run('echo $SSH_CONNECTION', options)).out.split(' ')[1] ?? '';

test('the first command waits for no reused connection, later ones share it, a fresh one has its own', async () => {
  expect(await run('echo hi; exit 3')).toMatchObject({
    how: 'exited',
    exitCode: 3,
    begun: 'yes',
    out: 'hi\n',
  });
  expect(await ssh.warm(WARM_MS)).toBe(true);
  const shared = await port();
  expect(await port()).toBe(shared);
  expect(await port({ fresh: true })).not.toBe(shared);
});

test('a master killed with SIGKILL fails no command and is replaced', async () => {
  await ssh.warm(WARM_MS);
  const before = ssh.masterPid();
  process.kill(before ?? 0, 'SIGKILL');
  expect(await run('echo on')).toMatchObject({ how: 'exited', exitCode: 0, out: 'on\n' });
  // One that lived for a moment only is not replaced at once.
  await until('another reused connection', async () => (await ssh.warm(1_000)) && ssh.masterPid() !== before);
  expect(await run('echo on')).toMatchObject({ how: 'exited', out: 'on\n' });
});

test('a reused connection that is half open ends within seconds, and the command queued on it is carried by another', async () => {
  // Its silence is found out by the keepalive of a deployment, after 6 s: it would last for as long as it is frozen.
  expect(DEFAULT_KEEPALIVE.intervalS * (DEFAULT_KEEPALIVE.count + 1)).toBe(6);
  const own = connectTo(sshd, { keepalive: DEFAULT_KEEPALIVE });
  await own.warm(WARM_MS);
  const shared = Number((await run('echo $PPID', {}, own)).out.trim());
  sshd.signal([shared], 'SIGSTOP');
  const file = path.join(sshd.dir, 'once');
  expect(await run(`echo x >>${file}`, {}, own)).toMatchObject({ how: 'exited', exitCode: 0 });
  expect(isAlive(shared)).toBe(true);
  sshd.signal([shared], 'SIGCONT');
  // Awake, it finds that its client has gone, and ends; what had been queued on it is not carried a second time.
  await until('the end of the half-open connection', () => !isAlive(shared));
  expect(readFileSync(file, 'utf8')).toBe('x\n');
  await own.close();
});

test('more commands at once than sshd allows sessions on one connection are all carried', async () => {
  await ssh.warm(WARM_MS);
  // Each waits until all have begun.
  const gate = mkdtempSync(path.join(sshd.dir, 'gate-'));
  const all = await Promise.all(
    Array.from({ length: 14 }, (_, n) =>
      run(`touch ${gate}/${n}; until [ $(ls ${gate} | wc -l) = 14 ]; do sleep 0.05; done; echo ${n}`),
    ),
  );
  expect(all.map(({ out }) => out.trim())).toEqual(all.map((_, n) => String(n)));
});

test('a failure of ssh itself is told apart from a command that exits with 255, over both kinds of connection', async () => {
  for (const fresh of [true, false]) {
    expect(await run('exit 255', { fresh })).toMatchObject({ how: 'exited', exitCode: 255, begun: 'yes' });
    const lost = await begun('echo begun; sleep 30', { fresh });
    sshd.signal(sshd.connections(), 'SIGKILL');
    expect(await lost.ended).toMatchObject({ how: 'connection_lost', exitCode: null, begun: 'yes' });
  }
});

test('a command cannot pass itself off as the log of the client', async () => {
  const fake = 'debug1: clientloop.c:client_loop():1 (pid=1): Exit status 255';
  const lost = await begun(`echo '\n${fake}\n' >&2; echo begun; sleep 30`, { fresh: true });
  sshd.signal(sshd.connections(), 'SIGKILL');
  expect((await lost.ended).how).toBe('connection_lost');
});

test('an abort and a limit end the client at once and say so', async () => {
  const stop = new AbortController();
  const aborted = await begun('echo begun; sleep 600', { signal: stop.signal });
  stop.abort();
  expect(await aborted.ended).toMatchObject({ how: 'aborted', exitCode: null });
  // Long enough to begin.
  expect(await run('sleep 600', { timeoutMs: 4_000 })).toMatchObject({
    how: 'timed_out',
    exitCode: null,
    begun: 'yes',
  });
});

test('NUL and over-long commands are refused before anything is started', async () => {
  await expect(run('a\0b')).rejects.toMatchObject({ code: 'invalid-input' });
  await expect(run('x'.repeat(130_000))).rejects.toMatchObject({ code: 'invalid-input' });
});

test('what looks like an option is a command', async () => {
  const file = path.join(sshd.dir, 'pwned');
  // It arrives over there, where the login shell makes of it what it will.
  expect(await run(`-oProxyCommand=touch ${file}`)).toMatchObject({ how: 'exited', begun: 'yes' });
  expect(existsSync(file)).toBe(false);
});

test('ssh gets the environment that it is given and nothing else of ours', async () => {
  const bin = mkdtempSync(path.join(tmpdir(), 'env-'));
  writeFileSync(path.join(bin, 'ssh'), '#!/bin/sh\nenv\n');
  chmodSync(path.join(bin, 'ssh'), 0o755);
  const own = connectTo(sshd, {
    searchPath: `${bin}:/usr/bin:/bin`,
    ownerEnv: { BREAKGLASS_OWNER: '1:2:/x' },
  });
  process.env['CLAUDE_CODE_OAUTH_TOKEN'] = 'secret';
  const { out } = await run('x', { fresh: true }, own);
  delete process.env['CLAUDE_CODE_OAUTH_TOKEN'];
  const names = out
    .split('\n')
    .map((line) => line.split('=')[0])
    .filter((name) => name !== '' && name !== 'PWD');
  expect(names.toSorted((a, b) => (a ?? '').localeCompare(b ?? ''))).toEqual([
    'BREAKGLASS_OWNER',
    'HOME',
    'LC_ALL',
    'PATH',
  ]);
  await own.close();
});

test('exactly one key is offered: that of the file, or the only one of the agent; none when the agent holds more', async () => {
  const authSock = path.join(sshd.dir, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', authSock], { stdio: 'ignore' });
  await until('the socket of the agent', () => existsSync(authSock));
  execFileSync('ssh-add', ['-q', sshd.keyPath], {
    env: { ...process.env, SSH_AUTH_SOCK: authSock },
    stdio: 'ignore',
  });
  for (const keyPath of ['/nonexistent/key', sshd.keyPath]) {
    const own = connectTo(sshd, { authSock, keyPath });
    expect((await run('true', {}, own)).how).toBe('exited');
    await own.close();
  }
  const own = connectTo(sshd, { authSock, keyPath: path.join(sshd.dir, 'host_key') });
  expect((await run('true', {}, own)).detail).toContain('did not accept our key');
  await own.close();

  // A second key, which would be let in nowhere: the agent's order must not decide which VM a verb reaches.
  const second = path.join(sshd.dir, 'second-key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', second]);
  execFileSync('ssh-add', ['-q', second], {
    env: { ...process.env, SSH_AUTH_SOCK: authSock },
    stdio: 'ignore',
  });
  const several = connectTo(sshd, { authSock, keyPath: '/nonexistent/key' });
  const refused = await run('true', {}, several);
  expect(refused).toMatchObject({ how: 'unreachable', begun: 'no' });
  expect(refused.detail).toMatch(/the ssh-agent holds 2: only one may be offered/);
  await several.close();
  const chosen = path.join(sshd.dir, 'chosen.pub');
  copyFileSync(`${sshd.keyPath}.pub`, chosen);
  const named = connectTo(sshd, { authSock, keyPath: chosen });
  expect((await run('true', {}, named)).how).toBe('exited');
  await named.close();
  const other = connectTo(sshd, { authSock, keyPath: `${second}.pub` });
  expect((await run('true', {}, other)).detail).toContain('did not accept our key');
  await other.close();
  agent.kill();
});

test.each<[string, (dir: string) => Parameters<typeof connectTo>[1] & object, RegExp]>([
  ['refused', () => ({ address: { host: '127.0.0.1', port: 1, user: 'nobody' } }), /refused the connection/],
  [
    'a name that does not resolve',
    () => ({ address: { host: 'no.such.host.invalid', port: 22, user: 'x' } }),
    /could not be resolved/,
  ],
  ['no key', () => ({ keyPath: '/nonexistent/key' }), /No SSH key at \/nonexistent\/key, and no ssh-agent/],
  [
    'a key that others can read',
    (dir) => {
      copyFileSync(path.join(dir, 'key'), path.join(dir, 'open-key'));
      chmodSync(path.join(dir, 'open-key'), 0o644);
      return { keyPath: path.join(dir, 'open-key') };
    },
    /readable by others.*chmod 600/,
  ],
  ['a key that is not let in', (dir) => ({ keyPath: path.join(dir, 'host_key') }), /did not accept our key/],
])('in words for a person: %s', async (_, options, words) => {
  const own = connectTo(sshd, options(sshd.dir));
  const result = await run('true', {}, own);
  expect(result).toMatchObject({ how: 'unreachable', begun: 'no' });
  expect(result.detail).toMatch(words);
  await own.close();
});

test('a server that accepts and stays silent is given up within the connect limit', async () => {
  const silent = await startSshd();
  const own = connectTo(silent, { connectTimeoutS: 1 });
  await silent.freeze();
  const result = await run('true', { fresh: true }, own);
  expect(result).toMatchObject({ how: 'unreachable', begun: 'no' });
  expect(result.detail).toMatch(/did not answer|timed out/);
  await own.close();
  await silent.stop();
});

test('a host key is recorded at first use under its alias; a changed one is refused with both fingerprints and the way to accept it', async () => {
  const knownHostsFile = path.join(sshd.dir, 'known hosts 100%');
  const own = connectTo(sshd, { knownHostsFile });
  await run('true', {}, own);
  await own.close();
  expect(readFileSync(knownHostsFile, 'utf8')).toMatch(/^devvm ssh-ed25519 /);

  const rebuilt = await startSshd();
  copyFileSync(sshd.keyPath, path.join(rebuilt.dir, 'other'));
  const again = connectTo(rebuilt, { knownHostsFile });
  const { how, detail } = await run('true', {}, again);
  await again.close();
  await rebuilt.stop();
  expect(how).toBe('unreachable');
  expect(detail.match(/SHA256:[A-Za-z0-9+/]{43}/g)).toHaveLength(2);
  expect(detail).toContain('has changed');
  expect(detail).toContain(`-R devvm`);
  expect(detail).toContain(knownHostsFile);
});

const controlDirFor = (data: string): string => {
  const dir = openControlDir(data);
  if (dir === undefined) throw new Error('no place for a control directory');
  return dir;
};

test('closing ends the master and what runs, and leaves neither socket nor log', async () => {
  const controlDir = controlDirFor(mkdtempSync(path.join(tmpdir(), 'data-')));
  const own = connectTo(sshd, { controlDir });
  await own.warm(WARM_MS);
  const master = own.masterPid() ?? 0;
  const running = await begun('echo begun; sleep 30', {}, own);
  await own.close();
  expect((await running.ended).how).toBe('aborted');
  expect(() => process.kill(master, 0)).toThrow();
  expect(readdirSync(controlDir)).toEqual([]);
  await expect(run('true', {}, own)).rejects.toMatchObject({ code: 'shutting-down' });
  removeControlDir(controlDir);
});

test('the control directory is private, short, the same for the same data, and never a stranger’s trap', () => {
  const data = path.join('/var/lib', 'x'.repeat(200));
  const dir = controlDirFor(data);
  writeFileSync(path.join(dir, 'left-behind'), '');
  expect(openControlDir(data)).toBe(dir);
  expect(readdirSync(dir)).toEqual([]);
  expect(Buffer.byteLength(dir)).toBeLessThan(60);
  removeControlDir(dir);
  writeFileSync(dir, '');
  const other = controlDirFor(data);
  expect(other).not.toBe(dir);
  removeControlDir(other);
  removeControlDir(dir);
});

test('when no temporary directory can be written, the data directory is used, if its path is short', () => {
  const data = mkdtempSync(path.join(tmpdir(), 'd-'));
  expect(openControlDir(data, ['/proc', '/does/not/exist'])).toBe(path.join(data, 'ssh'));
  const deep = path.join(data, 'x'.repeat(60));
  mkdirSync(deep);
  expect(openControlDir(deep, ['/proc'])).toBeUndefined();
  rmSync(data, { recursive: true });
});

test('without a place for a control directory every command connects by itself and still works', async () => {
  const own = connectTo(sshd, { controlDir: undefined });
  expect(await own.warm(1_000)).toBe(false);
  expect(await run('echo hi; exit 3', {}, own)).toMatchObject({ how: 'exited', exitCode: 3, out: 'hi\n' });
  expect(await run('true', { fresh: true }, own)).toMatchObject({ how: 'exited', exitCode: 0 });
  await own.close();
});

test('a directory at the path of the key is no key', () => {
  expect(isKeyFile(sshd.keyPath)).toBe(true);
  expect(isKeyFile(sshd.dir)).toBe(false);
  expect(isKeyFile('/does/not/exist')).toBe(false);
});
