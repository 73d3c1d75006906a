// Everything of the journal that passes a filter, rising by id, a page at a time: so that nobody holds more than a page of it.
import type { JournalEvent } from '../../protocol/events.ts';
import { type EventId, eventId } from '../../protocol/ids.ts';
import type { Journal, JournalFilter } from './port.ts';

/** One event may hold hundreds of kilobytes. */
const PAGE = 100;

/** @param after the events up to this one are left out */
export async function* readAll(
  journal: Pick<Journal, 'read'>,
  filter: JournalFilter,
  after: EventId = eventId(0),
): AsyncGenerator<JournalEvent> {
  for (let from = after; ; ) {
    const page = await journal.read(filter, from, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = last.id;
  }
}
