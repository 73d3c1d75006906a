// A machine to install on: this one, with everything that an installer changes made private by a mount namespace, and a real sshd of its own. Needs root.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { freePort } from '../../../test/support/free-port.ts';
import { until } from '../../../test/support/wait-for.ts';

const SCRIPT = path.join(import.meta.dirname, 'private-machine');
/** Processes too: userdel looks for those of the account, and two machines give their accounts the same numbers. */
const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** Where the installers are. */
export const HOST = path.join(import.meta.dirname, '../..');

/** Why there can be none here, or undefined. */
export const whyNoPrivateMachine = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'not root';
  const { status, stderr } = spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `no mount namespace here: ${stderr.trim()}`;
};

export interface Answer {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PrivateMachine {
  readonly port: number;
  /** The console's key; `.pub` is beside it. */
  readonly key: string;
  /** Makes one more key of that kind. */
  anotherKey(name: string): string;
  /** What sshd wrote so far. */
  log(): string;
  /** A bash script, as root, in the machine. */
  inside(script: string): Promise<Answer>;
  /** One of the installers in host/. */
  install(name: 'install' | 'install-vm', ...args: readonly string[]): Promise<Answer>;
  /** `extra`: options of the client before the host. Undefined: no command. */
  ssh(
    user: string,
    command: string | undefined,
    extra?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** With another key than the console's. */
  sshWith(
    key: string,
    user: string,
    command: string | undefined,
    extra?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export const startPrivateMachine = async (): Promise<PrivateMachine> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'breakglass-machine-'));
  const keys = mkdtempSync(path.join(tmpdir(), 'breakglass-keys-'));
  const anotherKey = (name: string): string => {
    const file = path.join(keys, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
    return file;
  };
  const key = anotherKey('console');
  const port = await freePort();
  const daemon = spawn('unshare', [...NAMESPACES, SCRIPT, String(port), dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  daemon.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()));
  // The first process of the machine is the only child of unshare.
  const init = () => readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
  const run = async (argv: readonly string[]): Promise<Answer> => {
    const { exitCode, stdout, stderr } = await execa(
      'nsenter',
      ['--target', init(), '--mount', '--pid', '--', ...argv],
      {
        reject: false,
        stdin: 'ignore',
        cwd: '/',
      },
    );
    return { exitCode, stdout, stderr };
  };
  const options = {
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    LogLevel: 'ERROR',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    ConnectTimeout: '60',
  };
  const base = [
    '-F',
    'none',
    '-p',
    String(port),
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
  const machine: PrivateMachine = {
    port,
    key,
    anotherKey,
    log: () => log,
    inside: (script) => run(['bash', '-c', script]),
    install: (name, ...args) => run([path.join(HOST, name), ...args]),
    ssh: (user, command, extra, env) => machine.sshWith(key, user, command, extra, env),
    sshWith: async (identity, user, command, extra = [], env = {}) => {
      const remote = command === undefined ? [] : ['--', command];
      const { exitCode, stdout, stderr } = await execa(
        'ssh',
        [...base, '-i', identity, '-l', user, ...extra, '127.0.0.1', ...remote],
        { env, reject: false, stdin: 'ignore', timeout: 120_000 },
      );
      return { exitCode, stdout, stderr };
    },
    close: async () => {
      // unshare ignores SIGTERM; its end is the end of every process of the machine.
      if (daemon.exitCode === null) daemon.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
      rmSync(keys, { recursive: true, force: true });
    },
  };
  try {
    await until('sshd of the private machine', () => {
      if (daemon.exitCode !== null) throw new Error(`the private machine did not start: ${log}`);
      return log.includes('Server listening');
    });
  } catch (error) {
    await machine.close();
    throw error;
  }
  return machine;
};

const NOT_OURS = "! -name '*-' ! -name .pwd.lock";

/**
 * Prints everything below the directories: kind, mode, owner, link, content's hash. Without what useradd leaves behind (its backups
 * and its lock).
 */
export const listing = (...dirs: readonly string[]): string =>
  `find ${dirs.join(' ')} ${NOT_OURS} -printf '%p %y %m %U:%G %l\\n' | sort; find ${dirs.join(' ')} ${NOT_OURS} -type f -exec sha256sum {} + | sort -k 2`;
