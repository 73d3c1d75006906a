// The console that the lab starts: the same server/main.ts that `npm start` runs, as a process of its own. When it dies it
// is started again, as a supervisor would in a deployment.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ConsoleProcess {
  /** Resolves when /health answers; rejects when the console ends before. */
  ready(): Promise<void>;
  /** TERM, then KILL after 10 s. */
  stop(): Promise<void>;
}

const MAIN = path.resolve(import.meta.dirname, '../server/main.ts');
/** Exit code of the console for a configuration that it does not understand: starting again would not help. */
const NOT_UNDERSTOOD = 2;

export function startConsole(
  env: Readonly<Record<string, string>>,
  url: string,
  onGiveUp: (code: number) => void,
): ConsoleProcess {
  let child: ChildProcess;
  let stopping = false;
  let started = 0;

  const start = (): void => {
    started = Date.now();
    child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('exit', (code, signal) => {
      if (stopping) return;
      if (code === NOT_UNDERSTOOD || (code !== null && Date.now() - started < 1_000)) return onGiveUp(code);
      console.log(`lab: the console ended (${signal ?? `exit ${code}`}); starting it again`);
      start();
    });
  };
  start();

  return {
    async ready() {
      for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
        const answer = await fetch(`${url}/health`).catch(() => undefined);
        if (answer?.ok === true) return;
        await sleep(50);
      }
      throw new Error(`the console did not answer at ${url} within 60 s`);
    },
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    },
  };
}
