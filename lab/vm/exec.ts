// One exec request: a login shell of the account runs the command. Its streams are the channel's, its end is the channel's, and
// a signal for its row in the process table ends it for good.
import type { ServerChannel } from 'ssh2';
import { callsOf } from './calls.ts';
import type { User } from './guest/accounts.ts';
import type { Guest } from './guest/guest.ts';
import type { Signal } from './guest/processes.ts';
import { SysError } from './guest/tree.ts';
import type { FromShell, ToShell } from './shell/messages.ts';
import type { ShellPool } from './shell/pool.ts';

/** What runs in one boot. When the machine stops, stalls or resets, all of it is over. */
export class Boot {
  readonly #running = new Set<() => void>();
  isOver = false;

  add(halt: () => void): () => void {
    this.#running.add(halt);
    return () => this.#running.delete(halt);
  }
  /** Nothing that runs makes progress any more, and nothing ends: whoever waits for it waits. */
  halt(): void {
    this.isOver = true;
    for (const halt of this.#running) halt();
  }
}

export interface ExecRequest {
  readonly guest: Guest;
  readonly pool: ShellPool;
  readonly boot: Boot;
  /**
   * A client at a terminal never ends its input. The interpreter takes it whole, so one that sends nothing for so long counts as
   * having none.
   */
  readonly inputIdleMs: number;
  readonly user: User;
  readonly command: string;
  readonly channel: ServerChannel;
  /** The row of the connection's sshd. */
  readonly parent: number;
}

const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/games';

const inputOf = (channel: ServerChannel, idleMs: number): Promise<Buffer> => {
  const parts: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const finish = (): void => resolve(Buffer.concat(parts));
  const idle = setTimeout(finish, idleMs);
  channel.on('data', (data: Buffer) => {
    clearTimeout(idle);
    parts.push(data);
  });
  channel.once('end', finish);
  channel.once('close', finish);
  return promise.finally(() => clearTimeout(idle));
};

export const runExec = (request: ExecRequest): void => {
  const { guest, pool, boot, user, command, channel, parent } = request;
  const { processes } = guest;
  const { uid, name, home, shell } = user;
  const login = processes.add({ comm: 'bash', args: `bash -c ${command}` }, { ppid: parent, uid });
  if (boot.isOver) return;

  const child = pool.take();
  const say = (message: ToShell): void => {
    if (child.connected) child.send(message);
  };
  let isOver = false;
  const finish = (code: number, signal?: Signal): void => {
    if (isOver) return;
    isOver = true;
    leave();
    child.off('exit', onDeath);
    if (signal === undefined) pool.giveBack(child);
    else child.kill('SIGKILL');
    for (const row of processes.list()) if (row.sess === login.pid) processes.remove(row.pid);
    if (channel.destroyed) return;
    if (signal === undefined) channel.exit(code);
    else channel.exit(signal, false, '');
    channel.end();
  };
  // Out of memory, or a fault of the interpreter: what a real shell would do is die.
  const onDeath = (): void => finish(0, 'KILL');
  const leave = boot.add(() => {
    isOver = true;
    child.kill('SIGKILL');
  });
  login.end = (signal) => finish(0, signal);

  const output = (stream: 'stdout' | 'stderr', data: Uint8Array): void | Promise<void> => {
    if (!channel.writable) return finish(0, 'PIPE'); // Nobody reads any more.
    const target = stream === 'stdout' ? channel : channel.stderr;
    if (target.write(data)) return;
    return new Promise((resolve) => {
      channel.once('drain', resolve);
      channel.once('close', resolve);
    });
  };
  const signal = (pid: number, number: number): void => say({ type: 'signal', pid, number });
  const calls = callsOf({ guest, login, output, signal });
  const serve = async ({ id, call, args }: Extract<FromShell, { type: 'call' }>): Promise<void> => {
    try {
      // Both ends speak MachineCalls; only the union of all of them is too wide for the compiler.
      const value = await (calls[call] as (...given: readonly unknown[]) => unknown)(...args);
      if (!isOver) say({ type: 'value', id, value });
    } catch (error) {
      // A fault of ours is told here and ends the one call; the machine goes on.
      if (!(error instanceof SysError)) console.error('lab/vm:', error);
      const words = error instanceof SysError ? error.message : 'Input/output error';
      say({ type: 'refusal', id, words });
    }
  };
  child.on('message', (message: FromShell) => {
    if (isOver) return;
    if (message.type === 'exit') finish(message.code);
    else void serve(message);
  });
  child.once('exit', onDeath);
  const env = { USER: name, LOGNAME: name, HOME: home, PATH, SHELL: shell, LANG: 'C.UTF-8' };
  const start = { type: 'start', command, env, cwd: home, pid: login.pid, uid } as const;
  void inputOf(channel, request.inputIdleMs).then((stdin) => say({ ...start, stdin }));
};
