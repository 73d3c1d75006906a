// The shell's end of the line to the machine: calls out; values, refusals and signals in.
import type { CallName, FromShell, Machine, StartMessage, ToShell } from './messages.ts';

interface Shell {
  run(): Promise<number>;
  signal(pid: number, number: number): void;
}

/** Serves one shell after another. What an earlier one left behind is cut off. */
export const connect = (begin: (machine: Machine, start: StartMessage) => Shell): void => {
  // Taken now: the interpreter hides it from what it runs.
  const send = process.send?.bind(process);
  const say = (message: FromShell): void => void send?.(message);
  let waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let next = 1;
  let shell: Shell | undefined;

  const run = async (start: StartMessage): Promise<void> => {
    const mine = new Map<number, PromiseWithResolvers<unknown>>();
    waiting = mine;
    const call = (name: CallName, args: readonly unknown[]): Promise<unknown> => {
      const answer = Promise.withResolvers<unknown>();
      if (waiting !== mine) return answer.promise;
      mine.set(next, answer);
      say({ type: 'call', id: next, call: name, args });
      next += 1;
      return answer.promise;
    };
    const machine = new Proxy({} as Machine, {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          call(name as CallName, args),
    });
    shell = begin(machine, start);
    const code = await shell.run().catch(async (error: unknown) => {
      const words = error instanceof Error ? error.message : String(error);
      await machine.output('stderr', Buffer.from(`bash: ${words}\n`));
      return 2;
    });
    waiting = new Map();
    say({ type: 'exit', code });
  };
  process.on('message', (message: ToShell) => {
    if (message.type === 'start') void run(message);
    else if (message.type === 'signal') shell?.signal(message.pid, message.number);
    else {
      const answer = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.type === 'value') answer?.resolve(message.value);
      else answer?.reject(new Error(message.words));
    }
  });
  // The lab is gone, in whatever way: nothing of it stays.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the lab ends this process when it is done.
  process.on('SIGINT', () => {});
};
