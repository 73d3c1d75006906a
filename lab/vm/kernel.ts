// Runs programs in the guest: each has a row in the process table and an execution that a signal ends. One kernel is one
// boot; when the machine stops or resets it is ended as a whole and another takes its place.
import type { Call, Exit, SpawnOverrides, SpawnRequest } from './call.ts';
import { PROGRAMS } from './programs/table.ts';
import type { ShellPool } from './shell/pool.ts';
import { ShellProcess } from './shell/shell-process.ts';
import type { Credentials } from './state/credentials.ts';
import { SysError } from './state/errors.ts';
import type { Guest } from './state/guest.ts';
import { normalize } from './state/inode.ts';
import { type Process, SIGNALS } from './state/processes.ts';
import { FILTERS, KERNEL_PROGRAMS } from './state/program-names.ts';

interface Running {
  readonly process: Process;
  readonly abort: AbortController;
  readonly done: Promise<Exit>;
  endedBy: string | undefined;
  forwards: boolean;
}

/** Shells read these themselves; env is a program of ours only with a command behind it. */
const IN_SHELL: ReadonlySet<string> = new Set([
  ...FILTERS,
  'echo',
  'printf',
  'true',
  'false',
  'pwd',
  'test',
  '[',
  'which',
]);
const FROM_KERNEL: ReadonlySet<string> = new Set([...KERNEL_PROGRAMS, 'env']);
/** `tail -f` waits for ever, so the kernel runs it; other tails are filters of the shell. */
const follows = (argv: readonly string[]): boolean =>
  argv.some((arg) => /^(-[a-zA-Z]*[fF]|--follow)/.test(arg));
const NEVER = new Promise<never>(() => {});

export class Kernel {
  readonly guest: Guest;
  readonly pool: ShellPool;
  readonly #running = new Map<number, Running>();
  readonly #power: (action: 'reboot' | 'poweroff') => void;
  #frozen = false;

  constructor(guest: Guest, pool: ShellPool, power: (action: 'reboot' | 'poweroff') => void) {
    this.guest = guest;
    this.pool = pool;
    this.#power = power;
  }

