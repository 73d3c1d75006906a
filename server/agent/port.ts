// What sessions ask of an agent. The driver over the Agent SDK implements it; tests give an async generator.

import type { JournaledBody } from '../../protocol/events.ts';
import type { SessionId, ToolCallId, TurnId } from '../../protocol/ids.ts';

/** What the agent reports during a turn, in order. Sessions add scope and id. */
export type AgentEvent =
  /** A finished event of the turn: text, tool, tool_result, error, note, usage, finding, result (the last, from the model). */
  | { readonly type: 'event'; readonly body: JournaledBody }
  /** Running text or live tool output; never journaled. */
  | { readonly type: 'delta'; readonly text: string; readonly snapshot?: boolean }
  | {
      readonly type: 'output';
      readonly toolCallId: ToolCallId;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    };

export interface TurnContext {
  readonly turnId: TurnId;
  /** Name of the person whose prompt this is. */
  readonly by: string;
  readonly model: string | undefined;
  /** Aborted by Stop, by the turn limit, or by shutdown. The iterator then still ends by itself, in under 2 s. */
  readonly signal: AbortSignal;
}

export interface LiveAgent {
  /** Runs one turn. Ends when the model's result came; never throws for trouble with model or tools: that is an `error` event. */
  turn(prompt: string, context: TurnContext): AsyncIterable<AgentEvent>;
  close(): Promise<void>;
}

export interface AgentDriver {
  /** Starts (or resumes, by session id) the process of a session, so that the first prompt finds it warm. Cheap to call. */
  open(session: SessionId): LiveAgent;
  /** Undefined when it can work; else one sentence: what is missing and what to set. */
  unavailable(): string | undefined;
  close(): Promise<void>;
}
