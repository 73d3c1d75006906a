// What a filter lets through, as a predicate for followers and as SQL conditions for reads. Both mean the same.
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import type { JournalFilter } from './port.ts';

/** Events of a target that all its sessions show, whoever caused them. */
const TARGET_KINDS: readonly JournaledKind[] = [
  'power_started',
  'power_step',
  'power_output',
  'power_finished',
  'evidence',
];

export function passes(filter: JournalFilter, event: JournalEvent): boolean {
  if (filter.session !== undefined && event.session_id !== filter.session) {
    const shared = filter.sessionTarget !== undefined && event.target === filter.sessionTarget;
    if (!shared || !TARGET_KINDS.includes(event.kind)) return false;
  }
  if (filter.target !== undefined && event.target !== filter.target) return false;
  if (filter.operation !== undefined && event.operation_id !== filter.operation) return false;
  return filter.kinds === undefined || filter.kinds.includes(event.kind);
}

export interface Conditions {
  readonly sql: readonly string[];
  readonly values: readonly string[];
}

const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ');

export function conditionsOf(filter: JournalFilter): Conditions {
  const sql: string[] = [];
  const values: string[] = [];
  if (filter.session !== undefined && filter.sessionTarget !== undefined) {
    // Power events from before the session was opened do not belong to it.
    sql.push(
      `(session_id = ? OR (target = ? AND kind IN (${marks(TARGET_KINDS.length)})
        AND id > (SELECT min(id) FROM events WHERE session_id = ? AND kind = 'session_opened')))`,
    );
    values.push(filter.session, filter.sessionTarget, ...TARGET_KINDS, filter.session);
  } else if (filter.session !== undefined) {
    sql.push('session_id = ?');
    values.push(filter.session);
  }
  if (filter.target !== undefined) {
    sql.push('target = ?');
    values.push(filter.target);
  }
  if (filter.operation !== undefined) {
    sql.push('operation_id = ?');
    values.push(filter.operation);
  }
  if (filter.kinds !== undefined) {
    sql.push(`kind IN (${marks(filter.kinds.length)})`);
    values.push(...filter.kinds);
  }
  return { sql, values };
}
