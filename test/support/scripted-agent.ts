// An agent for tests of the rooms around it: a small real implementation of the port. Each turn is a function of the test.
import type { JournaledBody } from '../../protocol/events.ts';
import type { SessionId } from '../../protocol/ids.ts';
import type { AgentDriver, TurnLog } from '../../server/agent/port.ts';

export type Script = (prompt: string, log: TurnLog, signal: AbortSignal) => Promise<void>;

export interface ScriptedAgent extends AgentDriver {
  /** Sessions in the order in which they were opened. */
  readonly opened: SessionId[];
  /** How often a session's process was closed, and how often one was released. */
  closed: number;
  released: number;
}

export function scriptedAgent(script: Script, close: () => Promise<void> = async () => {}): ScriptedAgent {
  const agent: ScriptedAgent = {
    opened: [],
    closed: 0,
    released: 0,
    open(session) {
      agent.opened.push(session);
      return {
        run: ({ text: prompt }, log, signal) => script(prompt, log, signal),
        close() {
          agent.closed++;
          return close();
        },
        release() {
          agent.released++;
        },
      };
    },
    unavailable: () => undefined,
    close: async () => undefined,
  };
  return agent;
}

export const text = (words: string): JournaledBody => ({ kind: 'text', text: words });
export const result = (words: string): JournaledBody => ({
  kind: 'result',
  is_error: false,
  result: words,
  duration_ms: 1,
});

/** Waits for the abort of a turn. */
export const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** An agent that repeats the prompt. */
export const echo: Script = async (prompt, log) => {
  log.show({ type: 'delta', text: prompt });
  await log.record(text(prompt));
  await log.record(result(prompt));
};
