// The list of sessions, as people find one again, and the names that they give.
import { eventId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { SessionsPage, SessionTitle } from '../../protocol/sessions.ts';
import type { Journal } from '../journal/port.ts';

const PAGE = 50;

export interface SessionsWanted {
  readonly q: string | undefined;
  /** Of a target that is none any more, the sessions can still be read. */
  readonly target: string | undefined;
  readonly before: string | undefined;
}

/** `questions`: those that wait for an answer now. */
export async function listSessions(
  journal: Pick<Journal, 'sessions'>,
  { q, target, before }: SessionsWanted,
  questions: readonly { readonly session_id: SessionId }[],
): Promise<SessionsPage> {
  const { sessions, next, cut } = await journal.sessions({
    limit: PAGE,
    ...(q === undefined ? {} : { search: q }),
    ...(target === undefined ? {} : { target: target as TargetName }),
    ...(before === undefined ? {} : { before: eventId(Number(before)) }),
  });
  const waiting = new Set(questions.map(({ session_id }) => session_id));
  return {
    sessions: sessions.map((session) => ({ ...session, waiting: waiting.has(session.session_id) })),
    ...(next === undefined ? {} : { next }),
    ...(cut ? { cut } : {}),
  };
}

/** Resolves when it is on disk. */
export async function renameSession(
  journal: Pick<Journal, 'append'>,
  { id, target }: { readonly id: SessionId; readonly target: TargetName },
  title: string,
  by: Actor,
): Promise<SessionTitle> {
  await journal.append([{ kind: 'session_renamed', title, by: by.name, actor: by, target, session_id: id }]);
  return { title };
}
