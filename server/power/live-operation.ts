// One operation, while it runs and after that: its state, its steps, who watches it, and its events in the journal. The journal may
// fail or be missing: watchers still get everything from here, and the verb goes on.
import type { Logger } from 'pino';
import type { JournaledBody, NewEvent } from '../../protocol/events.ts';
import type { EvidenceId } from '../../protocol/ids.ts';
import type { Operation, OperationStep, Outcome, VerbResult } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Journal } from '../journal/port.ts';
import type { OperationChange } from './port.ts';

export interface OperationParts {
  readonly journal: Journal | undefined;
  readonly logger: Logger;
  readonly now: () => Date;
}

type Stream = 'stdout' | 'stderr';
type PowerBody = Extract<JournaledBody, { readonly kind: `power_${string}` }>;

// Output is collected for so long, or until it is so long, before it becomes one event: the journal is not a terminal.
const FLUSH_MS = 150;
const FLUSH_CHARS = 8_192;
// A journal on a hung disk must not keep the verb from starting.
const JOURNAL_PATIENCE_MS = 1_500;

/** Known as long as this process lives. */
const notRecorded = (outcome: Outcome | undefined): Outcome => ({
  ...(outcome ?? { summary: 'It is over.' }),
  warnings: [
    ...(outcome?.warnings ?? []),
    'The record of this operation is not complete, because the journal could not be written. It is gone after a restart.',
  ],
});

function patiently(work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, JOURNAL_PATIENCE_MS);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

export class LiveOperation {
  #operation: Operation;
  readonly #parts: OperationParts;
  readonly #listeners = new Set<(change: OperationChange) => void>();
  readonly #resultKnown = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #printed: { stream: Stream; text: string }[] = [];
  #pending: { stream: Stream; text: string } | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #appends: Promise<unknown> = Promise.resolve();
  #journalFailed = false;

  constructor(operation: Operation, parts: OperationParts) {
    this.#operation = operation;
    this.#parts = parts;
  }

  get operation(): Operation {
    return this.#operation;
  }
  get resultKnown(): Promise<void> {
    return this.#resultKnown.promise;
  }
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the event is on disk, or after a limit. */
  async begin(finding: TriageReport | undefined): Promise<void> {
    const { verb, by } = this.#operation;
    const found = finding === undefined ? {} : { finding };
    this.#operation = { ...this.#operation, ...found };
    await patiently(this.#append({ kind: 'power_started', verb, by, ...found }));
  }

  /** Ends the running step as a success and begins the next one. `leaveLast`: leaves it open, because nobody saw it end. */
  step(name: string, { leaveLast = false } = {}): void {
    if (!leaveLast) this.endStep(true);
    this.#addStep({ name, at: this.#parts.now().toISOString() });
  }

  endStep(ok: boolean | undefined): void {
    const last = this.#operation.steps.at(-1);
    if (last === undefined || last.ms !== undefined) return;
    const ms = this.#parts.now().getTime() - Date.parse(last.at);
    this.#replaceLastStep({ ...last, ms: Math.max(0, ms), ...(ok === undefined ? {} : { ok }) });
  }

  output(stream: Stream, text: string): void {
    const last = this.#printed.at(-1);
    if (last?.stream === stream) last.text += text;
    else this.#printed.push({ stream, text });
    this.#tell({ type: 'output', stream, text });
    if (this.#pending !== undefined && this.#pending.stream !== stream) this.#flush();
    this.#pending = { stream, text: (this.#pending?.text ?? '') + text };
    if (this.#pending.text.length >= FLUSH_CHARS) this.#flush();
    else this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** The connection was lost. Nothing is claimed before the host has been asked. */
  checking(): void {
    this.#change({ state: 'unknown' });
  }

  /** The host says how long the verb may take from now on, in seconds. */
  setLimit(seconds: number): void {
    this.#change({ limit: { seconds, at: this.#parts.now().toISOString() } });
  }

  setResult(result: VerbResult): void {
    this.#change({ result });
    this.#resultKnown.resolve();
  }

  setEvidence(evidence_id: EvidenceId): void {
    this.#change({ evidence_id });
  }

  setOutcome(outcome: Outcome): void {
    this.#change({ outcome });
  }

  /** Ends the operation, once. Resolves when that is in the journal, or after a limit. */
  async finish(state: 'succeeded' | 'failed' | 'unknown'): Promise<void> {
    this.#flush();
    this.#operation = { ...this.#operation, state, finished_at: this.#parts.now().toISOString() };
    const { verb, steps, result, outcome } = this.#operation;
    const event = {
      kind: 'power_finished',
      verb,
      state,
      steps,
      ...(result && { result }),
      ...(outcome && { outcome }),
    } as const;
    await patiently(this.#append(event));
    if (this.#journalFailed) this.#operation = { ...this.#operation, outcome: notRecorded(outcome) };
    this.#tell({ type: 'finished', operation: this.#operation });
    this.abandon();
  }

  /** Releases whoever waits. Without `finish` it stays open in the journal, and the next server checks it. */
  abandon(): void {
    clearTimeout(this.#flushTimer);
    this.#resultKnown.resolve();
    this.#ended.resolve();
    this.#listeners.clear();
    this.#printed.length = 0;
  }

  watch(listener: (change: OperationChange) => void): () => void {
    for (const { stream, text } of this.#printed) listener({ type: 'output', stream, text });
    if (this.#operation.finished_at !== undefined) {
      listener({ type: 'finished', operation: this.#operation });
      return () => {};
    }
    listener({ type: 'step', operation: this.#operation });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #addStep(step: OperationStep): void {
    this.#flush();
    this.#change({ steps: [...this.#operation.steps, step] });
    void this.#append({ kind: 'power_step', verb: this.#operation.verb, step });
  }

  #replaceLastStep(step: OperationStep): void {
    this.#flush();
    this.#change({ steps: [...this.#operation.steps.slice(0, -1), step] });
    void this.#append({ kind: 'power_step', verb: this.#operation.verb, step });
  }

  #change(change: Partial<Operation>): void {
    this.#operation = { ...this.#operation, ...change };
    this.#tell({ type: 'step', operation: this.#operation });
  }

  #tell(change: OperationChange): void {
    for (const listener of Array.from(this.#listeners)) listener(change);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#pending === undefined) return;
    const { stream, text } = this.#pending;
    this.#pending = undefined;
    void this.#append({ kind: 'power_output', verb: this.#operation.verb, stream, text });
  }

  /** Records one event after the other. Never rejects: trouble with the journal is logged once and does not concern the verb. */
  #append(body: PowerBody): Promise<void> {
    const { journal, logger } = this.#parts;
    const { id, target, session_id, by } = this.#operation;
    if (journal === undefined) return Promise.resolve();
    const scope = {
      actor: by,
      target,
      operation_id: id,
      ...(session_id === undefined ? {} : { session_id }),
    };
    const event: NewEvent = { ...body, ...scope };
    const appended = this.#appends
      .then(() => journal.append([event]))
      .then(
        () => {},
        (error: unknown) => {
          if (!this.#journalFailed)
            logger.error({ err: error, operation: id }, 'operation not recorded in the journal');
          this.#journalFailed = true;
        },
      );
    this.#appends = appended;
    return appended;
  }
}
