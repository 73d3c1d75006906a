// Reads an SSE answer frame by frame, as a client does.
export interface Frame {
  readonly id?: string;
  readonly event?: string;
  /** Undefined for a comment. */
  readonly data?: string;
}

export async function* frames(response: Response): AsyncGenerator<Frame> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
      const frame: Record<string, string> = {};
      for (const line of buffer.slice(0, end).split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) frame[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
      }
      buffer = buffer.slice(end + 2);
      yield frame;
    }
  }
}

export interface SeenEvent {
  readonly kind: string;
  readonly id?: number;
  readonly [field: string]: unknown;
}

/** Events until one is of this kind, or the stream ends. */
export async function eventsUntil(response: Response, kind: string): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  for await (const { data, event } of frames(response)) {
    if (event === kind) break;
    if (data === undefined || event !== undefined) continue;
    const parsed = JSON.parse(data) as SeenEvent;
    seen.push(parsed);
    if (parsed.kind === kind) break;
  }
  return seen;
}
