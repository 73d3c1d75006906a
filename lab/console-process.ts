// The console that the lab starts: server/main.ts from the sources, as a process of its own. When it dies it
// is started again, as a supervisor would in a deployment. The channel between the two tells the lab the console's real
// address, and the console that the lab is gone.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { plainLine } from './plain-line.ts';

/** What server/main.ts sends once it listens. */
export interface Ready {
  /** Scheme, address and port as they are, whatever was asked for. */
  readonly ready: string;
  readonly whyPowerOnly?: string;
  /** Signs one browser in, once. */
  readonly signIn: string;
}

export interface ConsoleProcess {
  /** Resolves when the console listens; never when it does not come up: then `onGiveUp` is told. */
  readonly ready: Promise<Ready>;
  /** TERM, then KILL after 10 s. */
  stop(): Promise<void>;
}

const MAIN = path.resolve(import.meta.dirname, '../server/main.ts');
// A console that was up this long had nothing wrong with its start: the next pause is short again.
const LONG_LIFE_MS = 30_000;
const MAX_PAUSE_MS = 10_000;

export function startConsole(
  env: Readonly<Record<string, string>>,
  onGiveUp: (code: number) => void,
  main: string = MAIN,
  pause: (ms: number) => Promise<unknown> = sleep,
): ConsoleProcess {
  const { promise, resolve } = Promise.withResolvers<Ready>();
  let child: ChildProcess;
  let url: string | undefined;
  let pauseMs = 0;
  let stopping = false;

  const start = (): void => {
    const startedAt = Date.now();
    let listens = false;
    child = spawn(process.execPath, [main], {
      // Where the first one listened, so that an open page finds the next one: the port may have been chosen by the kernel.
      env: url === undefined ? env : { ...env, BREAKGLASS_PORT: portOf(url) },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => console.log(plainLine(line)));
    child.on('message', (message: Ready) => {
      listens = true;
      url = message.ready;
      resolve(message);
    });
    child.on('exit', (code, signal) => {
      if (stopping) return;
      // It said itself why it cannot start, and would say so again.
      if (!listens && (code !== null || url === undefined)) return onGiveUp(code || 1);
      if (Date.now() - startedAt > LONG_LIFE_MS) pauseMs = 0;
      console.log(`lab: the console ended (${signal ?? `exit ${code}`}); starting it again`);
      void pause(pauseMs).then(() => stopping || start());
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2 || 500);
    });
  };
  start();

  return {
    ready: promise,
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port || (protocol === 'https:' ? '443' : '80');
}
