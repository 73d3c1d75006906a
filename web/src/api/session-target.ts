// Finds out which target a session belongs to. The first event of its stream says it, also for sessions that are too old for
// the list of sessions.
import { readEventStream } from './event-stream.ts';
import { ApiError } from './http.ts';

const LIMIT_MS = 10_000;

const targetIn = (data: string): string | undefined => {
  try {
    const { target } = JSON.parse(data) as { target?: unknown };
    return typeof target === 'string' ? target : undefined;
  } catch {
    return undefined;
  }
};

/** Undefined: the session is from before sessions named their target. @throws ApiError; status 404: there is no such session. */
export const fetchSessionTarget = async (sessionId: string): Promise<string | undefined> => {
  const enough = new AbortController();
  const limit = setTimeout(() => enough.abort(), LIMIT_MS);
  let first: string | undefined;
  try {
    await readEventStream(`/api/session/${sessionId}/stream`, {
      signal: enough.signal,
      onFrame: ({ data }) => {
        first ??= data;
        enough.abort();
      },
    });
  } catch (error) {
    // Leaving after the first frame ends in an error too, which is no failure.
    if (first === undefined) throw error;
  } finally {
    clearTimeout(limit);
  }
  if (first === undefined) throw new ApiError(0, 'The console did not say whose session this is.');
  return targetIn(first);
};
