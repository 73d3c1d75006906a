// The person at the keyboard. Lines are read from the first moment on: what was typed before a question answers none.
import { createInterface } from 'node:readline';
import type { Terminal } from './surroundings.ts';

export interface OpenTerminal extends Terminal {
  close(): void;
}

export function openTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream): OpenTerminal {
  // The terminal itself edits the line and turns Ctrl-C into a signal.
  const lines = createInterface({ input, terminal: false });
  let waiting: ((line: string | undefined) => void) | undefined;
  let ended = false;
  const settle = (line: string | undefined): void => {
    const answer = waiting;
    waiting = undefined;
    answer?.(line);
  };
  lines.on('line', settle);
  lines.on('close', () => {
    ended = true;
    settle(undefined);
  });
  return {
    ask(question, signal) {
      if (ended || signal?.aborted === true) return Promise.resolve(undefined);
      output.write(question);
      return new Promise((resolve) => {
        const withdraw = (): void => {
          output.write('\n');
          settle(undefined);
        };
        waiting = (line) => {
          signal?.removeEventListener('abort', withdraw);
          resolve(line);
        };
        signal?.addEventListener('abort', withdraw, { once: true });
      });
    },
    close: () => lines.close(),
  };
}
