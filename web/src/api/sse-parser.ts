// Server-sent events from text chunks, cut anywhere. Pure: no network, no JSON.
// Mirrors https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

export interface SseFrame {
  /** `message` where the stream names none. */
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

export class SseParser {
  #rest = '';
  #first = true;
  #skipNewline = false;
  #event = '';
  #data: string[] = [];
  #id: string | undefined;

  /** The frames that this chunk completed. A frame without data is none. */
  push(chunk: string): SseFrame[] {
    const frames: SseFrame[] = [];
    let text = chunk;
    if (this.#first && text.length > 0) {
      this.#first = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    // The CR of a CRLF ended the line already; its LF may come with the next chunk.
    if (this.#skipNewline && text.length > 0) {
      this.#skipNewline = false;
      if (text.startsWith('\n')) text = text.slice(1);
    }
    this.#rest += text;
    let start = 0;
    for (const match of this.#rest.matchAll(/\r\n|\n|\r/g)) {
      const frame = this.#line(this.#rest.slice(start, match.index));
      if (frame) frames.push(frame);
      start = match.index + match[0].length;
      this.#skipNewline = match[0] === '\r' && start === this.#rest.length;
    }
    this.#rest = this.#rest.slice(start);
    return frames;
  }

  #line(line: string): SseFrame | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? '' : line.slice(colon + 1);
    const value = raw.startsWith(' ') ? raw.slice(1) : raw;
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #dispatch(): SseFrame | undefined {
    const frame =
      this.#data.length === 0
        ? undefined
        : {
            event: this.#event || 'message',
            data: this.#data.join('\n'),
            ...(this.#id === undefined ? {} : { id: this.#id }),
          };
    this.#data = [];
    this.#event = '';
    this.#id = undefined;
    return frame;
  }
}
