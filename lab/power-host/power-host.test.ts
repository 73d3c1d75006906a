// The lab's power host, asked by the real OpenSSH client, running the real forced command.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../test/support/wait-for.ts';
import { createMachine, type Machine, type MachineSeed } from '../machine/machine.ts';
import { markedProcesses } from './leftovers.ts';
import { type PowerHost, startPowerHost } from './power-host.ts';

let top: string;
let machine: Machine;
let host: PowerHost;
let connections: number;

const begin = async (seed: Partial<MachineSeed> = {}) => {
  machine = createMachine(path.join(top, 'host'), {
    vmid: 102,
    name: 'devvm',
    status: 'running',
    fault: 'none',
    config: { agent: '1', memory: '8192' },
    pending: { memory: '16384' },
    ...seed,
  });
  host = await startPowerHost({
    dir: machine.dir,
    vmid: 102,
    publicKey: readFileSync(path.join(top, 'client.pub'), 'utf8'),
    hostKey: readFileSync(path.join(top, 'hostkey'), 'utf8'),
    onConnection: () => (connections += 1),
  });
};

const sshArguments = (user = 'root', key = 'client') => {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'LogLevel=ERROR',
    'ConnectTimeout=60',
  ];
  const trust = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', `ControlPath=${top}/control`];
  const flags = [...options, ...trust].flatMap((option) => ['-o', option]);
  return ['-F', 'none', '-i', path.join(top, key), '-p', String(host.port), '-l', user, ...flags];
};
const ssh = async (words: readonly string[], argv = sshArguments()) => {
  const { exitCode, stdout, stderr } = await execa('ssh', [...argv, '127.0.0.1', ...words], {
    reject: false,
    stdin: 'ignore',
  });
  return { exitCode, stdout, stderr };
};
const verb = (word: string) => ssh(['--', word]);
const resultOf = (stdout: string): Record<string, unknown> =>
  JSON.parse(/^BREAKGLASS-RESULT (.*)$/.exec(stdout.split('\n').at(-1) ?? '')?.[1] ?? 'null');

beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), 'breakglass-power-host-'));
  connections = 0;
  for (const name of ['client', 'other', 'hostkey']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path.join(top, name)]);
  }
});
afterEach(async () => {
  await host.close();
  rmSync(top, { recursive: true });
});

test('status answers, for both users', async () => {
  await begin();
  for (const user of ['root', 'breakglass']) {
    const answer = await ssh(['--', 'status'], sshArguments(user));
    expect(answer).toMatchObject({ exitCode: 0, stderr: '' });
    expect(answer.stdout).toMatch(/^BREAKGLASS-BEGIN status\nstatus: running\n/);
    expect(resultOf(answer.stdout)).toMatchObject({
      verb: 'status',
      exit: 0,
      vm_state: 'running',
      qmp: 'answers',
    });
  }
});

test('another key, another user and a password get nothing', async () => {
  await begin();
  expect((await ssh(['--', 'status'], sshArguments('root', 'other'))).exitCode).toBe(255);
  expect((await ssh(['--', 'status'], sshArguments('admin'))).exitCode).toBe(255);
  expect(
    (await ssh(['--', 'status'], ['-o', 'PreferredAuthentications=password', ...sshArguments()])).exitCode,
  ).toBe(255);
});

test('no terminal, no shell, no forwarding, no file transfer', async () => {
  await begin();
  expect(await ssh([])).toMatchObject({ exitCode: 2 });
  expect((await ssh(['-s', 'sftp'])).exitCode).not.toBe(0);
  expect((await ssh(['-W', '127.0.0.1:22'])).exitCode).toBe(255);
  expect((await ssh(['-tt', '--', 'status'])).stderr).toContain('PTY allocation request failed');
});

