// The kernel's side of one shell: starts its thread, serves its calls with the credentials of its process, and ends the
// thread when a signal does. The thread holds nothing that others need, so it can be ended at any moment.
import type { Exit, SpawnRequest, Stdio } from '../call.ts';
import { SysError } from '../state/errors.ts';
import type { Guest } from '../state/guest.ts';
import type { Process } from '../state/processes.ts';
import { KERNEL_PROGRAMS } from '../state/program-names.ts';
import { fileOps } from './file-ops.ts';
import type { CallMessage, RunRequest, RunResult, ShellOps, ToShell } from './messages.ts';
import type { ShellPool } from './pool.ts';

/** What a shell needs of the kernel. */
export interface ShellKernel {
  readonly guest: Guest;
  readonly pool: ShellPool;
  readonly frozen: boolean;
  spawn(request: SpawnRequest): { process: Process; done: Promise<Exit> };
}

export interface ShellRequest extends SpawnRequest {
  readonly process: Process;
  readonly signal: AbortSignal;
}

export class ShellProcess {
  readonly #kernel: ShellKernel;
  readonly #request: ShellRequest;
  readonly #background = new Map<number, Promise<Exit>>();
  readonly #ops: ShellOps;

  constructor(kernel: ShellKernel, request: ShellRequest) {
    this.#kernel = kernel;
    this.#request = request;
    const { stdio } = request;
    this.#ops = {
      ...fileOps(kernel.guest, request.who),
      write: async (stream, data) => {
        if (!request.signal.aborted) await stdio.write(stream, Buffer.from(data));
      },
      stdin: () => stdio.stdin(),
      run: (run) => this.#run(run),
      background: (script, cwd, env, detached) => this.#start(script, cwd, env, detached),
      wait: (pid) => this.#wait(pid),
      become: async (args) => {
        request.process.args = args;
      },
      trap: async (signal, ignore) => {
        if (ignore) request.process.ignores.add(signal);
        else request.process.ignores.delete(signal);
      },
    };
  }

  run(): Promise<Exit> {
    const { process, argv, cwd, env, who, signal } = this.#request;
    const thread = this.#kernel.pool.take();
    const start: ToShell = {
      type: 'start',
      argv,
      cwd,
      env: { ...env },
      pid: process.pid,
      ppid: process.ppid,
      uid: who.uid,
      gid: who.gid,
      programs: KERNEL_PROGRAMS,
    };
    return new Promise((resolve) => {
      const finish = (exit: Exit): void => {
        signal.removeEventListener('abort', onAbort);
        thread.end();
        resolve(exit);
      };
      const onAbort = (): void => finish({ code: 137 });
      signal.addEventListener('abort', onAbort);
      thread.onMessage = (message) => {
        if (message.type === 'call') void this.#serve(message, (reply) => thread.post(reply));
        else if (message.type === 'exit') finish({ code: message.code });
      };
      // Out of memory, or a fault of the interpreter: what a real shell would do is die.
      thread.onEnd = () => finish({ code: 137, signal: 'KILL' });
      thread.post(start);
    });
  }

  async #serve({ id, op, args }: CallMessage, reply: (message: ToShell) => void): Promise<void> {
    try {
      const operation = this.#ops[op] as (...values: readonly unknown[]) => Promise<unknown>;
      const value = await operation(...args);
      if (!this.#request.signal.aborted && !this.#kernel.frozen) reply({ type: 'reply', id, value });
    } catch (error) {
      const code = error instanceof SysError ? error.code : 'EINVAL';
      reply({
        type: 'reply',
        id,
        error: { code, message: error instanceof Error ? error.message : String(error) },
      });
    }
  }

  #child(): Pick<SpawnRequest, 'ppid' | 'who' | 'sess' | 'pgid'> {
    const { process, who } = this.#request;
    return { ppid: process.pid, who, sess: process.sess, pgid: process.pgid };
  }

  async #run(run: RunRequest): Promise<RunResult> {
    const { stdio } = this.#request;
    const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    const own: Stdio = {
      stdin: run.inheritStdin ? () => stdio.stdin() : async () => Buffer.from(run.stdin),
      write: async (stream, data) => {
        if (stream === 'stderr' && run.errToOut) await stdio.write('stdout', data);
        else if (stream === 'stdout' ? run.liveOut : run.liveErr) await stdio.write(stream, data);
        else kept[stream].push(data);
      },
      hold: () => (run.liveOut || run.liveErr || run.errToOut ? stdio.hold() : () => {}),
    };
    const { done } = this.#kernel.spawn({
      argv: run.argv,
      cwd: run.cwd,
      env: run.env,
      stdio: own,
      ...this.#child(),
    });
    const { code } = await done;
    return { code, stdout: Buffer.concat(kept.stdout), stderr: Buffer.concat(kept.stderr) };
  }

  async #start(script: string, cwd: string, env: Record<string, string>, detached: boolean): Promise<number> {
    const { stdio } = this.#request;
    const own: Stdio = {
      stdin: async () => Buffer.alloc(0),
      write: (stream, data) => stdio.write(stream, data),
      hold: () => (detached ? () => {} : stdio.hold()),
    };
    const { process, done } = this.#kernel.spawn({
      argv: ['bash', '-c', script],
      cwd,
      env,
      stdio: own,
      ...this.#child(),
    });
    this.#background.set(process.pid, done);
    return process.pid;
  }

  async #wait(pid: number | null): Promise<number> {
    if (pid === null) {
      await Promise.all(this.#background.values());
      return 0;
    }
    const done = this.#background.get(pid);
    return done ? (await done).code : 127;
  }
}