  /** The block path is stuck: nothing that runs or will run makes progress, and nothing ends. */
  freeze(): void {
    this.#frozen = true;
    for (const { abort } of this.#running.values()) abort.abort();
  }

  /** The boot is over: every execution ends, silently. */
  end(): void {
    this.freeze();
    this.#running.clear();
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  spawn(request: SpawnRequest): { process: Process; done: Promise<Exit> } {
    const { argv, who } = request;
    const process = this.guest.processes.add({
      ppid: request.ppid,
      uid: who.uid,
      gid: who.gid,
      comm: argv[0]?.split('/').at(-1) ?? '',
      args: argv.join(' '),
      ...(request.sess === undefined ? {} : { sess: request.sess, pgid: request.pgid ?? request.sess }),
      stat: request.sess === undefined ? 'Ss' : 'S',
    });
    const abort = new AbortController();
    const running: Running = { process, abort, endedBy: undefined, forwards: false, done: NEVER };
    this.#running.set(process.pid, running);
    process.end = (signal) => this.#end(running, signal);
    const release = request.stdio.hold();
    const aborted = new Promise<Exit>((resolve) => {
      abort.signal.addEventListener('abort', () => resolve(signalled(running.endedBy ?? 'KILL')), {
        once: true,
      });
    });
    const work = this.#frozen ? NEVER : this.#execute(request, running);
    const done = Promise.race([work, aborted]).then((exit) => {
      if (this.#frozen) return NEVER; // A stuck machine ends nothing.
      const ended = running.endedBy !== undefined && !running.forwards ? signalled(running.endedBy) : exit;
      abort.abort();
      this.#running.delete(process.pid);
      this.guest.processes.remove(process.pid);
      release();
      return ended;
    });
    return { process, done };
  }

  #end(running: Running, signal: string): void {
    running.endedBy ??= signal;
    if (running.forwards && signal !== 'KILL') {
      for (const child of this.#running.values()) {
        if (child.process.ppid === running.process.pid) child.process.end?.(signal);
      }
      return;
    }
    running.forwards = false;
    running.endedBy = signal;
    // The row goes with the signal, so that `kill -0` right after proves the end.
    this.guest.processes.remove(running.process.pid);
    running.abort.abort();
  }

  async #execute(request: SpawnRequest, running: Running): Promise<Exit> {
    const { stdio } = request;
    const say = (text: string): Promise<void> => stdio.write('stderr', Buffer.from(text));
    const [name = ''] = request.argv;
    const found = this.#find(name, request);
    if (typeof found === 'string') {
      const code = found === 'Permission denied' ? 126 : 127;
      await say(`${name}: ${found}\n`);
      return { code };
    }
    running.process.comm = found.name.slice(0, 15);
    if (found.kind === 'kernel') {
      const program = PROGRAMS[found.name];
      if (program) return this.#runProgram(request, running, found.name, program);
      await say(`${name}: this simulated machine does not have it\n`);
      return { code: 127 };
    }
    const argv =
      found.kind === 'script'
        ? ['bash', found.path, ...request.argv.slice(1)]
        : [found.name, ...request.argv.slice(1)];
    return new ShellProcess(this, {
      ...request,
      argv,
      process: running.process,
      signal: running.abort.signal,
    }).run();
  }

  async #runProgram(
    request: SpawnRequest,
    running: Running,
    name: string,
    program: (call: Call) => unknown,
  ): Promise<Exit> {
    const { stdio, who, cwd, env } = request;
    const { signal } = running.abort;
    const write = async (stream: 'stdout' | 'stderr', text: string): Promise<void> => {
      if (!signal.aborted && text !== '') await stdio.write(stream, Buffer.from(text));
    };
    const child = (argv: readonly string[], overrides: SpawnOverrides = {}): SpawnRequest => ({
      argv,
      ppid: running.process.pid,
      who,
      cwd,
      env,
      stdio,
      ...overrides,
      sess: running.process.sess,
      pgid: running.process.pgid,
    });
    const call: Call = {
      guest: this.guest,
      name,
      args: request.argv.slice(1),
      process: running.process,
      who,
      cwd,
      env,
      stdio,
      signal,
      out: (text) => write('stdout', text),
      err: (text) => write('stderr', text),
      start: (argv, overrides) => this.spawn(child(argv, overrides)),
      spawn: (argv, overrides) => this.spawn(child(argv, overrides)).done,
      become: (argv, overrides) => {
        running.process.args = argv.join(' ');
        if (overrides?.who)
          Object.assign(running.process, { uid: overrides.who.uid, gid: overrides.who.gid });
        return this.#execute({ ...child(argv, overrides), ppid: running.process.ppid }, running);
      },
      forwardSignals: () => {
        running.forwards = true;
      },
      power: (action) => this.#power(action),
    };
    try {
      const value = (await program(call)) as number | Exit;
      return typeof value === 'number' ? { code: value } : value;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      await call.err(`${name}: ${error.message}\n`);
      return { code: 1 };
    }
  }

  /** The program behind a name, or the reason why there is none. */
  #find(
    name: string,
    request: SpawnRequest,
  ): { kind: 'kernel' | 'shell'; name: string } | { kind: 'script'; name: string; path: string } | string {
    const path = name.includes('/')
      ? normalize(request.cwd, name)
      : this.which(name, request.env['PATH'] ?? '', request.who);
    if (path === undefined) return 'command not found';
    try {
      const real = this.guest.tree.realpath(path, request.who);
      const node = this.guest.tree.lookup(real, request.who);
      if (node.kind === 'dir') return 'Is a directory';
      this.guest.tree.need(node, request.who, 1);
      const base = real.slice(real.lastIndexOf('/') + 1);
      if (/^\/usr\/s?bin\//.test(real) && node.data.length === 0) {
        if (base === 'tail' && follows(request.argv)) return { kind: 'kernel', name: base };
        if (base === 'bash' || base === 'sh' || IN_SHELL.has(base)) return { kind: 'shell', name: base };
        if (FROM_KERNEL.has(base)) return { kind: 'kernel', name: base };
      }
      return { kind: 'script', name: base, path: real };
    } catch (error) {
      if (error instanceof SysError) return error.message;
      throw error;
    }
  }

  which(name: string, path: string, who: Credentials): string | undefined {
    for (const dir of path.split(':').filter((part) => part !== '')) {
      const candidate = `${dir}/${name}`;
      try {
        const node = this.guest.tree.find(candidate, who);
        if (node?.kind === 'file' && this.guest.tree.allows(node, who, 1)) return candidate;
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
      }
    }
    return undefined;
  }
}

const signalled = (signal: string): Exit => ({ code: 128 + (SIGNALS[signal] ?? 9), signal });
