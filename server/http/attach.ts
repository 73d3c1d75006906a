// Attaching to a session: first what the client missed, then `caught-up`, then what is being written now, then all that happens. Nothing
// comes twice and nothing is left out, because following begins before reading, and reading ends where following began.
import type { EphemeralEvent, JournalEvent } from '../../protocol/events.ts';
import { type EventId, eventId } from '../../protocol/ids.ts';
import type { Journal } from '../journal/port.ts';
import type { SessionRef, Sessions } from '../sessions/sessions.ts';
import { journaledFrame, plainFrame, type SseClient } from './sse.ts';

/** Events read at a time during a replay. A client that does not read it holds so many in memory. */
const PAGE = 25;
/** How many characters of live frames are held back while a client reads the replay. With more it is cut off, and resumes. */
const HELD_CAP_CHARS = 8 * 1024 * 1024;

export interface AttachSource {
  readonly journal: Journal;
  readonly sessions: Sessions;
  readonly session: SessionRef;
  /** A guest who watches starts nothing. */
  readonly viewer: 'member' | 'guest';
}

/** Resolves after the replay; the live tail goes on until the client closes. */
export async function attach(client: SseClient, source: AttachSource, after: EventId): Promise<void> {
  const { journal, sessions, session, viewer } = source;
  const filter = { session: session.id, sessionTarget: session.target };
  let held: string[] | undefined = [];
  let heldChars = 0;
  const deliver = (frame: string): void => {
    if (held === undefined) {
      client.send(frame);
      return;
    }
    held.push(frame);
    heldChars += frame.length;
    if (heldChars > HELD_CAP_CHARS) client.end();
  };
  const unfollow = journal.follow(filter, (event) => deliver(journaledFrame(event)));
  const { snapshot, detach } = sessions.attach(
    session,
    (event: EphemeralEvent) => deliver(plainFrame(event)),
    viewer,
  );
  client.onClose(() => {
    unfollow();
    detach();
  });

  await replay(client, journal, filter, after, journal.head());
  client.send('event: caught-up\ndata: {}\n\n');
  for (const event of snapshot) await client.sendPaced(plainFrame(event));
  while (held.length > 0 && !client.closed) {
    const waiting: string[] = held;
    held = [];
    heldChars = 0;
    for (const frame of waiting) await client.sendPaced(frame);
  }
  held = undefined;
}

async function replay(
  client: SseClient,
  journal: Journal,
  filter: Parameters<Journal['read']>[0],
  after: EventId,
  upTo: EventId,
): Promise<void> {
  let from = after;
  while (!client.closed && from < upTo) {
    const page = (await journal.read(filter, from, PAGE)).filter((event: JournalEvent) => event.id <= upTo);
    for (const event of page) await client.sendPaced(journaledFrame(event));
    const last = page.at(-1)?.id;
    if (last === undefined) return;
    from = eventId(last);
  }
}
