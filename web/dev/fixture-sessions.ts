// The list of sessions that the fixture server has, and their names.
import { randomUUID } from 'node:crypto';
import type { FixtureSession, Json } from './fixture-session.ts';
import type { World } from './fixture-world.ts';

const PAGE = 50;
const VISIBLE = /^[^\p{C}]{1,120}$/u;

const textOf = (session: FixtureSession, kind: string): string | undefined => {
  const event = session.events.find((each) => each['kind'] === kind);
  const text = event?.['text'] ?? event?.['title'];
  return typeof text === 'string' ? text : undefined;
};

const summary = (world: World, session: FixtureSession): Json => ({
  session_id: session.id,
  target: session.target,
  opened_at: session.events[0]?.['at'],
  last_at: session.events.at(-1)?.['at'],
  opened_by: 'fixture',
  title: session.name ?? textOf(session, 'user') ?? textOf(session, 'incident_opened'),
  named: session.name !== undefined,
  people: textOf(session, 'user') === undefined ? [] : ['operator'],
  running: session.running !== null,
  waiting: world.approvals.waiting().some(({ session_id }) => session_id === session.id),
});

const lastOf = (session: FixtureSession): number => session.events.at(-1)?.id ?? 0;

export const listSessions = (world: World, params: URLSearchParams): Json => {
  const [q, target, before] = [params.get('q'), params.get('target'), params.get('before')];
  const found = [...world.sessions.values()]
    .filter((each) => textOf(each, 'user') !== undefined || textOf(each, 'incident_opened') !== undefined)
    .filter((each) => target === null || each.target === target)
    .filter((each) => {
      const words = `${each.name ?? ''} ${each.events.map((event) => (event['kind'] === 'user' ? event['text'] : '')).join(' ')}`;
      return q === null || words.toLowerCase().includes(q.toLowerCase());
    })
    .filter((each) => before === null || lastOf(each) < Number(before))
    .toSorted((a, b) => lastOf(b) - lastOf(a));
  const page = found.slice(0, PAGE);
  const last = page.at(-1);
  return {
    sessions: page.map((each) => summary(world, each)),
    ...(found.length > PAGE && last !== undefined ? { next: lastOf(last) } : {}),
  };
};

/** @returns status and body */
export const renameSession = (session: FixtureSession, { title }: Json): [number, Json] => {
  const name = String(title).trim();
  if (!VISIBLE.test(name))
    return [422, { status: 422, detail: 'title: expected 1 to 120 visible characters on one line' }];
  session.name = name;
  return [200, { title: name }];
};

/** Sessions that others had: `question 1` is the oldest. */
export const fillSessions = (world: World, count: number, target: string): void => {
  for (let number = 1; number <= count; number++) {
    const session = world.sessions.get(world.openSession(target));
    if (session === undefined) throw new Error('It was opened just now.');
    world.emit(session, { kind: 'user', text: `question ${number}`, turn_id: randomUUID() });
    world.emit(session, { kind: 'turn_end' });
  }
};
