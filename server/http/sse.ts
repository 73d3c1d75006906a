// One SSE answer: frames, keepalive comments, and a bound on what a client that does not read may cost. The only file that
// takes the socket from Fastify, so the only one that has to carry over its headers.
import type { FastifyReply } from 'fastify';
import type { JournalEvent, WireEvent } from '../../protocol/events.ts';

/**
 * A client this far behind is dropped; it resumes by Last-Event-ID. Counted in bytes that the socket has not taken, beyond
 * the largest frame among them: one long tool result must not cut off a client that reads.
 */
const QUEUE_CAP_BYTES = 256 * 1024;

type Plain = WireEvent | Readonly<Record<string, unknown>>;

/** An event is serialised once, however many clients are attached. */
const once = <E extends object>(write: (event: E) => string): ((event: E) => string) => {
  const frames = new WeakMap<E, string>();
  return (event) => {
    let frame = frames.get(event);
    if (frame === undefined) {
      frame = write(event);
      frames.set(event, frame);
    }
    return frame;
  };
};

export const journaledFrame = once(
  (event: JournalEvent) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`,
);

/** A frame without an id: ephemeral events, and everything on the one-turn stream. */
export const plainFrame = once((event: Plain) => `data: ${JSON.stringify(event)}\n\n`);

/** Those with frames that were sent in this turn of the event loop: each gets them in one write. */
let unwritten: SseClient[] = [];

function writeAll(): void {
  const clients = unwritten;
  unwritten = [];
  for (const client of clients) client.flush();
}

export class SseClient {
  readonly #reply: FastifyReply;
  readonly #keepalive: NodeJS.Timeout;
  readonly #onClose: (() => void)[] = [];
  #closed = false;
  #batch = '';
  /** Bytes of the largest frame that may still be queued. */
  #largest = 0;
  #unreadSince: number | undefined;

  constructor(reply: FastifyReply, keepaliveMs: number) {
    this.#reply = reply;
    reply.hijack();
    const headers = {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    };
    reply.raw.writeHead(200, headers as Record<string, string>);
    reply.raw.flushHeaders();
    reply.raw.socket?.setNoDelay(true);
    this.#keepalive = setInterval(() => this.send(': keepalive\n\n'), keepaliveMs);
    reply.raw.on('drain', () => {
      this.#unreadSince = undefined;
    });
    reply.raw.on('close', () => this.#close());
    reply.raw.on('error', () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Since when (performance.now()) something waits that the client's end has not taken; undefined when nothing does. */
  get unreadSince(): number | undefined {
    return this.#unreadSince;
  }

  /** Ends it at once, whatever waits. The client can resume. */
  cut(): void {
    this.#reply.log.warn('a client did not read its event stream and was cut off; it can resume');
    this.#close();
    this.#reply.raw.destroy();
  }

  /** Nothing more is sent, whatever waits: whoever it was may not see more. */
  hangUp(): void {
    if (this.#closed) return;
    this.#batch = '';
    this.#close();
    // What is written already was theirs; but an end behind what nobody reads would never come.
    if (this.#reply.raw.writableLength > 0) this.#reply.raw.destroy();
    else this.#reply.raw.end();
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  /** A live frame. It is written with the others of this turn of the event loop, or before. */
  send(frame: string): void {
    if (this.#closed) return;
    if (this.#batch === '') {
      if (unwritten.length === 0) setImmediate(writeAll);
      unwritten.push(this);
    }
    this.#batch += frame;
  }

  /** Writes what was sent and is not written. A client that does not keep up is cut off here. */
  flush(): void {
    const frames = this.#batch;
    this.#batch = '';
    if (this.#closed || frames === '') return;
    this.#keepalive.refresh();
    const { raw } = this.#reply;
    if (raw.writableLength === 0) this.#largest = 0;
    if (raw.writableLength > QUEUE_CAP_BYTES + this.#largest) {
      this.cut();
      return;
    }
    this.#largest = Math.max(this.#largest, Buffer.byteLength(frames));
    this.#write(frames);
  }

  /** A frame of a replay: waits until the client has read, however long the history. */
  async sendPaced(frame: string): Promise<void> {
    this.flush();
    if (this.#closed) return;
    this.#keepalive.refresh();
    if (this.#write(frame)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#reply.raw.off('drain', done);
        this.#reply.raw.off('close', done);
        resolve();
      };
      this.#reply.raw.on('drain', done);
      this.#reply.raw.on('close', done);
    });
  }

  #write(frames: string): boolean {
    const taken = this.#reply.raw.write(frames);
    if (!taken) this.#unreadSince ??= performance.now();
    return taken;
  }

  end(): void {
    this.flush();
    if (!this.#closed) this.#reply.raw.end();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#keepalive);
    for (const listener of this.#onClose) listener();
  }
}
