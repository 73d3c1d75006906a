// The list of sessions and the search in it, from what the tables keep of each (migrations.ts).
import type { StatementSync } from 'node:sqlite';
import { eventId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import type { ListedSession, SessionsFound, SessionsRequest } from './port.ts';
import { COUNT_MATCHES, MATCHES_LOOKED_AT, selectSessions } from './sql.ts';

/** More words narrow nothing that matters, and each costs. */
const WORDS = 8;

export function findSessions(
  statement: (sql: string) => StatementSync,
  { limit, target, search, before }: SessionsRequest,
): SessionsFound {
  const words = search === undefined ? undefined : matchOf(search);
  // Something was searched for that no word can be found in, such as "?!".
  if (words === '') return { sessions: [], next: undefined, cut: false };
  const rows = statement(selectSessions({ words: words !== undefined, target: target !== undefined })).all(
    ...(words === undefined ? [] : [words]),
    before ?? Number.MAX_SAFE_INTEGER,
    ...(target === undefined ? [] : [target]),
    limit + 1,
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const matches = (): number =>
    Number(
      rows[0]?.['matches'] ?? (words === undefined ? 0 : statement(COUNT_MATCHES).get(words)?.['count']),
    );
  return {
    sessions: shown.map(sessionOf),
    next: rows.length > limit && last !== undefined ? eventId(Number(last['active_id'])) : undefined,
    cut: words !== undefined && matches() >= MATCHES_LOOKED_AT,
  };
}

/** In the words of FTS5: each as a phrase in quotes, so that nothing typed is an operator, and as the beginning of a word. */
const matchOf = (search: string): string =>
  search
    .replaceAll(/\p{C}/gu, ' ')
    .split(/\s+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, WORDS)
    .map((word) => `"${word.replaceAll('"', '""')}"*`)
    .join(' ');

const sessionOf = (row: Readonly<Record<string, unknown>>): ListedSession => ({
  session_id: String(row['session_id']) as SessionId,
  target: String(row['target']) as TargetName,
  opened_at: String(row['opened_at']),
  last_at: String(row['active_at']),
  opened_by: String(row['opened_by']),
  title: String(row['title']).replaceAll(/\s+/gu, ' ').trim(),
  named: Number(row['named']) === 1,
  people: JSON.parse(String(row['people'])) as string[],
  running: Number(row['running']) === 1,
});
