import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tempDir } from './support/temp-dir.ts';
import { until } from './support/wait-for.ts';

const ENTRYPOINT = path.resolve(import.meta.dirname, '../deploy/entrypoint.sh');

interface Started {
  readonly environ: Readonly<Record<string, string>>;
  readonly output: () => string;
  readonly home: string;
  readonly dir: string;
}

async function start(prepareKey?: (dir: string) => string, tmp?: string): Promise<Started> {
  const dir = tempDir();
  const home = path.join(dir, 'home');
  const scratch = path.join(dir, 'tmp');
  for (const made of [home, scratch]) mkdirSync(made);
  const child: ChildProcess = spawn(ENTRYPOINT, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      TMPDIR: tmp ?? scratch,
      API_BEARER_TOKEN: 'entrypoint-test-0123456789',
      BREAKGLASS_PORT: '0',
      BREAKGLASS_DATA_DIR: path.join(dir, 'data'),
      BREAKGLASS_DEVVM_HOST: '127.0.0.1',
      BREAKGLASS_DEVVM_PORT: '9',
      BREAKGLASS_PVE_HOST: '127.0.0.1',
      BREAKGLASS_PVE_PORT: '9',
      BREAKGLASS_KEY_PATH: prepareKey?.(dir) ?? path.join(dir, 'no-key'),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => {
      output += data.toString();
    });
  let environ: Record<string, string> = {};
  onTestFinished(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await gone;
    }
    const agent = Number(environ['SSH_AGENT_PID']);
    if (agent > 0) process.kill(agent);
  });
  await until('the address in the output', () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output}`);
    return output.includes('listens on');
  });
  // The script became the server: same pid.
  environ = Object.fromEntries(
    readFileSync(`/proc/${child.pid}/environ`, 'utf8')
      .split('\0')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).toContain('dist/breakglass.js\0serve');
  return { environ, output: () => output, home, dir };
}

function makeKey(dir: string): string {
  const file = path.join(dir, 'mounted-key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'entrypoint-test', '-f', file]);
  return file;
}

const filesBelow = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(dir, name))
    .filter((file) => statSync(file).isFile());

test('a mounted key that is too open for ssh, with Windows line ends, is in an agent and in no other file', async () => {
  const { environ, dir, output } = await start((base) => {
    const key = makeKey(base);
    writeFileSync(key, readFileSync(key, 'utf8').trimEnd().replaceAll('\n', '\r\n'));
    chmodSync(key, 0o444);
    return key;
  });
  const listed = execFileSync('ssh-add', ['-l'], {
    env: { SSH_AUTH_SOCK: environ['SSH_AUTH_SOCK'] },
    encoding: 'utf8',
  });
  expect(listed).toContain('entrypoint-test');
  const copies = filesBelow(dir).filter((file) =>
    readFileSync(file, 'latin1').includes('OPENSSH PRIVATE KEY'),
  );
  expect(copies).toEqual([path.join(dir, 'mounted-key')]);
  expect(output()).not.toContain('OPENSSH PRIVATE KEY');
});

test('without a key it warns and starts', async () => {
  const { output, environ } = await start();
  expect(output()).toMatch(/no SSH key at .*no-key/);
  expect(environ['SSH_AUTH_SOCK']).toBeUndefined();
});

test('without a place for temporary files it says so and starts', async () => {
  const { output } = await start(makeKey, '/does/not/exist');
  expect(output()).toMatch(/\/does\/not\/exist cannot be written/);
});

test('a file that is no key is named, and the console starts', async () => {
  const { output } = await start((dir) => {
    const file = path.join(dir, 'nonsense');
    writeFileSync(file, 'not a key\n');
    return file;
  });
  expect(output()).toMatch(/nonsense is no private key/);
});

test('people with a shell get the aliases devvm and pve, once, and keep their own configuration', async () => {
  const { home } = await start();
  const config = readFileSync(path.join(home, '.ssh/config'), 'utf8');
  expect(config.match(/Include breakglass_config/g)).toHaveLength(1);
  const resolved = execFileSync('ssh', ['-F', path.join(home, '.ssh/config'), '-G', 'pve'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: home },
  });
  expect(readFileSync(path.join(home, '.ssh/breakglass_config'), 'utf8')).toMatch(
    /Host pve\n {2}HostName 127\.0\.0\.1\n {2}Port 9/,
  );
  expect(resolved).toMatch(/^user /m);
});
