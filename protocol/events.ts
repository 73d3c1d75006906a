// Every event of the wire. The stored event is the wire event: a journaled event carries `id` and `at`, was on disk
// before any client saw it and never changes. An ephemeral event has no id and is never journaled.
// Fixed kinds (docs: the wire): user session text tool result error cancelled turn_end done.
import type { EvidenceStatus } from './evidence.ts';
import type { EventId, EvidenceId, OperationId, SessionId, TargetName, ToolCallId, TurnId } from './ids.ts';
import type { Actor, OperationState, OperationStep, Outcome, VerbResult } from './operations.ts';
import type { TriageReport } from './triage.ts';
import type { Verb } from './verbs.ts';

/** Where an event belongs. */
export interface EventScope {
  readonly actor: Actor;
  readonly target?: TargetName;
  readonly session_id?: SessionId;
  readonly turn_id?: TurnId;
  readonly operation_id?: OperationId;
}

export type PolicyMode = 'observe' | 'ask' | 'autonomous';
export type Account = 'observer' | 'repair';

/** How a command in the VM ended. First cause wins. */
export type CommandEnd =
  | 'exited'
  | 'timed_out'
  | 'stopped'
  | 'unreachable' // ssh never reached a shell
  | 'connection_lost' // it reached one and lost it: the command may still run
  | 'denied';

/** A tool's input as it is shown. For a command, `command` is what one would type. */
export interface ToolInput {
  readonly command?: string;
  readonly [key: string]: unknown;
}

export type JournaledBody =
  | { readonly kind: 'session_opened'; readonly session_id: SessionId }
  | { readonly kind: 'user'; readonly text: string }
  | { readonly kind: 'session'; readonly session_id: SessionId }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'tool';
      readonly name: string;
      readonly input: ToolInput;
      readonly tool_call_id: ToolCallId;
    }
  | {
      readonly kind: 'tool_result';
      readonly tool_call_id: ToolCallId;
      readonly name: string;
      readonly is_error: boolean;
      /** Whole output, up to the recording cap; `truncated` says when the cap was hit. */
      readonly output: string;
      readonly truncated: boolean;
      readonly exit_code?: number | null;
      readonly ended?: CommandEnd;
      /** After a stop or a time limit: whether the far side was seen to be gone. */
      readonly far_side?: 'proven' | 'unproven';
      readonly duration_ms: number;
    }
  /** After the turn: a stop that could not be proven in time was proven after all. */
  | { readonly kind: 'far_side'; readonly tool_call_id: ToolCallId; readonly far_side: 'proven' }
  | {
      readonly kind: 'result';
      readonly is_error: boolean;
      readonly result: string;
      readonly duration_ms: number;
    }
  | { readonly kind: 'error'; readonly error: string; readonly code?: string }
  | { readonly kind: 'cancelled'; readonly by?: string; readonly note?: string }
  | { readonly kind: 'interrupted'; readonly reason: string }
  | { readonly kind: 'turn_end' }
  | { readonly kind: 'queued'; readonly text: string; readonly queue_id: string }
  | { readonly kind: 'unqueued'; readonly queue_id: string; readonly reason: 'started' | 'removed' | 'lost' }
  | { readonly kind: 'note'; readonly text: string }
  | {
      readonly kind: 'usage';
      readonly model: string;
      readonly input_tokens: number;
      readonly output_tokens: number;
      /** US dollars of this turn, as the CLI estimates them. */
      readonly cost_usd: number;
    }
  | { readonly kind: 'finding'; readonly report: TriageReport }
  /** `finding`: what triage said right before a mutating verb, from the latest signals. */
  | {
      readonly kind: 'power_started';
      readonly verb: Verb;
      readonly by: Actor;
      readonly finding?: TriageReport;
    }
  | { readonly kind: 'power_step'; readonly verb: Verb; readonly step: OperationStep }
  | {
      readonly kind: 'power_output';
      readonly verb: Verb;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  | {
      readonly kind: 'power_finished';
      readonly verb: Verb;
      readonly state: Exclude<OperationState, 'running'>;
      readonly result?: VerbResult;
      readonly outcome?: Outcome;
      readonly steps: readonly OperationStep[];
    }
  /** A bundle was kept here. Linked to what caused it by `operation_id` and `session_id`. */
  | {
      readonly kind: 'evidence';
      readonly evidence_id: EvidenceId;
      readonly verb: Verb;
      readonly status: EvidenceStatus;
      readonly summary: string;
    };

export type JournaledKind = JournaledBody['kind'];

/** An event before the journal gave it its id and time. */
export type NewEvent = JournaledBody & EventScope;

/** An event as it is stored and sent. `v` is the version of the record. */
export type JournalEvent = NewEvent & { readonly id: EventId; readonly at: string; readonly v: 1 };

/** Never journaled, no id. `text_delta.snapshot`: the whole block so far, sent once on attach. */
export type EphemeralEvent =
  | {
      readonly kind: 'text_delta';
      readonly session_id: SessionId;
      readonly turn_id: TurnId;
      readonly text: string;
      /** True: `text` replaces what was shown of the running block (attach, or a retry that begins again). */
      readonly snapshot?: boolean;
    }
  | {
      readonly kind: 'tool_output';
      readonly session_id: SessionId;
      readonly turn_id: TurnId;
      readonly tool_call_id: ToolCallId;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
      readonly snapshot?: boolean;
    }
  /** The journal could not take the event that would have said this. */
  | {
      readonly kind: 'error';
      readonly session_id: SessionId;
      readonly turn_id: TurnId;
      readonly error: string;
    }
  | { readonly kind: 'done' };

export type WireEvent = JournalEvent | EphemeralEvent;
