// The stream of one turn's events, from several producers (the model's messages, running tools) to the one consumer. The
// consumer asks for the next event only after it recorded the one before: so `emit` resolves when its event is on disk.
// When the consumer turns away (recording failed) every emit rejects and `onAbandon` runs: nothing more may happen.
import type { AgentEvent } from './port.ts';

export class NotRecorded extends Error {
  constructor() {
    super('The journal could not record this step, so it was not taken.');
  }
}

/** Live text waiting for a slow consumer is joined, and cut to its newest part: the whole is in the result. */
const LIVE_CAP_CHARS = 64 * 1024;

interface Waiting {
  event: AgentEvent;
  readonly recorded: () => void;
  readonly failed: (error: Error) => void;
}

const ignore = (): void => undefined;

export class TurnFeed implements AsyncIterableIterator<AgentEvent> {
  readonly #queue: Waiting[] = [];
  readonly #onAbandon: () => void;
  #handedOver: Waiting | undefined;
  #pull: ((result: IteratorResult<AgentEvent>) => void) | undefined;
  #ended = false;
  #abandoned = false;

  constructor(onAbandon: () => void) {
    this.#onAbandon = onAbandon;
  }

  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** The consumer has not taken, or not recorded, everything yet. */
  get busy(): boolean {
    return this.#handedOver !== undefined || this.#queue.length > 0;
  }

  /** Resolves once the event is recorded; rejects with NotRecorded when it never will be. */
  emit(event: AgentEvent): Promise<void> {
    if (this.#ended || this.#abandoned) return Promise.reject(new NotRecorded());
    return new Promise((recorded, failed) => {
      this.#queue.push({ event, recorded, failed });
      this.#deliver();
    });
  }

  /** Running text or output: nobody waits for it, and it may be joined with what waits already. */
  show(event: Exclude<AgentEvent, { type: 'event' }>): void {
    if (this.#ended || this.#abandoned) return;
    const last = this.#queue.at(-1);
    const joined = last === undefined ? undefined : join(last.event, event);
    if (last !== undefined && joined !== undefined) last.event = joined;
    else this.#queue.push({ event, recorded: ignore, failed: ignore });
    this.#deliver();
  }

  /** No more events. What waits is still handed over. */
  end(): void {
    this.#ended = true;
    this.#deliver();
  }

  #deliver(): void {
    if (this.#pull === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined && !this.#ended) return;
    const pull = this.#pull;
    this.#pull = undefined;
    this.#handedOver = next;
    pull(next === undefined ? { done: true, value: undefined } : { done: false, value: next.event });
  }

  next(): Promise<IteratorResult<AgentEvent>> {
    this.#handedOver?.recorded();
    this.#handedOver = undefined;
    if (this.#abandoned) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#pull = resolve;
      this.#deliver();
    });
  }

  return(): Promise<IteratorResult<AgentEvent>> {
    const first =
      !this.#abandoned && !(this.#ended && this.#queue.length === 0 && this.#handedOver === undefined);
    this.#abandoned = true;
    for (const waiting of [this.#handedOver, ...this.#queue.splice(0)]) waiting?.failed(new NotRecorded());
    this.#handedOver = undefined;
    this.#pull?.({ done: true, value: undefined });
    this.#pull = undefined;
    if (first) this.#onAbandon();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function join(before: AgentEvent, after: AgentEvent): AgentEvent | undefined {
  if (before.type === 'delta' && after.type === 'delta') {
    return after.snapshot === true ? after : { ...before, text: before.text + after.text };
  }
  if (
    before.type === 'output' &&
    after.type === 'output' &&
    before.toolCallId === after.toolCallId &&
    before.stream === after.stream
  ) {
    return { ...before, text: (before.text + after.text).slice(-LIVE_CAP_CHARS) };
  }
  return undefined;
}
