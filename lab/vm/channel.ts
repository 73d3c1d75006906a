// One exec request: a login shell of the account runs the command, its streams are the channel's, its end is the channel's.
import type { ServerChannel } from 'ssh2';
import type { Stdio } from './call.ts';
import type { Kernel } from './kernel.ts';
import { credentialsOf, type User } from './state/credentials.ts';

/**
 * Who leaves stdin open without writing (`ssh host cmd` from a terminal) must not wait for ever: the interpreter takes stdin
 * whole. Milliseconds without a first byte after which stdin counts as empty.
 */
const STDIN_IDLE_MS = 400;
const USER_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/games';

const streamsOf = (channel: ServerChannel, onBroken: () => void): { stdio: Stdio; idle: Promise<void> } => {
  const input: Buffer[] = [];
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  channel.on('data', (data: Buffer) => {
    input.push(data);
    started.resolve();
  });
  channel.on('end', () => {
    started.resolve();
    ended.resolve();
  });
  channel.on('close', () => {
    started.resolve();
    ended.resolve();
  });
  let holders = 0;
  const free = Promise.withResolvers<void>();
  const stdio: Stdio = {
    stdin: async () => {
      const idle = new Promise<'idle'>((resolve) => setTimeout(() => resolve('idle'), STDIN_IDLE_MS));
      if ((await Promise.race([started.promise, idle])) !== 'idle') await ended.promise;
      return Buffer.concat(input);
    },
    write: (stream, data) => {
      // Nobody reads any more: as a write to a broken pipe.
      if (channel.destroyed || !channel.writable) {
        onBroken();
        return Promise.resolve();
      }
      const target = stream === 'stdout' ? channel : channel.stderr;
      if (target.write(data)) return Promise.resolve();
      return new Promise((resolve) => {
        const go = (): void => {
          channel.off('drain', go);
          channel.off('close', go);
          resolve();
        };
        channel.on('drain', go);
        channel.on('close', go);
      });
    },
    hold: () => {
      holders += 1;
      let held = true;
      return () => {
        if (held) holders -= 1;
        held = false;
        if (holders === 0) free.resolve();
      };
    },
  };
  return { stdio, idle: free.promise };
};

export interface ExecRequest {
  readonly kernel: Kernel;
  readonly user: User;
  readonly command: string;
  readonly channel: ServerChannel;
  readonly clientPort: number;
  /** The row of the connection's sshd. */
  readonly parent: number;
  readonly setEnv: Readonly<Record<string, string>>;
}

/** Resolves with a function that carries the client's signals. */
export const runExec = (request: ExecRequest): ((signal: string) => void) => {
  const { kernel, user, command, channel } = request;
  const { address } = kernel.guest.seed;
  let broken = false;
  const { stdio, idle } = streamsOf(channel, () => {
    if (!broken) running.process.end?.('PIPE');
    broken = true;
  });
  const running = kernel.spawn({
    argv: ['bash', '-c', command],
    ppid: request.parent,
    who: credentialsOf(user),
    cwd: kernel.guest.tree.find(user.home, credentialsOf(user)) ? user.home : '/',
    stdio,
    env: {
      USER: user.name,
      LOGNAME: user.name,
      HOME: user.home,
      PATH: USER_PATH,
      SHELL: user.shell,
      LANG: 'C.UTF-8',
      SSH_CLIENT: `10.20.0.1 ${request.clientPort} 22`,
      SSH_CONNECTION: `10.20.0.1 ${request.clientPort} ${address} 22`,
      ...request.setEnv,
    },
  });
  void running.done.then(async ({ code, signal }) => {
    if (channel.destroyed) return;
    if (signal === undefined) channel.exit(code);
    else channel.exit(signal, false, '');
    // As sshd: the channel ends when nobody holds its streams, which a background process may.
    await idle;
    channel.end();
  });
  return (signal) => running.process.end?.(signal.replace(/^SIG/, ''));
};
