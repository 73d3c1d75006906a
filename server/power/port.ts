// The power path of one target: verbs, the lock of the target, operations and their verified outcome.
import type { OperationId, SessionId } from '../../protocol/ids.ts';
import type { Actor, Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb, Verb } from '../../protocol/verbs.ts';

export interface VerbRequest {
  readonly verb: Verb;
  readonly by: Actor;
  /** The session that caused it, for the journal. */
  readonly session_id?: SessionId;
  /** What triage said a moment ago, for the record; undefined when it was not asked or could not tell. */
  readonly finding: TriageReport | undefined;
}

export interface Power {
  /**
   * Starts an operation and returns at once. Throws `verb-running` when another mutating verb is in flight on the target: `detail`
   * says who started which one and when, and `extra.result` is the refusal in the shape of a verb's result. If only the host knows
   * of one, the operation fails with `result.rejected`. The operation runs to its end, whatever becomes of the caller. A mutating
   * verb is no longer in flight once its result is known: waiting for SSH blocks no other verb.
   */
  start(request: VerbRequest): Promise<Operation>;
  /** Throws, as `start` would now, if another mutating verb is in flight. */
  checkFree(verb: MutatingVerb): void;
  /** From this process or from the journal; undefined when neither knows it. */
  get(id: OperationId): Promise<Operation | undefined>;
  /** Resolves when the operation ends, or after `limitMs` with the state that it has then. */
  wait(id: OperationId, limitMs: number): Promise<Operation>;
  /**
   * As `wait`, but resolves as soon as the verb's own `result` is known, without waiting for SSH. The fixed verb route uses it. After
   * a lost connection there is a result only when the host has been asked.
   */
  waitResult(id: OperationId, limitMs: number): Promise<Operation>;
  /**
   * Tells every change of the operation: steps, output and end. It works without the journal too. A watcher gets first what was
   * printed before, and one that comes after the end still gets the end.
   */
  watch(id: OperationId, listener: (change: OperationChange) => void): () => void;
  /**
   * Tells each operation that comes, with or without a journal: when it begins (or is taken up after a restart) and when it is over. The
   * listener must neither throw nor block.
   */
  follow(listener: (operation: Operation) => void): () => void;
  /** The mutating operation that is in flight, if there is one. */
  running(): Operation | undefined;
  /** The last mutating verb that this process has begun; undefined: none. */
  lastChange(): LastChange | undefined;
  /** Closes the operations that a dead server left open: it asks the host and appends `power_finished`, and never runs a verb again. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

export interface LastChange {
  readonly verb: MutatingVerb;
  readonly by: Actor;
  readonly beganAtMs: number;
  /** Undefined: its result is not known yet. */
  readonly endedAtMs: number | undefined;
  /** When its operation was over, with the wait for SSH and the evidence; undefined: it is not. */
  readonly overAtMs: number | undefined;
}

export type OperationChange =
  | { readonly type: 'step'; readonly operation: Operation }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'finished'; readonly operation: Operation };
