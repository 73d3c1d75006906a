// How the file of a journal goes from one version to the next, and back. All steps forward and their number are one transaction, and each
// step back: a server that is killed in the middle leaves the version before. docs/journal.md tells people how to go back.
import type { DatabaseSync } from 'node:sqlite';

export interface Migration {
  readonly version: number;
  readonly up: string;
  /** Undoes it. What only the newer version knew is lost; no event ever is. */
  readonly down: string;
}

const EVENTS = `
  CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    at           TEXT NOT NULL,
    kind         TEXT NOT NULL,
    session_id   TEXT,
    turn_id      TEXT,
    operation_id TEXT,
    target       TEXT,
    event        TEXT NOT NULL -- the wire event as JSON, exactly as clients see it
  ) STRICT;
  CREATE INDEX events_session ON events (session_id, id) WHERE session_id IS NOT NULL;
  CREATE INDEX events_operation ON events (operation_id, id) WHERE operation_id IS NOT NULL;
  CREATE INDEX events_turn ON events (turn_id, kind) WHERE turn_id IS NOT NULL;
  CREATE INDEX events_target ON events (target, kind, id) WHERE target IS NOT NULL;
  CREATE INDEX events_kind ON events (kind, id);
`;

// How far each channel (notifications, the audit log elsewhere) is in the log. What is sent is the log itself, in its order, so that
// nothing is kept twice and nothing can be lost in between.
const OUTBOX = `
  CREATE TABLE outbox (
    channel  TEXT PRIMARY KEY,
    sent_id  INTEGER NOT NULL, -- everything up to this event has arrived, or does not concern the channel
    sent_at  TEXT,             -- when the last one arrived
    attempts INTEGER NOT NULL, -- that failed since then
    trouble  TEXT              -- why the last one failed
  ) STRICT;
`;

// What is under way, so that a start asks for that and not through all that ever was. Kept by the tables themselves, in the transaction of
// each event: whoever writes one, this is true.
const OPEN_WORK = `
  CREATE TABLE open_work (
    id         INTEGER PRIMARY KEY, -- the event that opened it
    kind       TEXT NOT NULL,       -- of that event
    key        TEXT NOT NULL,       -- of the turn, the operation or the queued prompt
    session_id TEXT
  ) STRICT;
  CREATE INDEX open_work_key ON open_work (kind, key);
  CREATE INDEX open_work_session ON open_work (session_id);
  CREATE TRIGGER turn_begins AFTER INSERT ON events WHEN NEW.kind = 'user' AND NEW.turn_id IS NOT NULL BEGIN
    INSERT INTO open_work VALUES (NEW.id, 'user', NEW.turn_id, NEW.session_id);
  END;
  CREATE TRIGGER turn_ends AFTER INSERT ON events WHEN NEW.kind = 'turn_end' BEGIN
    DELETE FROM open_work WHERE kind = 'user' AND key = NEW.turn_id;
  END;
  CREATE TRIGGER operation_begins AFTER INSERT ON events WHEN NEW.kind = 'power_started' AND NEW.operation_id IS NOT NULL BEGIN
    INSERT INTO open_work VALUES (NEW.id, 'power_started', NEW.operation_id, NEW.session_id);
  END;
  CREATE TRIGGER operation_ends AFTER INSERT ON events WHEN NEW.kind = 'power_finished' BEGIN
    DELETE FROM open_work WHERE kind = 'power_started' AND key = NEW.operation_id;
  END;
  CREATE TRIGGER prompt_waits AFTER INSERT ON events WHEN NEW.kind = 'queued' BEGIN
    INSERT INTO open_work VALUES (NEW.id, 'queued', json_extract(NEW.event, '$.queue_id'), NEW.session_id);
  END;
  CREATE TRIGGER prompt_waits_no_more AFTER INSERT ON events WHEN NEW.kind = 'unqueued' BEGIN
    DELETE FROM open_work
    WHERE kind = 'queued' AND key = json_extract(NEW.event, '$.queue_id') AND session_id IS NEW.session_id;
  END;
  CREATE TRIGGER removed AFTER DELETE ON events BEGIN
    DELETE FROM open_work WHERE id = OLD.id;
  END;
  INSERT INTO open_work
    SELECT id, kind, turn_id, session_id FROM events AS e WHERE kind = 'user' AND turn_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE turn_id = e.turn_id AND kind = 'turn_end')
    UNION ALL
    SELECT id, kind, operation_id, session_id FROM events AS e WHERE kind = 'power_started' AND operation_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE operation_id = e.operation_id AND kind = 'power_finished')
    UNION ALL
    SELECT id, kind, json_extract(event, '$.queue_id'), session_id FROM events AS e WHERE kind = 'queued'
      AND NOT EXISTS (
        SELECT 1 FROM events WHERE session_id = e.session_id AND kind = 'unqueued'
        AND json_extract(event, '$.queue_id') = json_extract(e.event, '$.queue_id'));
`;
const OPEN_WORK_NAMES = [
  'turn_begins',
  'turn_ends',
  'operation_begins',
  'operation_ends',
  'prompt_waits',
  'prompt_waits_no_more',
  'removed',
];

