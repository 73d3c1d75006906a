// What a program of the guest gets and gives: arguments, streams, a signal that ends it, a number at the end.
import type { Credentials } from './state/credentials.ts';
import type { Guest } from './state/guest.ts';
import type { Process } from './state/processes.ts';

export interface Stdio {
  /** All of it, once the writer has closed it. */
  stdin(): Promise<Buffer>;
  /** Resolves when there is room for more. */
  write(stream: 'stdout' | 'stderr', data: Buffer): Promise<void>;
  /** Who holds the streams open; the SSH channel closes when nobody does. */
  hold(): () => void;
}

export interface Exit {
  /** As the shell's `$?`: 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly signal?: string;
}

export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly ppid: number;
  readonly who: Credentials;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: Stdio;
  /** Session and process group; absent: a session of its own, as sshd gives one. */
  readonly sess?: number;
  readonly pgid?: number;
}

export interface SpawnOverrides {
  readonly who?: Credentials;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio?: Stdio;
}

export interface Call {
  readonly guest: Guest;
  readonly name: string;
  readonly args: readonly string[];
  readonly process: Process;
  readonly who: Credentials;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: Stdio;
  /** Aborted when a signal ends the process. */
  readonly signal: AbortSignal;
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  /** A child process. Its end is the promise's value. */
  spawn(argv: readonly string[], overrides?: SpawnOverrides): Promise<Exit>;
  /** Starts a child and gives its row at once. */
  start(
    argv: readonly string[],
    overrides?: SpawnOverrides,
  ): { readonly process: Process; readonly done: Promise<Exit> };
  /** Becomes another program in the same process. */
  become(argv: readonly string[], overrides?: SpawnOverrides): Promise<Exit>;
  /** From now on signals go to the children, and end this process only through them. */
  forwardSignals(): void;
  /** The guest itself restarts or goes down. */
  power(action: 'reboot' | 'poweroff'): void;
}

export type Program = (call: Call) => number | Exit | Promise<number | Exit>;

/** Resolves after `ms`, or at once when the process ends. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    // Node's timers hold 31 bits; nobody waits 24 days here.
    const timer = setTimeout(finish, Math.min(ms, 2_147_483_647));
    signal.addEventListener('abort', finish);
  });
