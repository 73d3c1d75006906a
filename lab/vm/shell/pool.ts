// Threads for shells, warmed ahead: a fresh one takes a tenth of a second to load the interpreter. A thread serves one shell
// and is thrown away, so nothing of one command is left for the next, and an endless loop ends with its thread.
import { type ChildProcess, fork } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FromHost, FromShell, ToHost, ToShell } from './messages.ts';

const SPARE = 2;
/** What the interpreter is loaded from. Commands of the guest reach none of it: they have no call for it. */
const READABLE = ['../', '../../../node_modules', '../../../package.json'];

/** What the process of the shells is started with: no files but its program, no children, no addons. */
export const hostArguments = (): string[] => [
  '--permission',
  '--allow-worker',
  ...READABLE.map((path) => `--allow-fs-read=${realpathSync(fileURLToPath(new URL(path, import.meta.url)))}`),
];

export class ShellThread {
  readonly #id: number;
  readonly #send: (order: ToHost) => void;
  onMessage: (message: FromShell) => void = () => {};
  onEnd: () => void = () => {};

  constructor(id: number, send: (order: ToHost) => void) {
    this.#id = id;
    this.#send = send;
  }
  post(message: ToShell): void {
    this.#send({ order: 'post', id: this.#id, message });
  }
  end(): void {
    this.#send({ order: 'end', id: this.#id });
  }
}

export class ShellPool {
  #host: ChildProcess | undefined;
  readonly #spare: ShellThread[] = [];
  readonly #threads = new Map<number, ShellThread>();
  #next = 1;
  #closed = false;

  constructor() {
    this.#refill();
  }

  #startHost(): ChildProcess {
    const host = fork(fileURLToPath(new URL('./host.ts', import.meta.url)), [], {
      execArgv: hostArguments(),
      // Empty: nothing of the host's environment can be printed by a command.
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    host.on('message', (message: FromHost) => {
      const thread = this.#threads.get(message.id);
      if (message.message) thread?.onMessage(message.message);
      else this.#ended(message.id);
    });
    host.on('error', () => {});
    // Its shells died with it, as by SIGKILL; the next one gets a new host.
    host.once('exit', () => {
      if (this.#host === host) this.#host = undefined;
      for (const id of Array.from(this.#threads.keys())) this.#ended(id);
    });
    return host;
  }

  #ended(id: number): void {
    const thread = this.#threads.get(id);
    if (thread === undefined) return;
    this.#threads.delete(id);
    const index = this.#spare.indexOf(thread);
    if (index >= 0) this.#spare.splice(index, 1);
    thread.onEnd();
  }

  #make(): ShellThread {
    this.#host ??= this.#startHost();
    const host = this.#host;
    const id = this.#next;
    this.#next += 1;
    const thread = new ShellThread(id, (order) => {
      if (host.connected) host.send(order);
    });
    this.#threads.set(id, thread);
    host.send({ order: 'start', id } satisfies ToHost);
    return thread;
  }

  #refill(): void {
    while (!this.#closed && this.#spare.length < SPARE) this.#spare.push(this.#make());
  }

  take(): ShellThread {
    const thread = this.#spare.shift() ?? this.#make();
    setTimeout(() => this.#refill(), 20).unref();
    return thread;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const host = this.#host;
    if (host === undefined || host.exitCode !== null || host.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => host.once('exit', () => resolve()));
    host.kill('SIGKILL');
    await gone;
  }
}
