// The journal's port in memory: small and real, for tests of rooms that only need a journal to exist, to fail or to be slow.

import type { JournalEvent, NewEvent } from '../../protocol/events.ts';
import { type EventId, eventId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Append, Journal, JournalFilter } from '../../server/journal/port.ts';

export interface MemoryJournal extends Journal {
  readonly events: readonly JournalEvent[];
  /** `fail`: every append is refused. `hang`: none ever ends. */
  mode: 'work' | 'fail' | 'hang';
}

export function createMemoryJournal(): MemoryJournal {
  const events: JournalEvent[] = [];
  const followers = new Set<{ filter: JournalFilter; listener: (event: JournalEvent) => void }>();
  const appendFollowers = new Set<(append: Append) => void>();
  const openedAt = (session: string): number | undefined =>
    events.find((event) => event.session_id === session)?.id;

  let failure: string | undefined;
  const passes = (filter: JournalFilter, event: JournalEvent): boolean => {
    if (filter.kinds !== undefined && !filter.kinds.includes(event.kind)) return false;
    if (filter.operation !== undefined && event.operation_id !== filter.operation) return false;
    if (filter.target !== undefined && event.target !== filter.target) return false;
    if (filter.session === undefined || event.session_id === filter.session) return true;
    const since = openedAt(filter.session);
    const power =
      (event.kind.startsWith('power_') || event.kind === 'evidence') && event.target === filter.sessionTarget;
    return filter.sessionTarget !== undefined && power && since !== undefined && event.id >= since;
  };

  const journal: MemoryJournal = {
    events,
    mode: 'work',
    async append(batch: readonly NewEvent[]) {
      if (journal.mode === 'fail') {
        failure = 'The journal cannot be written (test).';
        for (const listener of appendFollowers) listener({ tookMs: 0, written: false });
        throw new BreakglassError('journal-unavailable', failure);
      }
      if (journal.mode === 'hang') await new Promise(() => {});
      const stored = batch.map((event, index): JournalEvent => {
        const id: EventId = eventId(events.length + index + 1);
        return { ...event, id, at: new Date().toISOString(), v: 1 };
      });
      events.push(...stored);
      failure = undefined;
      for (const listener of appendFollowers) listener({ tookMs: 0, written: true });
      for (const event of stored)
        for (const { filter, listener } of followers) if (passes(filter, event)) listener(event);
      return stored;
    },
    async read(filter, after, limit) {
      return events.filter((event) => event.id > after && passes(filter, event)).slice(0, limit);
    },
    async newest(filter, limit) {
      return events
        .filter((event) => passes(filter, event))
        .slice(-limit)
        .toReversed();
    },
    async count(filter, after) {
      return events.filter((event) => event.id > after && passes(filter, event)).length;
    },
    head: () => eventId(events.length),
    follow(filter, listener) {
      const follower = { filter, listener };
      followers.add(follower);
      return () => followers.delete(follower);
    },
    followAppends(listener) {
      appendFollowers.add(listener);
      return () => appendFollowers.delete(listener);
    },
    async sessions() {
      return { sessions: [], next: undefined, cut: false };
    },
    async targetOf(id) {
      return events.find((event) => event.session_id === id)?.target;
    },
    async open() {
      const finished = new Set(
        events.filter(({ kind }) => kind === 'power_finished').map((event) => event.operation_id),
      );
      const ended = new Set(events.filter(({ kind }) => kind === 'turn_end').map((event) => event.turn_id));
      return {
        turns: events.filter((event) => event.kind === 'user' && !ended.has(event.turn_id)),
        operations: events.filter(
          (event) => event.kind === 'power_started' && !finished.has(event.operation_id),
        ),
        queued: [],
      };
    },
    bytes: async () => 0,
    removable: async () => [],
    async remove() {},
    loose: async () => 0,
    async removeLoose() {},
    outbox: () => {
      throw new Error('this journal has no outbox');
    },
    health: () => failure,
    async close() {},
  };
  return journal;
}