/** What counts as the last activity of a session: people, monitors and the ends of turns. What a turn does on its way would be written too often. */
const ACTIVITY =
  "'user', 'queued', 'turn_end', 'approval_requested', 'approval_resolved', 'incident_opened', 'incident_alert', 'incident_verdict', 'incident_closed'";
/** What is searched. */
const WORDED = "'user', 'incident_opened', 'session_renamed'";
const textOf = (row: string): string =>
  `coalesce(json_extract(${row}.event, '$.text'), json_extract(${row}.event, '$.title'))`;

// What the list of sessions shows and what is searched, so that neither reads through all that ever was. Kept as open_work is. A session is
// on the list from its first prompt or from its incident, whichever title it has then. `session_words` has a row for each prompt, incident
// and name, with the number of its event; prefixes are indexed because people search while they type.
const SESSION_LIST = `
  CREATE TABLE session_list (
    session_id TEXT PRIMARY KEY,
    target     TEXT NOT NULL,
    opened_at  TEXT NOT NULL,
    opened_by  TEXT NOT NULL,
    active_id  INTEGER NOT NULL, -- the event that was its last activity
    active_at  TEXT NOT NULL,
    title      TEXT,             -- of its incident, or its first prompt; none before that
    name       TEXT              -- that a person gave it
  ) STRICT;
  CREATE INDEX session_list_active ON session_list (active_id) WHERE title IS NOT NULL;
  CREATE INDEX session_list_target ON session_list (target, active_id) WHERE title IS NOT NULL;
  CREATE TABLE session_people (
    session_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    PRIMARY KEY (session_id, name)
  ) STRICT, WITHOUT ROWID;
  CREATE VIRTUAL TABLE session_words USING fts5(
    text, session_id UNINDEXED, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
  );
  CREATE TRIGGER session_opens AFTER INSERT ON events WHEN NEW.kind = 'session_opened' AND NEW.session_id IS NOT NULL BEGIN
    INSERT INTO session_list VALUES (
      NEW.session_id, coalesce(NEW.target, ''), NEW.at, coalesce(json_extract(NEW.event, '$.actor.name'), ''),
      NEW.id, NEW.at, NULL, NULL
    ) ON CONFLICT DO NOTHING;
  END;
  CREATE TRIGGER session_acts AFTER INSERT ON events
  WHEN NEW.session_id IS NOT NULL AND NEW.kind IN (${ACTIVITY}) BEGIN
    UPDATE session_list SET active_id = NEW.id, active_at = NEW.at WHERE session_id = NEW.session_id;
  END;
  CREATE TRIGGER session_titled AFTER INSERT ON events
  WHEN NEW.session_id IS NOT NULL AND NEW.kind IN ('user', 'incident_opened') BEGIN
    UPDATE session_list SET title = substr(${textOf('NEW')}, 1, 200) WHERE session_id = NEW.session_id AND title IS NULL;
  END;
  CREATE TRIGGER session_named AFTER INSERT ON events WHEN NEW.kind = 'session_renamed' BEGIN
    UPDATE session_list SET name = json_extract(NEW.event, '$.title') WHERE session_id = NEW.session_id;
  END;
  CREATE TRIGGER session_asked AFTER INSERT ON events
  WHEN NEW.session_id IS NOT NULL AND NEW.kind = 'user' AND json_extract(NEW.event, '$.actor.type') = 'operator' BEGIN
    INSERT INTO session_people VALUES (NEW.session_id, coalesce(json_extract(NEW.event, '$.actor.name'), '')) ON CONFLICT DO NOTHING;
  END;
  CREATE TRIGGER session_worded AFTER INSERT ON events WHEN NEW.session_id IS NOT NULL AND NEW.kind IN (${WORDED}) BEGIN
    INSERT INTO session_words (rowid, text, session_id) VALUES (NEW.id, substr(${textOf('NEW')}, 1, 4000), NEW.session_id);
  END;
  CREATE TRIGGER session_words_removed AFTER DELETE ON events
  WHEN OLD.session_id IS NOT NULL AND OLD.kind IN (${WORDED}) BEGIN
    DELETE FROM session_words WHERE rowid = OLD.id;
  END;
  CREATE TRIGGER session_removed AFTER DELETE ON events WHEN OLD.kind = 'session_opened' BEGIN
    DELETE FROM session_people WHERE session_id = OLD.session_id;
    DELETE FROM session_list WHERE session_id = OLD.session_id;
  END;
  INSERT INTO session_list
    SELECT session_id, coalesce(target, ''), at, coalesce(json_extract(event, '$.actor.name'), ''),
      (SELECT id FROM events WHERE session_id = o.session_id AND kind IN ('session_opened', ${ACTIVITY}) ORDER BY id DESC LIMIT 1),
      (SELECT at FROM events WHERE session_id = o.session_id AND kind IN ('session_opened', ${ACTIVITY}) ORDER BY id DESC LIMIT 1),
      (SELECT substr(${textOf('e')}, 1, 200) FROM events AS e
        WHERE session_id = o.session_id AND kind IN ('user', 'incident_opened') AND json_valid(event) ORDER BY id LIMIT 1),
      NULL
    FROM events AS o WHERE kind = 'session_opened' AND session_id IS NOT NULL AND json_valid(event) ORDER BY id ON CONFLICT DO NOTHING;
  INSERT INTO session_people
    SELECT DISTINCT session_id, coalesce(json_extract(event, '$.actor.name'), '') FROM events
    WHERE kind = 'user' AND session_id IS NOT NULL
    AND CASE WHEN json_valid(event) THEN json_extract(event, '$.actor.type') END = 'operator';
  INSERT INTO session_words (rowid, text, session_id)
    SELECT id, substr(${textOf('events')}, 1, 4000), session_id FROM events WHERE kind IN (${WORDED}) AND session_id IS NOT NULL AND json_valid(event);
`;
const SESSION_LIST_TRIGGERS = [
  'session_opens',
  'session_acts',
  'session_titled',
  'session_named',
  'session_asked',
  'session_worded',
  'session_words_removed',
  'session_removed',
];

