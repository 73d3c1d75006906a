// The person at the keyboard. What was typed before a question answers none, not even as the beginning of its answer.
import { StringDecoder } from 'node:string_decoder';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Terminal } from './surroundings.ts';

export interface OpenTerminal extends Terminal {
  close(): void;
}

export function openTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream): OpenTerminal {
  // The terminal itself edits the line and turns Ctrl-C into a signal.
  const decoder = new StringDecoder('utf8');
  let typed = '';
  let waiting: ((line: string | undefined) => void) | undefined;
  let ended = false;
  const settle = (line: string | undefined): void => {
    const answer = waiting;
    waiting = undefined;
    answer?.(line);
  };
  const take = (data: Buffer): void => {
    typed += decoder.write(data);
    for (let end = typed.indexOf('\n'); end >= 0; end = typed.indexOf('\n')) {
      const line = typed.slice(0, end);
      typed = typed.slice(end + 1);
      settle(line.replace(/\r$/, ''));
    }
  };
  const end = (): void => {
    ended = true;
    settle(undefined);
  };
  input.on('data', take).on('end', end).on('error', end);

  /** A line that was begun is still with the terminal, which gives it away only while it edits none. */
  async function forget(): Promise<void> {
    input.setRawMode(true);
    // Between these two the input is read once.
    await nextTurn();
    await nextTurn();
    input.setRawMode(false);
    typed = '';
  }

  return {
    async ask(question, signal) {
      if (!ended) await forget();
      if (ended || signal?.aborted === true) return undefined;
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
    close() {
      input.off('data', take).off('end', end).off('error', end).pause();
    },
  };
}
