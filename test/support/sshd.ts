// A real OpenSSH server on a loopback port, as the current user, with keys of its own in a temporary directory.
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './wait-for.ts';

export interface SshdOptions {
  /** `command="…"` on the key. */
  readonly forcedCommand?: string;
  /** Other options of that key. Default `restrict`. */
  readonly keyOptions?: string;
  /** Further lines of sshd_config. */
  readonly config?: readonly string[];
  /** Uses the keys in this directory, for a server that comes back on the same port. */
  readonly dir?: string;
  readonly port?: number;
}

export interface Sshd {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly dir: string;
  /** The private key that is let in. */
  readonly keyPath: string;
  readonly listener: number;
  /** Pids of the processes that serve connections now (not the listener). */
  connections(): readonly number[];
  signal(pids: readonly number[], signal: NodeJS.Signals): void;
  /** Stops the whole server with SIGSTOP, as in a machine that hangs, and waits until each process has stopped. */
  freeze(): Promise<void>;
  log(): string;
  /** Kills the listener and every connection. Keeps the directory when asked, for a restart. */
  stop(keep?: boolean): Promise<void>;
}

const SSHD = '/usr/sbin/sshd';

const keygen = (file: string): void => {
  if (!existsSync(file)) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
};

/** Pids of all descendants of a process of ours. */
function descendants(root: number): readonly number[] {
  const rows = execFileSync('ps', ['-e', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  const found = [root];
  for (const parent of found)
    for (const [pid, ppid] of rows) if (ppid === parent && pid !== undefined) found.push(pid);
  return found.slice(1);
}

/** What /proc says of a process after its name in brackets; empty when it is gone. */
const stateOf = (pid: number): string => read(`/proc/${pid}/stat`).split(') ').at(-1) ?? '';
const nameOf = (pid: number): string => read(`/proc/${pid}/comm`).trim();
const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  if (!existsSync(SSHD)) throw new Error('These tests need a real sshd: apt-get install openssh-server');
  // sshd as root refuses to start without its privilege separation directory.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'sshd-'));
  chmodSync(dir, 0o700);
  const at = (name: string): string => path.join(dir, name);
  keygen(at('host_key'));
  keygen(at('key'));
  const prefix =
    options.forcedCommand === undefined
      ? ''
      : `command="${options.forcedCommand.replaceAll('"', '\\"')}",${options.keyOptions ?? 'restrict'} `;
  writeFileSync(at('authorized_keys'), `${prefix}${readFileSync(at('key.pub'), 'utf8')}`);
  const port = options.port ?? (await freePort());
  const config = [
    // sshd takes the first value that it finds.
    ...(options.config ?? []),
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host_key')}`,
    `PidFile ${at('pid')}`,
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'MaxStartups 100',
    // bash takes the user's .bashrc for a login's when the level is 1: what a developer has there is no part of these tests.
    'SetEnv SHLVL=2',
  ];
  writeFileSync(at('sshd_config'), `${config.join('\n')}\n`);
  appendFileSync(at('log'), '');
  const child = spawn(SSHD, ['-D', '-f', at('sshd_config'), '-E', at('log')], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // It writes the file when it listens.
  await until('the pid file of sshd', () => {
    if (child.exitCode !== null) throw new Error(`sshd did not start: ${readFileSync(at('log'), 'utf8')}`);
    return existsSync(at('pid'));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('sshd has no pid');
  const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
    for (const target of pids) {
      try {
        process.kill(target, name);
      } catch {
        // Gone meanwhile.
      }
    }
  };
  const connections = (): readonly number[] => descendants(pid).filter((each) => nameOf(each) === 'sshd');
  const freeze = async (pids: readonly number[]): Promise<void> => {
    signal(pids, 'SIGSTOP');
    await until('sshd to stand still', () => pids.every((each) => /^T|^$/.test(stateOf(each))));
  };
  return {
    host: '127.0.0.1',
    port,
    user: userInfo().username,
    dir,
    keyPath: at('key'),
    signal,
    listener: pid,
    connections,
    // The listener first, so that no new connection comes.
    freeze: async () => {
      await freeze([pid]);
      await freeze(connections());
    },
    log: () => readFileSync(at('log'), 'utf8'),
    async stop(keep = false) {
      const all = descendants(pid);
      signal([pid, ...all], 'SIGKILL');
      await exited;
      rmSync(at('pid'), { force: true });
      if (!keep) rmSync(dir, { recursive: true, force: true });
    },
  };
}
