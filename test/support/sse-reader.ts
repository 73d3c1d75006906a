// Reads an SSE answer frame by frame, as a client does.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { checkEvent } from './contract.ts';

export interface Frame {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data: string;
}

export async function* frames(response: Response): AsyncGenerator<Frame> {
  if (response.body === null) return;
  yield* response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
}

export interface SeenEvent {
  readonly kind: string;
  readonly id?: number;
  readonly [field: string]: unknown;
}

/** Throws `OffContract` when it is not what the contract says. */
export function readEvent(data: string): SeenEvent {
  const value = JSON.parse(data) as SeenEvent;
  checkEvent(value);
  return value;
}

/** Events until one is of this kind, or the stream ends. */
export async function eventsUntil(response: Response, kind: string): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  for await (const { data, event } of frames(response)) {
    if (event === kind) break;
    if (event !== undefined) continue;
    const parsed = readEvent(data);
    seen.push(parsed);
    if (parsed.kind === kind) break;
  }
  return seen;
}
