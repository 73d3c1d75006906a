// A real sshd as a deployment has it, a forced command on the only key, and OpenSSH's client beside it over one reused connection.
import path from 'node:path';
import { execa } from 'execa';
import { type Sshd, type SshdOptions, startSshd } from './sshd.ts';

export interface SshAnswer {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshdWithClient extends Sshd {
  /** Arguments for `ssh` up to and with `--`: what follows is the remote command. */
  readonly sshArguments: readonly string[];
  /** Runs a command over the reused connection; undefined means without any command. */
  ssh(
    command: string | undefined,
    options?: { extra?: readonly string[]; env?: Record<string, string> },
  ): Promise<SshAnswer>;
  /** Ends the connection and the server. */
  close(): Promise<void>;
}

/** What the power host's installer sets, and room for many commands on one connection. */
const CONFIG = ['AcceptEnv LANG LC_*', 'MaxSessions 50', 'ExposeAuthInfo yes', 'LogLevel ERROR'];

export async function startSshdWithClient(options: SshdOptions): Promise<SshdWithClient> {
  const sshd = await startSshd({ ...options, config: [...(options.config ?? []), ...CONFIG] });
  const clientOptions = {
    BatchMode: 'yes',
    ControlMaster: 'auto',
    ControlPath: path.join(sshd.dir, 'control'),
    ControlPersist: '60',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    LogLevel: 'ERROR',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
  };
  const base = [
    '-F',
    'none',
    '-i',
    sshd.keyPath,
    '-p',
    String(sshd.port),
    '-l',
    sshd.user,
    ...Object.entries(clientOptions).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
  ];
  // The connection that is reused. It outlives this call, so it must not hold its output.
  await execa('ssh', [...base, '-f', '-N', sshd.host], { stdio: 'ignore' });
  return {
    ...sshd,
    sshArguments: [...base, sshd.host, '--'],
    ssh: async (command, { extra = [], env = {} } = {}) => {
      const remote = command === undefined ? [] : ['--', command];
      const { exitCode, stdout, stderr } = await execa('ssh', [...base, ...extra, sshd.host, ...remote], {
        env,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
      });
      return { exitCode, stdout, stderr };
    },
    close: async () => {
      await execa('ssh', [...base, '-O', 'exit', sshd.host], { reject: false });
      await sshd.stop();
    },
  };
}
