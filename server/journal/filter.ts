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

/** A part of a filter for which there is an index that gives its events rising by id. No event is in two parts. */
export interface Branch {
  readonly sql: readonly string[];
  readonly values: readonly string[];
}

const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ');

export function branchesOf(filter: JournalFilter): readonly Branch[] {
  const { session, sessionTarget, target, operation, kinds } = filter;
  const rest: Branch[] = [];
  if (operation !== undefined) rest.push({ sql: ['operation_id = ?'], values: [operation] });
  if (session !== undefined || operation !== undefined) {
    if (target !== undefined) rest.push({ sql: ['target = ?'], values: [target] });
    if (kinds !== undefined) rest.push({ sql: [`kind IN (${marks(kinds.length)})`], values: kinds });
  }
  if (session !== undefined) {
    const own = { sql: ['session_id = ?'], values: [session] };
    const shared =
      sessionTarget === undefined ? [] : TARGET_KINDS.map((kind) => of(kind, session, sessionTarget));
    return [own, ...shared].map((branch) => both([branch, ...rest]));
  }
  if (operation !== undefined) return [both(rest)];
  const here: Branch[] = target === undefined ? [] : [{ sql: ['target = ?'], values: [target] }];
  if (kinds === undefined) return [both(here)];
  return [...new Set(kinds)].map((kind) => both([...here, { sql: ['kind = ?'], values: [kind] }]));
}

/** Power events of the target that belong to no session or another one. From before the session was opened they do not belong to it. */
const of = (kind: JournaledKind, session: string, target: string): Branch => ({
  sql: [
    'target = ?',
    'kind = ?',
    'session_id IS NOT ?',
    "id > (SELECT min(id) FROM events WHERE session_id = ? AND kind = 'session_opened')",
  ],
  values: [target, kind, session, session],
});

const both = (branches: readonly Branch[]): Branch => ({
  sql: branches.flatMap(({ sql }) => sql),
  values: branches.flatMap(({ values }) => values),
});
