// The process that holds one connection open for reuse (OpenSSH's "control master"). It is ours, not left behind by ControlPersist: we
// start it when it is first wanted, end it when it is idle, and replace it when it has died. Nothing waits for it and nothing fails
// with it, since a client that finds no master connects by itself.
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Logger } from 'pino';

export interface MasterParts {
  readonly argumentsFor: (socket: string) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Gives the path of a new socket for each process, so that the socket of a dead one is never taken for that of a live one. */
  readonly socketPath: () => string;
  readonly idleMs: number;
  readonly logger: Logger;
}

export interface Master {
  /** The socket to try. Starts a master in the background when there is none. Undefined when there is nothing to try. */
  touch(): string | undefined;
  /** True when a connection is up, false when there was none in time. For tests, benchmarks and warming up. */
  ready(limitMs: number): Promise<boolean>;
  pid(): number | undefined;
  /** Ends the connection that is up, with what runs over it. The next `touch` starts a new one. */
  drop(): Promise<void>;
  close(): Promise<void>;
}

// If a master dies within this time after its start (nobody there, no key), there is a pause before the next one.
const SHORT_LIFE_MS = 5_000;
const PAUSE_MS = 3_000;

/** Used when there is no place for a socket: every client connects by itself. */
export const NO_MASTER: Master = {
  touch: () => undefined,
  ready: async () => false,
  pid: () => undefined,
  drop: async () => {},
  close: async () => {},
};

const spawnMaster = (args: readonly string[], env: Readonly<Record<string, string>>) =>
  execa('ssh', args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    reject: false,
    forceKillAfterDelay: 300,
    maxBuffer: 8_192,
  });

export function createMaster(parts: MasterParts): Master {
  let running: { readonly process: ReturnType<typeof spawnMaster>; readonly socket: string } | undefined;
  let notBefore = 0;
  let closed = false;
  let idle: NodeJS.Timeout | undefined;

  const end = (): void => {
    running?.process.kill('SIGTERM');
  };

  const start = (): void => {
    const socket = parts.socketPath();
    const startedAt = Date.now();
    const process = spawnMaster(parts.argumentsFor(socket), parts.env);
    const own = { process, socket };
    running = own;
    void process.then((result) => {
      if (running === own) running = undefined;
      // ssh removes its socket at its end, but not after SIGKILL.
      rmSync(socket, { force: true });
      if (closed) return;
      if (Date.now() - startedAt < SHORT_LIFE_MS) notBefore = Date.now() + PAUSE_MS;
      parts.logger.debug(
        { exitCode: result.exitCode, signal: result.signal, said: String(result.stderr ?? '').slice(-400) },
        'reused connection ended',
      );
    });
  };

  return {
    touch() {
      if (closed) return undefined;
      clearTimeout(idle);
      idle = setTimeout(end, parts.idleMs);
      idle.unref();
      if (running === undefined && Date.now() >= notBefore) start();
      return running?.socket;
    },
    async ready(limitMs) {
      const deadline = Date.now() + limitMs;
      for (;;) {
        const socket = this.touch();
        if (socket !== undefined && existsSync(socket)) return true;
        if (closed || Date.now() >= deadline) return false;
        await sleep(15);
      }
    },
    pid: () => running?.process.pid,
    async drop() {
      const process = running?.process;
      process?.kill('SIGTERM');
      await process;
      notBefore = 0;
    },
    async close() {
      closed = true;
      clearTimeout(idle);
      const process = running?.process;
      process?.kill('SIGTERM');
      await process;
    },
  };
}
