// What sessions ask of an agent: to carry out one prompt and to tell what happens, step by step. The driver over the Agent SDK
// implements it; tests give a small scripted one.
import type { JournaledBody } from '../../protocol/events.ts';
import type { SessionId, TargetName, ToolCallId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';

/** Text that is shown while it is written and never journaled. `snapshot`: it replaces what was shown of the running block. */
export type LiveText =
  | { readonly type: 'delta'; readonly text: string; readonly snapshot?: boolean }
  | {
      readonly type: 'output';
      readonly toolCallId: ToolCallId;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    };

/** Why a step was not recorded, and so not taken. */
export class NotRecorded extends Error {}

/** Where a turn tells what happens in it. Sessions add scope and id. */
export interface TurnLog {
  /**
   * Resolves once the event is on disk. Rejects with NotRecorded when it cannot be recorded: then nothing that depends on it may
   * happen, and the turn is over (its signal is aborted with the same reason).
   * @param by whose event it is; the agent's where nobody is named
   */
  record(body: JournaledBody, by?: Actor): Promise<void>;
  /** A person is waited for: until the returned function is called, the turn holds no slot and its limit stands still. */
  pause(): () => void;
  show(live: LiveText): void;
  /** For what becomes known only after the end of the turn. Never rejects: what cannot be recorded is logged. */
  recordLater(body: JournaledBody): Promise<void>;
}

export interface AgentPrompt {
  readonly text: string;
  /** Undefined: the deployment's own. */
  readonly model: string | undefined;
}

export interface LiveAgent {
  /**
   * Carries out one prompt and resolves when the model's result was recorded. Trouble with the model or with tools becomes an
   * `error` event; it rejects only when something could not be recorded. `signal` (Stop, the limit of the turn, a shutdown, a
   * journal that refuses) ends it within 2 s, after it has recorded what it knows of running tools.
   */
  run(prompt: AgentPrompt, log: TurnLog, signal: AbortSignal): Promise<void>;
  /** Ends its process now, even in the middle of a turn. The next prompt resumes the conversation. */
  close(): Promise<void>;
  /** Nobody is attached and nothing runs, so its process may end soon. Whoever needs the agent again opens it again. */
  release(): void;
}

export interface AgentDriver {
  /** The agent of the session, the same one until it is released. Its process is started or resumed before the first prompt. */
  open(session: SessionId, target: TargetName): LiveAgent;
  /** Undefined when the agent can work; otherwise one sentence that says what is missing and what to set. */
  unavailable(): string | undefined;
  close(): Promise<void>;
}
