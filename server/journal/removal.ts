// What may leave the journal because it is over and old, and how it leaves. Nothing else ever removes an event.
import type { StatementSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type { JournalEvent } from '../../protocol/events.ts';
import type { OperationId, SessionId } from '../../protocol/ids.ts';
import type { Removable, RemovableRequest } from './port.ts';
import { LOOSE_SQL, REMOVAL, SQL } from './sql.ts';

/** Beginnings looked at, and events removed, at a time: the journal has one thread, and it is the console's. */
const LOOKED_AT = 200;
const REMOVED_AT_A_TIME = 500;

type Statement = (sql: string) => StatementSync;

export async function findRemovable(
  statement: Statement,
  { before, upTo, limit }: RemovableRequest,
): Promise<readonly Removable[]> {
  const found: Removable[] = [];
  for (let after = 0; ; await turn()) {
    const begun = statement(SQL.begun).all(after, LOOKED_AT);
    for (const row of begun) {
      after = Number(row['id']);
      // What began later is younger still.
      if (after > upTo || String(row['at']) >= before || found.length >= limit) return found;
      const old = removableOf(
        statement,
        row['type'] === 'session' ? 'session' : 'operation',
        String(row['key']),
        {
          before,
          upTo,
        },
      );
      if (old !== undefined) found.push(old);
    }
    if (begun.length < LOOKED_AT) return found;
  }
}

function removableOf(
  statement: Statement,
  type: Removable['of']['type'],
  key: string,
  { before, upTo }: Pick<RemovableRequest, 'before' | 'upTo'>,
): Removable | undefined {
  const sql = REMOVAL[type];
  const ends = statement(sql.ends).get(key);
  const [from, to] = [String(ends?.['first_at']), String(ends?.['last_at'])];
  if (to >= before || from >= before || Number(ends?.['last_id']) > upTo) return undefined;
  if (Number(statement(sql.open).get(key)?.['open']) === 1) return undefined;
  const size = statement(sql.size).get(key);
  return {
    of: type === 'session' ? { type, id: key as SessionId } : { type, id: key as OperationId },
    from,
    to,
    events: Number(size?.['events']),
    bytes: Number(size?.['bytes']),
    evidence: statement(sql.evidence)
      .all(key)
      .flatMap((row) => {
        const event = JSON.parse(String(row['event'])) as JournalEvent;
        return event.kind === 'evidence' && event.target !== undefined
          ? [{ target: event.target, id: event.evidence_id }]
          : [];
      }),
  };
}

export const removeSliced = (statement: Statement, { of }: Removable): Promise<void> =>
  sliced(() => statement(REMOVAL[of.type].remove).run(of.id, REMOVED_AT_A_TIME).changes);

type LooseRequest = Omit<RemovableRequest, 'limit'>;

export const countLoose = (statement: Statement, { before, upTo }: LooseRequest): number =>
  Number(statement(LOOSE_SQL.count).get(before, upTo)?.['events']);

export const removeLoose = (statement: Statement, { before, upTo }: LooseRequest): Promise<void> =>
  sliced(() => statement(LOOSE_SQL.remove).run(before, upTo, REMOVED_AT_A_TIME).changes);

async function sliced(remove: () => number | bigint): Promise<void> {
  while (Number(remove()) >= REMOVED_AT_A_TIME) await turn();
}
