// One SSE answer: frames, keepalive comments, and a bound on what a client that does not read may cost. The only file that
// takes the socket from Fastify, so the only one that has to carry over its headers.
import type { FastifyReply } from 'fastify';
import type { JournalEvent, WireEvent } from '../../protocol/events.ts';

/**
 * A client this far behind is dropped; it resumes by Last-Event-ID. Counted in bytes that the socket has not taken, beyond
 * the largest frame among them: one long tool result must not cut off a client that reads.
 */
const QUEUE_CAP_BYTES = 256 * 1024;

const frames = new WeakMap<JournalEvent, string>();

/** Serialised once, however many clients are attached. */
export function journaledFrame(event: JournalEvent): string {
  let frame = frames.get(event);
  if (frame === undefined) {
    frame = `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
    frames.set(event, frame);
  }
  return frame;
}

/** A frame without an id: ephemeral events, and everything on the one-turn stream. */
export const plainFrame = (event: WireEvent | Readonly<Record<string, unknown>>): string =>
  `data: ${JSON.stringify(event)}\n\n`;

export class SseClient {
  readonly #reply: FastifyReply;
  readonly #keepalive: NodeJS.Timeout;
  readonly #onClose: (() => void)[] = [];
  #closed = false;
  /** Bytes of the largest frame that may still be queued. */
  #largest = 0;

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
    reply.raw.on('close', () => this.#close());
    reply.raw.on('error', () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  /** A live frame. A client that does not keep up is cut off here. */
  send(frame: string): void {
    if (this.#closed) return;
    this.#keepalive.refresh();
    const { raw } = this.#reply;
    if (raw.writableLength === 0) this.#largest = 0;
    if (raw.writableLength > QUEUE_CAP_BYTES + this.#largest) {
      this.#reply.log.warn('a client did not read its event stream and was cut off; it can resume');
      raw.destroy();
      return;
    }
    this.#largest = Math.max(this.#largest, Buffer.byteLength(frame));
    raw.write(frame);
  }

  /** A frame of a replay: waits until the client has read, however long the history. */
  async sendPaced(frame: string): Promise<void> {
    if (this.#closed) return;
    this.#keepalive.refresh();
    if (this.#reply.raw.write(frame)) return;
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

  end(): void {
    if (!this.#closed) this.#reply.raw.end();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#keepalive);
    for (const listener of this.#onClose) listener();
  }
}
