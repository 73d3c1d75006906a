// A host that is at its limit: loops that do nothing, more than there are cores.
import { type ChildProcess, spawn } from 'node:child_process';

export interface BusyLoops {
  end(): Promise<void>;
}

export function startBusyLoops(count: number): BusyLoops {
  const loops: readonly ChildProcess[] = Array.from({ length: count }, () =>
    spawn('bash', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
  const ended = Promise.all(
    loops.map((loop) => new Promise<void>((resolve) => loop.once('close', () => resolve()))),
  );
  return {
    end: async () => {
      for (const loop of loops) loop.kill('SIGKILL');
      await ended;
    },
  };
}