test.each([
  ['a second command', 'status; reboot'],
  ['an argument', 'status 103'],
  ['a substitution', '$(reboot)'],
  ['a path', '../start'],
  ['two lines', 'status\nstop'],
  ['nothing', ''],
  ['upper case', 'STATUS'],
  ['30 KB', 'x'.repeat(30_000)],
])('rejected: %s', async (_name, word) => {
  await begin();
  const answer = await ssh(['--', word]);
  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toContain('breakglass-pve: rejected ');
});

test('a string longer than an SSH packet of the lab ends its connection, not the server', async () => {
  await begin();
  const run = execa(
    'ssh',
    [...sshArguments(), '-o', 'ControlMaster=no', '127.0.0.1', '--', 'x'.repeat(130_000)],
    {
      reject: false,
      stdin: 'ignore',
    },
  );
  expect((await run).exitCode).not.toBe(0);
  expect((await verb('status')).exitCode).toBe(0);
});

test('a reused connection is one connection', async () => {
  await begin();
  const master = execa('ssh', [...sshArguments(), '-M', '-N', '127.0.0.1'], {
    reject: false,
    stdin: 'ignore',
  });
  await until(
    'the reused connection',
    async () => (await ssh(['-O', 'check'], sshArguments())).exitCode === 0,
  );
  const before = connections;
  const answers = await Promise.all(Array.from({ length: 5 }, () => verb('status')));
  expect(answers.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0]);
  expect(connections).toBe(before);
  master.kill();
  await master;
});

test('io-stall: a reset does not help; a cycle does, applies the staged configuration, and has evidence from before', async () => {
  await begin({ fault: 'block-stall' });

  const reset = await verb('reset');
  expect(reset.exitCode).toBe(0);
  expect(resultOf(reset.stdout)).toMatchObject({
    verb: 'reset',
    old_pid: 4242,
    new_pid: 4242,
    qmp: 'silent',
  });
  expect(reset.stdout).toMatch(/^diskwrite: .*\(\+0 bytes between the samples\)$/m);
  expect(machine.fault()).toBe('block-stall');
  expect(machine.boot().number).toBe(1);

  const cycle = await verb('cycle');
  expect(cycle.exitCode).toBe(0);
  const sections = [...cycle.stdout.matchAll(/^--- (.*) \(\d\d:\d\d:\d\dZ\) ---$/gm)].map(([, name]) => name);
  expect(sections).toEqual(['startable', 'forensics', 'stop', 'kill', 'proof of death', 'start', 'verify']);
  expect(resultOf(cycle.stdout)).toMatchObject({
    verb: 'cycle',
    exit: 0,
    old_pid: 4242,
    new_pid: 4299,
    vm_state: 'running',
  });
  expect(machine.fault()).toBe('none');
  expect(machine.boot()).toMatchObject({ number: 2, cause: 'start' });
  expect(machine.config()['memory']).toBe('16384');
});

test('evidence streams the newest bundle as tar.gz', async () => {
  await begin();
  expect((await verb('forensics')).exitCode).toBe(0);
  const archive = path.join(top, 'evidence.tar.gz');
  await execa('ssh', [...sshArguments(), '127.0.0.1', '--', 'evidence'], {
    stdin: 'ignore',
    stdout: { file: archive },
  });
  const { stdout } = await execa('tar', ['-tzf', archive]);
  expect(stdout).toMatch(/^\d{8}T\d{6}\.\d{3}Z-forensics\/manifest\.json$/m);
  expect(stdout).toMatch(/\/status-b\.txt$/m);
});

test('close ends a verb that runs detached, and leaves no process behind', async () => {
  await begin({ fault: 'block-stall' });
  const client = execa('ssh', [...sshArguments(), '127.0.0.1', '--', 'cycle'], {
    reject: false,
    stdin: 'ignore',
  });
  let seen = '';
  client.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await until('the step stop', () => seen.includes('--- stop'));
  client.kill('SIGKILL');
  await client;
  expect(markedProcesses(machine.dir).length).toBeGreaterThan(0);
  await host.close();
  expect(markedProcesses(machine.dir)).toEqual([]);
});
