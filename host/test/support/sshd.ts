// A real sshd on a free port of the loopback interface, with one key and one forced command, run as the current user; and the
// real OpenSSH client to talk to it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { freePort } from '../../../test/support/free-port.ts';

export interface SshdOptions {
  /** As after `command=` in authorized_keys, without the quotes. */
  readonly forcedCommand: string;
  /** Other options of the key. */
  readonly keyOptions?: string;
}

export interface SshAnswer {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Sshd {
  readonly port: number;
  readonly dir: string;
  /** Arguments for `ssh` up to and with `--`: what follows is the remote command. */
  readonly sshArguments: readonly string[];
  /** Over one reused connection. Undefined: no command at all. */
  ssh(
    command: string | undefined,
    options?: { extra?: readonly string[]; env?: Record<string, string> },
  ): Promise<SshAnswer>;
  close(): Promise<void>;
}

/** sshd re-executes itself, so it must be started by its absolute path. */
const SSHD = '/usr/sbin/sshd';

export const startSshd = async ({ forcedCommand, keyOptions = 'restrict' }: SshdOptions): Promise<Sshd> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'breakglass-sshd-'));
  // Where root's sshd separates privileges; a package's start script makes it, and nothing starts that here.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host', 'client']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path.join(dir, name)]);
  }
  const publicKey = readFileSync(path.join(dir, 'client.pub'), 'utf8').trim();
  writeFileSync(path.join(dir, 'authorized_keys'), `command="${forcedCommand}",${keyOptions} ${publicKey}\n`);
  const port = await freePort();
  const config = {
    ListenAddress: '127.0.0.1',
    Port: String(port),
    HostKey: path.join(dir, 'host'),
    AuthorizedKeysFile: path.join(dir, 'authorized_keys'),
    PidFile: 'none',
    StrictModes: 'no',
    UsePAM: 'no',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    AcceptEnv: 'LANG LC_*',
    MaxSessions: '50',
    ExposeAuthInfo: 'yes',
    LogLevel: 'ERROR',
  };
  writeFileSync(
    path.join(dir, 'sshd_config'),
    Object.entries(config)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  );
  const daemon = spawn(SSHD, ['-D', '-e', '-f', path.join(dir, 'sshd_config')], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  daemon.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()));
  daemon.once('error', (error) => (complaints += error.message));

  const options = {
    BatchMode: 'yes',
    ControlMaster: 'auto',
    ControlPath: path.join(dir, 'control'),
    ControlPersist: '60',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    LogLevel: 'ERROR',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    ConnectTimeout: '10',
  };
  const optionArguments = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const base = [
    '-F',
    'none',
    '-i',
    path.join(dir, 'client'),
    '-p',
    String(port),
    '-l',
    userInfo().username,
    ...optionArguments,
  ];
  const sshd: Sshd = {
    port,
    dir,
    sshArguments: [...base, '127.0.0.1', '--'],
    ssh: async (command, { extra = [], env = {} } = {}) => {
      const remote = command === undefined ? [] : ['--', command];
      const { exitCode, stdout, stderr } = await execa('ssh', [...base, ...extra, '127.0.0.1', ...remote], {
        env,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
      });
      return { exitCode, stdout, stderr };
    },
    close: async () => {
      await execa('ssh', [...base, '-O', 'exit', '127.0.0.1'], { reject: false });
      if (daemon.pid !== undefined && daemon.exitCode === null) process.kill(-daemon.pid, 'SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await untilReady(
    port,
    () => daemon.exitCode !== null || daemon.pid === undefined,
    () => complaints,
  );
  // The connection that is reused. It outlives this call, so it must not hold its output.
  await execa('ssh', [...base, '-f', '-N', '127.0.0.1'], { stdio: 'ignore' });
  return sshd;
};

const untilReady = async (port: number, failed: () => boolean, complaints: () => string): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (failed()) throw new Error(`sshd did not start: ${complaints()}`);
    const scan = await execa('ssh-keyscan', ['-T', '2', '-p', String(port), '127.0.0.1'], { reject: false });
    if (scan.stdout !== '') return;
    await delay(50);
  }
  throw new Error(`sshd does not answer: ${complaints()}`);
};
