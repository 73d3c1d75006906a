// What happened around an event, as far as a notification needs it: read from the journal, so that it is the same after a restart.
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import type { Around } from './notification.ts';

export async function aroundOf(journal: Journal, event: JournalEvent): Promise<Around> {
  return { turn: event.kind === 'turn_end' ? await turnOf(journal, event) : undefined };
}

const PARTS_OF_A_TURN = [
  'user',
  'cancelled',
  'interrupted',
  'error',
] as const satisfies readonly JournaledKind[];

async function turnOf(journal: Journal, end: JournalEvent): Promise<Around['turn']> {
  const { session_id: session, turn_id } = end;
  if (session === undefined || turn_id === undefined) return undefined;
  let began: string | undefined;
  let how: NonNullable<Around['turn']>['how'] = 'done';
  for await (const event of readAll(journal, { session, kinds: PARTS_OF_A_TURN })) {
    if (event.turn_id !== turn_id) continue;
    if (event.kind === 'user') began ??= event.at;
    else if (event.kind === 'cancelled') how = 'stopped';
    else if (event.kind === 'interrupted') how = 'interrupted';
    else if (how === 'done') how = 'error';
  }
  return began === undefined ? undefined : { ms: Math.max(0, Date.parse(end.at) - Date.parse(began)), how };
}

/** What became of the question meanwhile; undefined: it still waits, or the event is no question. */
export async function answerTo(
  journal: Journal,
  event: JournalEvent,
): Promise<Extract<JournalEvent, { kind: 'approval_resolved' }> | undefined> {
  if (event.kind !== 'approval_requested' || event.session_id === undefined) return undefined;
  const filter = { session: event.session_id, kinds: ['approval_resolved'] } as const;
  for await (const later of readAll(journal, filter, event.id))
    if (later.kind === 'approval_resolved' && later.approval_id === event.approval_id) return later;
  return undefined;
}
