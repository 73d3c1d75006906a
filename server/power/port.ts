// Outside the VM: verbs, the per-target lock, an operation and its verified outcome.
import type { OperationId, SessionId } from '../../protocol/ids.ts';
import type { Actor, Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb, Verb } from '../../protocol/verbs.ts';

export interface VerbRequest {
  readonly verb: Verb;
  readonly by: Actor;
  /** The session that caused it, for the journal. */
  readonly session_id?: SessionId;
  /** What triage said a moment ago, for the record; undefined where it was not asked or could not tell. */
  readonly finding: TriageReport | undefined;
}

export interface Power {
  /**
   * Starts an operation and returns at once. Throws `verb-running` (with who, which, since when in `detail`; `extra.result`
   * is the refusal in the shape of a verb's result) when another mutating verb is in flight on the target. When only the
   * host knows of one, the operation fails with `result.rejected`. The operation runs to its end whatever becomes of the
   * caller. A mutating verb is out of flight once its result is known: waiting for SSH blocks no other verb.
   */
  start(request: VerbRequest): Promise<Operation>;
  /** Throws as `start` would now, where another mutating verb is in flight. */
  checkFree(verb: MutatingVerb): void;
  /** Known operations of this process and the journal; undefined when there is none. */
  get(id: OperationId): Promise<Operation | undefined>;
  /** Resolves when the operation ends, or after limitMs with whatever state it is in then. */
  wait(id: OperationId, limitMs: number): Promise<Operation>;
  /**
   * As `wait`, but resolves as soon as the verb's own `result` is known, while SSH is still waited for. What the fixed verb
   * route wants. After a lost connection the result comes only when the host was asked.
   */
  waitResult(id: OperationId, limitMs: number): Promise<Operation>;
  /**
   * Every change of the operation: steps, output, end. For watchers that work without the journal too. What was printed
   * before is told first, the end also to those who come after it.
   */
  watch(id: OperationId, listener: (change: OperationChange) => void): () => void;
  /** Mutating operation in flight, if any. */
  running(): Operation | undefined;
  /** Closes operations that a dead server left open: asks the host, appends `power_finished`, never runs them again. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

export type OperationChange =
  | { readonly type: 'step'; readonly operation: Operation }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'finished'; readonly operation: Operation };
