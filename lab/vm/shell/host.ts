// A process of its own that holds the threads of all shells. It may read its program and nothing else of this computer,
// write nothing and start nothing; and when a command eats its memory, it dies instead of the lab.
import { Worker } from 'node:worker_threads';
import type { FromHost, ToHost } from './messages.ts';

/** A shell that wants more than this has run away. MiB. */
const MEMORY_MIB = 256;

const threads = new Map<number, Worker>();
const tell = (message: FromHost): void => {
  if (process.connected) process.send?.(message);
};

const start = (id: number): void => {
  const thread = new Worker(new URL('./worker.ts', import.meta.url), {
    env: {},
    argv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
  });
  threads.set(id, thread);
  thread.on('message', (message) => tell({ id, message }));
  // Out of memory, or a fault of the interpreter: `exit` follows.
  thread.on('error', () => {});
  thread.once('exit', () => {
    threads.delete(id);
    tell({ id, ended: true });
  });
};

process.on('message', (order: ToHost) => {
  if (order.order === 'post') threads.get(order.id)?.postMessage(order.message);
  else if (order.order === 'start') start(order.id);
  else void threads.get(order.id)?.terminate();
});
// The lab is gone, in whatever way: nothing of it stays.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole group; the lab ends this process when it is done.
process.on('SIGINT', () => {});
