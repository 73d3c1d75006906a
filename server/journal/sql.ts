// What the journal asks of its tables, as SQL. migrations.ts makes the tables, and filter.ts the conditions of a read. SQLite is only the
// journal's first home, so no other room knows SQL.

export const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 500;
`;

export const SQL = {
  lastId: 'SELECT coalesce(max(id), 0) AS id FROM events',
  insert:
    'INSERT INTO events (id, at, kind, session_id, turn_id, operation_id, target, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  targetOf: "SELECT target FROM events WHERE session_id = ? AND kind = 'session_opened' LIMIT 1",
  openTurns: `
    SELECT event FROM events AS e WHERE kind = 'user' AND turn_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM events WHERE turn_id = e.turn_id AND kind = 'turn_end') ORDER BY id`,
  openOperations: `
    SELECT event FROM events AS e WHERE kind = 'power_started'
    AND NOT EXISTS (SELECT 1 FROM events WHERE operation_id = e.operation_id AND kind = 'power_finished') ORDER BY id`,
  openQueued: `
    SELECT event FROM events AS e WHERE kind = 'queued'
    AND NOT EXISTS (
      SELECT 1 FROM events WHERE session_id = e.session_id AND kind = 'unqueued'
      AND json_extract(event, '$.queue_id') = json_extract(e.event, '$.queue_id')) ORDER BY id`,
  outboxBegin: 'INSERT INTO outbox (channel, sent_id, attempts) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
  outboxState: 'SELECT sent_id, sent_at, attempts, trouble FROM outbox WHERE channel = ?',
  outboxSent: 'UPDATE outbox SET sent_id = ?, sent_at = ?, attempts = 0, trouble = NULL WHERE channel = ?',
  outboxPassed: 'UPDATE outbox SET sent_id = ? WHERE channel = ?',
  outboxFailed: 'UPDATE outbox SET attempts = attempts + 1, trouble = ? WHERE channel = ?',
  sessions: `
    SELECT o.session_id AS session_id, o.target AS target, o.at AS opened_at, json_extract(o.event, '$.actor.name') AS opened_by,
      (SELECT at FROM events WHERE session_id = o.session_id ORDER BY id DESC LIMIT 1) AS last_at,
      (SELECT substr(json_extract(event, '$.text'), 1, 200) FROM events
        WHERE session_id = o.session_id AND kind = 'user' ORDER BY id LIMIT 1) AS title,
      (SELECT count(*) FROM events WHERE session_id = o.session_id AND kind = 'user') AS begun,
      (SELECT count(*) FROM events WHERE session_id = o.session_id AND kind = 'turn_end') AS ended
    FROM events AS o WHERE o.kind = 'session_opened' ORDER BY o.id DESC LIMIT ?`,
} as const;

/** A SELECT of `event` with the conditions given as SQL, rising by id. Parameters: those of the conditions, then after, limit. */
export const selectEvents = (conditions: readonly string[]): string =>
  `SELECT event FROM events WHERE ${[...conditions, 'id > ?'].join(' AND ')} ORDER BY id LIMIT ?`;

/** How many those are. Parameters: those of the conditions, then after. */
export const countEvents = (conditions: readonly string[]): string =>
  `SELECT count(*) AS count FROM events WHERE ${[...conditions, 'id > ?'].join(' AND ')}`;
