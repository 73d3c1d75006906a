// Reads one event stream with fetch, so that a 404, a 401 and silence can be told apart (EventSource hides them).
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ApiError, toApiError } from './http.ts';

interface StreamOptions {
  readonly signal: AbortSignal;
  readonly lastEventId?: number;
  readonly onOpen?: () => void;
  /** Called for any text that arrives, comments too: the link is alive. */
  readonly onByte?: () => void;
  readonly onFrame: (frame: EventSourceMessage) => void;
}

/** Resolves when the server ends the stream. @throws ApiError when it refuses or the connection breaks. */
export const readEventStream = async (path: string, options: StreamOptions): Promise<void> => {
  const { signal, lastEventId, onOpen, onByte, onFrame } = options;
  let response: Response;
  try {
    response = await fetch(path, {
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
      },
    });
  } catch {
    throw new ApiError(0, 'The console does not answer.');
  }
  if (!response.ok || !response.body) throw await toApiError(response);
  onOpen?.();
  const parser = createParser({ onEvent: onFrame });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onByte?.();
      parser.feed(value);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, 'The connection broke off.');
  } finally {
    reader.cancel().catch(() => undefined);
  }
};
