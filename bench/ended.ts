// The end of a process that a benchmark started.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Asks it to end, and waits until it is gone. */
export async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