const dropTriggers = (names: readonly string[]): string =>
  names.map((name) => `DROP TRIGGER ${name};`).join(' ');

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, up: EVENTS, down: 'DROP TABLE events;' },
  { version: 2, up: OUTBOX, down: 'DROP TABLE outbox;' },
  {
    version: 3,
    up: OPEN_WORK,
    down: `${dropTriggers(OPEN_WORK_NAMES)} DROP TABLE open_work;`,
  },
  {
    version: 4,
    up: SESSION_LIST,
    down: `${dropTriggers(SESSION_LIST_TRIGGERS)} DROP TABLE session_words; DROP TABLE session_people; DROP TABLE session_list;`,
  },
];

/** Our version. A file with a higher one was written by a newer program, and we do not touch it. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0;

export const versionOf = (database: DatabaseSync): number =>
  Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);

/** Takes the file from its version (0 when it is empty) to ours. */
export function migrate(database: DatabaseSync, migrations: readonly Migration[] = MIGRATIONS): void {
  const from = versionOf(database);
  const missing = migrations.filter(({ version }) => version > from);
  const last = missing.at(-1);
  if (last === undefined) return;
  const steps = missing.map(({ up }) => up).join('\n');
  inOneTransaction(database, `${steps} PRAGMA user_version = ${last.version};`);
}

/** Takes it back to an older version, for the program of that version. Throws an error with a sentence when there is no way. */
export function migrateBack(
  database: DatabaseSync,
  to: number,
  migrations: readonly Migration[] = MIGRATIONS,
): void {
  const from = versionOf(database);
  const newest = migrations.at(-1)?.version ?? 0;
  if (from > newest)
    throw new Error(
      `The journal has version ${from}, and this program knows only up to ${newest}: go back with the program that wrote it.`,
    );
  if (!Number.isSafeInteger(to) || to < 1 || to > from)
    throw new Error(`The journal has version ${from}: expected a version from 1 to ${from}.`);
  for (const { version, down } of migrations.toReversed())
    if (version > to && version <= from)
      inOneTransaction(database, `${down} PRAGMA user_version = ${version - 1};`);
}

function inOneTransaction(database: DatabaseSync, sql: string): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(`${sql} COMMIT;`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
