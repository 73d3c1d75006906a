// An agent for tests of the rooms around it: a small real implementation of the port, each turn an async generator.
import type { SessionId } from '../../protocol/ids.ts';
import type { AgentDriver, AgentEvent, TurnContext } from '../../server/agent/port.ts';

export type Script = (prompt: string, context: TurnContext) => AsyncIterable<AgentEvent>;

export interface ScriptedAgent extends AgentDriver {
  /** Sessions in the order in which they were opened. */
  readonly opened: SessionId[];
  /** How often a session's process was closed. */
  closed: number;
}

export function scriptedAgent(script: Script, unavailable?: string): ScriptedAgent {
  const agent: ScriptedAgent = {
    opened: [],
    closed: 0,
    open(session) {
      agent.opened.push(session);
      return {
        turn: script,
        close: async () => {
          agent.closed++;
        },
      };
    },
    unavailable: () => unavailable,
    close: async () => undefined,
  };
  return agent;
}

export const text = (words: string): AgentEvent => ({ type: 'event', body: { kind: 'text', text: words } });
export const result = (words: string): AgentEvent => ({
  type: 'event',
  body: { kind: 'result', is_error: false, result: words, duration_ms: 1 },
});

/** Waits for the abort of a turn. */
export const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Says back what it was told. */
export async function* echo(prompt: string): AsyncGenerator<AgentEvent> {
  yield { type: 'delta', text: prompt };
  yield text(prompt);
  yield result(prompt);
}
