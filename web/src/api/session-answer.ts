// Finds out what became of a question of a session that this page is not attached to.
import type { JournalEvent, WireEvent } from '../../../protocol/events.ts';
import { readEventStream } from './event-stream.ts';

const LIMIT_MS = 10_000;

export type Resolution = Extract<JournalEvent, { kind: 'approval_resolved' }>;

const resolutionIn = (data: string, approvalId: string): Resolution | undefined => {
  try {
    const event = JSON.parse(data) as WireEvent;
    return event.kind === 'approval_resolved' && event.approval_id === approvalId ? event : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Undefined: it could not be learned. Never rejects.
 * @param after an event from before the answer, so that not the whole session is sent
 */
export const fetchResolution = async (
  sessionId: string,
  approvalId: string,
  after: number,
): Promise<Resolution | undefined> => {
  const enough = new AbortController();
  const limit = setTimeout(() => enough.abort(), LIMIT_MS);
  let found: Resolution | undefined;
  try {
    await readEventStream(`/api/session/${sessionId}/stream`, {
      signal: enough.signal,
      lastEventId: after,
      onFrame: ({ data }) => {
        found ??= resolutionIn(data, approvalId);
        if (found !== undefined) enough.abort();
      },
    });
  } catch {
    // Leaving after the frame ends in an error too.
  } finally {
    clearTimeout(limit);
  }
  return found;
};
