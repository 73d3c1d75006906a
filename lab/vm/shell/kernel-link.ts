// The shell thread's end of the line to the kernel: calls out, replies in.
import type { MessagePort } from 'node:worker_threads';
import type { ShellOps, StartMessage, ToShell } from './messages.ts';

/** A refusal of the kernel: its code, and its words as the message. */
class KernelRefusal extends Error {
  readonly code: string;
  constructor(code: string, words: string) {
    super(words);
    this.code = code;
  }
}

export class Kernel {
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly ops: ShellOps;
  onStart: (start: StartMessage) => void | Promise<void> = () => {};
  #next = 1;

  constructor(port: MessagePort) {
    port.on('message', (message: ToShell) => {
      if (message.type === 'start') {
        void this.onStart(message);
        return;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) waiting?.reject(new KernelRefusal(message.error.code, message.error.message));
      else waiting?.resolve(message.value);
    });
    this.ops = new Proxy({} as ShellOps, {
      get:
        (_target, op: string) =>
        (...args: unknown[]) =>
          new Promise((resolve, reject) => {
            const id = this.#next;
            this.#next += 1;
            this.#waiting.set(id, { resolve, reject });
            port.postMessage({ type: 'call', id, op, args });
          }),
    });
  }
}
