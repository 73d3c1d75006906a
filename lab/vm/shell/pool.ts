// Processes for shells, warmed ahead: a fresh one takes some tenths of a second to load the interpreter. Each serves one command
// line at a time; one that did not come to its own end is killed, so an endless loop ends with its process. It may read its
// own program and nothing else of this computer, write nothing and start nothing; and a command that eats memory dies alone.
import { type ChildProcess, fork } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const IDLE = 2;
const MEMORY_MIB = 256;
/** What the interpreter is loaded from. Commands of the guest reach none of it: they have no call for it. */
const READABLE = ['../', '../../../node_modules', '../../../package.json'];

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const shellArguments = (): string[] => [
  '--permission',
  ...READABLE.map((path) => `--allow-fs-read=${realpathSync(pathOf(path))}`),
  `--max-old-space-size=${MEMORY_MIB}`,
];

export class ShellPool {
  #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();
  #closed = false;

  constructor() {
    this.#idle.push(this.#make());
  }

  #make(): ChildProcess {
    const child = fork(new URL('./shell.ts', import.meta.url), [], {
      execArgv: shellArguments(),
      env: {}, // Nothing of the lab's environment can be printed by a command.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('error', () => {}); // `exit` says it, too.
    this.#all.add(child);
    child.once('exit', () => {
      this.#all.delete(child);
      this.#idle = this.#idle.filter((each) => each !== child);
    });
    return child;
  }

  /** Never without one in reserve: a Stop must not wait for a process to start. */
  take(): ChildProcess {
    const child = this.#idle.shift() ?? this.#make();
    if (this.#idle.length === 0 && !this.#closed) this.#idle.push(this.#make());
    return child;
  }
  /** Its command line came to an end. */
  giveBack(child: ChildProcess): void {
    child.removeAllListeners('message');
    if (this.#idle.length < IDLE && child.connected) this.#idle.push(child);
    else child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.#closed = true;
    const ends = [...this.#all].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of this.#all) child.kill('SIGKILL');
    await Promise.all(ends);
  }
}
