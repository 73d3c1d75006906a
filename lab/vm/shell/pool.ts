// Threads for shells, warmed ahead: a fresh one takes a tenth of a second to load the interpreter. A thread serves one shell
// and is thrown away, so nothing of one command is left for the next, and an endless loop ends with its thread.
import { Worker } from 'node:worker_threads';

const SPARE = 2;
/** A shell that wants more than this has run away. MiB. */
const MEMORY_MIB = 256;

export class ShellPool {
  readonly #spare: Worker[] = [];
  readonly #all = new Set<Worker>();
  #closed = false;

  constructor() {
    this.#refill();
  }

  #make(): Worker {
    // Its own empty environment: nothing of the host's can be printed by a command.
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      env: {},
      argv: [],
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
    });
    worker.unref();
    worker.setMaxListeners(50);
    worker.on('error', () => this.#all.delete(worker));
    worker.once('exit', () => {
      this.#all.delete(worker);
      const index = this.#spare.indexOf(worker);
      if (index >= 0) this.#spare.splice(index, 1);
    });
    this.#all.add(worker);
    return worker;
  }

  #refill(): void {
    while (!this.#closed && this.#spare.length < SPARE) this.#spare.push(this.#make());
  }

  take(): Worker {
    const worker = this.#spare.shift() ?? this.#make();
    setTimeout(() => this.#refill(), 20).unref();
    return worker;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }
}
