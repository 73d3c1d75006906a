// What must be true of a journal, tried on a file that no server uses: before a restored one is believed.
import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { JournalEvent } from '../../protocol/events.ts';
import { SCHEMA_VERSION, versionOf } from './migrations.ts';

export interface Proof {
  /** Sentences. With any of them the journal must not be used. */
  readonly problems: readonly string[];
  readonly events: number;
  readonly head: number;
  /** Turns and operations that were under way, and prompts that waited. The next start of a server closes them. */
  readonly open: number;
  /** The bundles that its evidence events name. */
  readonly bundles: readonly { readonly target: string; readonly id: string }[];
}

/** As many as a person reads. */
const NAMED = 5;

const TWICE = `
  SELECT kind || ' ' || key AS what FROM (
    SELECT kind, turn_id AS key FROM events WHERE kind = 'turn_end' AND turn_id IS NOT NULL
    UNION ALL SELECT kind, turn_id FROM events WHERE kind = 'user' AND turn_id IS NOT NULL
    UNION ALL SELECT kind, operation_id FROM events WHERE kind IN ('power_started', 'power_finished') AND operation_id IS NOT NULL
    UNION ALL SELECT kind, session_id FROM events WHERE kind = 'session_opened'
  ) GROUP BY kind, key HAVING count(*) > 1 LIMIT ${NAMED}`;
const ENDED_BEFORE = `
  SELECT e.kind || ' ' || coalesce(e.turn_id, e.operation_id) AS what FROM events AS e
  WHERE (e.kind = 'turn_end' AND NOT EXISTS (SELECT 1 FROM events WHERE turn_id = e.turn_id AND id < e.id))
    OR (e.kind = 'power_finished' AND NOT EXISTS (
      SELECT 1 FROM events WHERE operation_id = e.operation_id AND kind = 'power_started' AND id < e.id))
  LIMIT ${NAMED}`;
const SENT_TOO_FAR =
  'SELECT channel AS what FROM outbox WHERE sent_id > (SELECT coalesce(max(id), 0) FROM events)';
const OPEN = `
  SELECT (SELECT count(*) FROM events AS e WHERE kind = 'user' AND turn_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE turn_id = e.turn_id AND kind = 'turn_end'))
    + (SELECT count(*) FROM events AS e WHERE kind = 'power_started'
      AND NOT EXISTS (SELECT 1 FROM events WHERE operation_id = e.operation_id AND kind = 'power_finished')) AS open`;

/** Reads the whole file. */
export function proveJournal(file: string): Proof {
  const nothing = { events: 0, head: 0, open: 0, bundles: [] };
  if (!existsSync(file)) return { ...nothing, problems: ['There is no journal.'] };
  const database = new DatabaseSync(file);
  const all = (sql: string): Record<string, SQLOutputValue>[] => database.prepare(sql).all();
  const whats = (sql: string): string[] => all(sql).map((row) => String(row['what']));
  try {
    const damage = all(`PRAGMA integrity_check(${NAMED})`).map((row) => String(row['integrity_check']));
    if (damage.some((line) => line !== 'ok'))
      return { ...nothing, problems: damage.map((line) => `The journal is damaged: ${line}.`) };
    const version = versionOf(database);
    if (version < 1 || version > SCHEMA_VERSION)
      return {
        ...nothing,
        problems: [
          `The journal has schema ${version}, and this program knows 1 to ${SCHEMA_VERSION}: use the program that wrote it.`,
        ],
      };
    const problems = [
      ...whats(TWICE).map((what) => `There are two of what is there once: ${what}.`),
      ...whats(ENDED_BEFORE).map((what) => `Something ended that never began: ${what}.`),
      ...(version < 2 ? [] : whats(SENT_TOO_FAR)).map((what) => `${what} sent more than there is.`),
    ];
    const read = readEvents(database);
    return {
      problems: [...problems, ...read.problems],
      events: read.events,
      head: read.head,
      open: Number(all(OPEN)[0]?.['open']),
      bundles: read.bundles,
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { ...nothing, problems: [`The journal cannot be read: ${words}.`] };
  } finally {
    database.close();
  }
}

function readEvents(database: DatabaseSync) {
  const problems: string[] = [];
  const bundles: { target: string; id: string }[] = [];
  let [events, head] = [0, 0];
  for (const row of database.prepare('SELECT * FROM events ORDER BY id').iterate()) {
    events += 1;
    head = Number(row['id']);
    const event = eventOf(row);
    if (event === undefined) {
      if (problems.length < NAMED) problems.push(`Event ${head} is not the event that its row says.`);
    } else if (event.kind === 'evidence' && event.target !== undefined) {
      bundles.push({ target: event.target, id: event.evidence_id });
    }
  }
  return { problems, bundles, events, head };
}

/** Undefined when the text is no event, or another one than the columns beside it say. */
function eventOf(row: Readonly<Record<string, SQLOutputValue>>): JournalEvent | undefined {
  try {
    const event = JSON.parse(String(row['event'])) as JournalEvent;
    const { id, at, kind, session_id, turn_id, operation_id, target } = event;
    const fields = { id, at, kind, session_id, turn_id, operation_id, target };
    const same = Object.entries(fields).every(([name, value]) => (value ?? null) === row[name]);
    return same ? event : undefined;
  } catch {
    return undefined;
  }
}
