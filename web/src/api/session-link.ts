// Attaches this page to one session: reads the stream, reconnects, and notices silence. It does not know what events mean.
// Must stay true: over any number of reconnects, events are handed on in order and each at most once.
import type { EventSourceMessage } from 'eventsource-parser';
import type { WireEvent } from '../../../protocol/events.ts';
import { readEventStream } from './event-stream.ts';
import { asApiError } from './http.ts';
import {
  type LinkState,
  linkStateAt,
  OPEN_TIMEOUT_MS,
  retryDelayMs,
  SILENCE_MS,
  SILENCE_ON_RETURN_MS,
} from './reconnect.ts';

export interface LinkHandlers {
  readonly event: (event: WireEvent, live: boolean) => void;
  readonly state: (state: LinkState) => void;
  /** The server does not know the session (404). The link is closed. */
  readonly gone: () => void;
  /** The operator is not signed in (401). The link is closed. */
  readonly signedOut: () => void;
}

const parseEvent = (data: string): WireEvent | undefined => {
  try {
    const value = JSON.parse(data) as unknown;
    if (typeof value === 'object' && value !== null && 'kind' in value) return value as WireEvent;
  } catch {
    // falls through
  }
  console.warn('A frame of the session stream was not understood', data.slice(0, 200));
  return undefined;
};

export class SessionLink {
  readonly #path: string;
  readonly #handlers: LinkHandlers;
  readonly #closed = new AbortController();
  #attempt: AbortController | undefined;
  #wake: (() => void) | undefined;
  #tries = 0;
  #lastId: number | undefined;
  #lastByteAt = 0;
  #everAttached = false;
  #live = false;
  #lostAtMs: number | null = Date.now();

  /** `after`: the id of the last event that is already known. */
  constructor(sessionId: string, handlers: LinkHandlers, after?: number) {
    this.#path = `/api/session/${sessionId}/stream`;
    this.#handlers = handlers;
    this.#lastId = after;
    const { signal } = this.#closed;
    const tick = setInterval(() => this.#tick(), 1_000);
    signal.addEventListener('abort', () => clearInterval(tick));
    addEventListener('online', () => this.#returned(), { signal });
    document.addEventListener('visibilitychange', () => this.#returned(), { signal });
    addEventListener('pageshow', () => this.#returned(), { signal });
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
    this.#attempt?.abort();
    this.#wake?.();
  }

  /** Tries again now, without waiting for the next attempt. */
  reconnect(): void {
    this.#tries = 0;
    this.#attempt?.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      this.#attempt = new AbortController();
      this.#lastByteAt = Date.now();
      try {
        await readEventStream(this.#path, {
          signal: this.#attempt.signal,
          ...(this.#lastId === undefined ? {} : { lastEventId: this.#lastId }),
          onOpen: () => this.#opened(),
          onByte: () => {
            this.#lastByteAt = Date.now();
          },
          onFrame: (frame) => this.#frame(frame),
        });
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        const { status } = asApiError(error);
        if (status === 404 || status === 401) {
          this.close();
          if (status === 404) this.#handlers.gone();
          else this.#handlers.signedOut();
          return;
        }
      }
      if (this.#closed.signal.aborted) return;
      this.#lostAtMs ??= Date.now();
      this.#live = false;
      this.#tick();
      await this.#pause(retryDelayMs(this.#tries++));
    }
  }

  #opened(): void {
    this.#lostAtMs = null;
    this.#tick();
  }

  #frame(frame: EventSourceMessage): void {
    if (this.#closed.signal.aborted) return;
    if (frame.event === 'caught-up') {
      this.#tries = 0;
      this.#everAttached = true;
      this.#live = true;
      this.#tick();
      return;
    }
    const event = parseEvent(frame.data);
    if (!event) return;
    if ('id' in event && typeof event.id === 'number') {
      if (this.#lastId !== undefined && event.id <= this.#lastId) return;
      this.#lastId = event.id;
    }
    this.#handlers.event(event, this.#live);
  }

  #tick(): void {
    if (this.#closed.signal.aborted) return;
    const silentMs = Date.now() - this.#lastByteAt;
    if (this.#lostAtMs === null ? silentMs > SILENCE_MS : silentMs > OPEN_TIMEOUT_MS) this.#attempt?.abort();
    this.#handlers.state(
      linkStateAt({ everAttached: this.#everAttached, lostAtMs: this.#lostAtMs }, Date.now()),
    );
  }

  #returned(): void {
    if (document.visibilityState !== 'visible') return;
    if (this.#lostAtMs !== null || Date.now() - this.#lastByteAt > SILENCE_ON_RETURN_MS) this.reconnect();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
