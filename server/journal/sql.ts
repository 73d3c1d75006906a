// What the journal asks of its tables, as SQL. migrations.ts makes the tables, and filter.ts the branches of a read. SQLite is only the
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
  open: 'SELECT event FROM events WHERE id IN (SELECT id FROM open_work WHERE kind = ?) ORDER BY id',
  outboxBegin: 'INSERT INTO outbox (channel, sent_id, attempts) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
  outboxState: 'SELECT sent_id, sent_at, attempts, trouble FROM outbox WHERE channel = ?',
  outboxSent: 'UPDATE outbox SET sent_id = ?, sent_at = ?, attempts = 0, trouble = NULL WHERE channel = ?',
  outboxPassed: 'UPDATE outbox SET sent_id = ? WHERE channel = ?',
  outboxFailed: 'UPDATE outbox SET attempts = attempts + 1, trouble = ? WHERE channel = ?',
  bytes:
    'SELECT (p.page_count - f.freelist_count) * s.page_size AS bytes FROM pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s',
  /** What began and may be over, oldest first. Parameters: after which id, limit. */
  begun: `
    SELECT id, at, 'session' AS type, session_id AS key FROM events WHERE kind = 'session_opened' AND id > ?1
    UNION ALL
    SELECT id, at, 'operation', operation_id FROM events
      WHERE kind = 'power_started' AND session_id IS NULL AND operation_id IS NOT NULL AND id > ?1
    ORDER BY id LIMIT ?2`,
} as const;

/** So many of the newest matches are looked at: a word that is in every prompt must not cost more in an old journal. */
export const MATCHES_LOOKED_AT = 2_000;
/** As many names as fit on a row. */
const PEOPLE = 5;

/** Parameters: the words where there are any, the cursor, the target where there is one, the limit. */
export const selectSessions = (by: { readonly words: boolean; readonly target: boolean }): string => `
  ${by.words ? `WITH found AS MATERIALIZED (${MATCHES})` : ''}
  SELECT session_id, target, opened_at, opened_by, active_id, active_at, coalesce(name, title) AS title, name IS NOT NULL AS named,
    (SELECT json_group_array(name) FROM (SELECT name FROM session_people WHERE session_id = s.session_id LIMIT ${PEOPLE})) AS people,
    EXISTS (SELECT 1 FROM open_work WHERE session_id = s.session_id AND kind = 'user') AS running
    ${by.words ? ', (SELECT count(*) FROM found) AS matches' : ''}
  FROM session_list AS s
  WHERE title IS NOT NULL AND active_id < ? ${by.target ? 'AND target = ?' : ''}
    ${by.words ? 'AND session_id IN (SELECT session_id FROM found)' : ''}
  ORDER BY active_id DESC LIMIT ?`;

const MATCHES = `SELECT session_id FROM session_words WHERE session_words MATCH ? ORDER BY rowid DESC LIMIT ${MATCHES_LOOKED_AT}`;
export const COUNT_MATCHES = `SELECT count(*) AS count FROM (${MATCHES})`;

/** What is asked of a session, or of an operation that belongs to none, before it is removed; and how that is done. */
const removal = (mine: string, column: string) => ({
  open: `SELECT EXISTS (SELECT 1 FROM open_work WHERE ${column} = ?) AS open`,
  ends: `SELECT
      (SELECT at FROM events WHERE ${mine} ORDER BY id LIMIT 1) AS first_at,
      (SELECT at FROM events WHERE ${mine} ORDER BY id DESC LIMIT 1) AS last_at,
      (SELECT max(id) FROM events WHERE ${mine}) AS last_id`,
  size: `SELECT count(*) AS events, sum(length(event)) AS bytes FROM events WHERE ${mine}`,
  evidence: `SELECT event FROM events WHERE ${mine} AND kind = 'evidence'`,
  // The last ones first: the event that began it stays as long as any of it is there, so that the rest is found again.
  remove: `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE ${mine} ORDER BY id DESC LIMIT ?2)`,
});

const LOOSE = `kind IN ('access', 'configured', 'finding', 'examined') AND session_id IS NULL AND operation_id IS NULL AND at < ?1 AND id <= ?2`;

export const LOOSE_SQL = {
  count: `SELECT count(*) AS events FROM events WHERE ${LOOSE}`,
  remove: `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE ${LOOSE} LIMIT ?3)`,
} as const;

export const REMOVAL = {
  session: removal('session_id = ?1', 'session_id'),
  operation: removal('operation_id = ?1', "kind = 'power_started' AND key"),
} as const;

/**
 * The events of all branches, rising by id. Each branch has an index that gives it in this order, and SQLite merges them: it reads as many
 * rows as are asked for, however many there are. Parameters: those of each branch, after each of them `after`; then the limit.
 */
export const selectEvents = (branches: readonly (readonly string[])[]): string =>
  `${union('id, event', branches)} ORDER BY id LIMIT ?`;

/** The same from the other end. */
export const selectNewest = (branches: readonly (readonly string[])[]): string =>
  `${union('id, event', branches)} ORDER BY id DESC LIMIT ?`;

/** How many those are. Parameters: as above, without the limit. */
export const countEvents = (branches: readonly (readonly string[])[]): string =>
  `SELECT count(*) AS count FROM (${union('id', branches)})`;

const union = (columns: string, branches: readonly (readonly string[])[]): string =>
  branches
    .map((conditions) => `SELECT ${columns} FROM events WHERE ${[...conditions, 'id > ?'].join(' AND ')}`)
    .join(' UNION ALL ');
