// The list of sessions over HTTP, and their names.
import { expect, onTestFinished, test } from 'vitest';
import { eventId, type TargetName, toolCallId } from '../../protocol/ids.ts';
import type { SessionsPage } from '../../protocol/sessions.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { checkAnswer } from '../../test/support/contract.ts';
import { testDoor } from '../../test/support/door.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'sessions-token-0123456789';
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

async function house() {
  const journal = openJournal(tempDir());
  const approvals = approvalsOn(journal);
  const sessions = testSessions(journal);
  const door = testDoor({ bearerToken: TOKEN }, { journal, dataDir: tempDir() });
  const small = { power: {} as Power, evidence: noEvidence };
  const app = await testApp({
    journal,
    door,
    conversation: { sessions, journal, approvals },
    targets: smallTargets({ devvm: small, 'db-1': small }),
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const call = async (method: string, url: string, body?: unknown, token = TOKEN) => {
    const answer = await fetch(`${base}${url}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await checkAnswer(method, url, answer);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const opened = async (prompt: string, target = 'devvm') => {
    const { body } = await call('POST', '/api/session', { target });
    const id = String(body['session_id']);
    await call('POST', `/api/session/${id}/prompt`, { prompt });
    return id;
  };
  const list = async (query = '', token?: string) =>
    (await call('GET', `/api/sessions${query}`, undefined, token)).body as unknown as SessionsPage;
  const name = (id: string, body: unknown, token?: string) =>
    call('PUT', `/api/session/${id}/title`, body, token);
  return { journal, sessions, approvals, call, opened, list, name };
}

test('the list shows who prompted what where, and is narrowed by target and words', async () => {
  const { call, opened, list } = await house();
  await call('POST', '/api/session', {});
  const disk = await opened('The disk is full');
  const swap = await opened('Why does it swap?', 'db-1');
  expect(await list()).toMatchObject({
    sessions: [
      { session_id: swap, target: 'db-1', title: 'Why does it swap?', people: ['operator'], waiting: false },
      { session_id: disk, target: 'devvm', title: 'The disk is full', named: false },
    ],
  });
  const ids = async (query: string) => (await list(query)).sessions.map(({ session_id }) => session_id);
  expect(await ids('?target=devvm')).toEqual([disk]);
  expect(await ids('?q=SWAP')).toEqual([swap]);
  expect(await ids('?q=swap&target=devvm')).toEqual([]);
  expect(await ids('?q=%20')).toEqual([swap, disk]);
  expect(await ids('?target=gone')).toEqual([]);
});

test('pages of fifty follow one another without a gap', async () => {
  const { journal, list } = await house();
  const actor = { type: 'operator', name: 'ann' } as const;
  const target = 'devvm' as TargetName;
  for (let count = 0; count < 101; count++) {
    const session_id = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` as never;
    await journal.append([
      { kind: 'session_opened', actor, target, session_id },
      { kind: 'user', text: `question ${count}`, actor, target, session_id },
    ]);
  }
  const [first, second] = [await list(), await list(`?before=${(await list()).next}`)];
  const third = await list(`?before=${second.next}`);
  expect([first, second, third].map(({ sessions }) => sessions.length)).toEqual([50, 50, 1]);
  expect('next' in third).toBe(false);
  const titles = [first, second, third].flatMap(({ sessions }) => sessions.map(({ title }) => title));
  expect(titles).toEqual(Array.from({ length: 101 }, (_, index) => `question ${100 - index}`));
});

test('a query that cannot be read is refused with what was expected', async () => {
  const { call } = await house();
  for (const [query, words] of [
    ['?before=x', /before: expected `next`/],
    ['?before=-1', /before/],
    ['?before=1e3', /before/],
    [`?before=${'9'.repeat(30)}`, /before/],
    [`?q=${'x'.repeat(201)}`, /q: expected .* at most 200/],
    ['?q=a&q=b', /q: expected/],
    ['?target=a&target=b', /target: expected/],
  ] as const) {
    const answer = await call('GET', `/api/sessions${query}`);
    expect([query, answer.status, answer.body['code']]).toEqual([query, 422, 'invalid-input']);
    expect(answer.body['detail']).toMatch(words);
  }
});

test('a session in which a question waits says so', async () => {
  const { approvals, opened, list } = await house();
  const id = (await opened('repair it')) as never;
  const stop = new AbortController();
  const verdict = approvals.ask({
    session: { id, target: 'devvm' as TargetName },
    toolCall: toolCallId('call-1'),
    asked: { account: 'repair', input: { host: 'devvm', command: 'reboot' } },
    said: '',
    hasObserver: true,
    refusedIn: () => false,
    record: async () => undefined,
    signal: stop.signal,
  });
  await expect.poll(async () => (await list()).sessions[0]?.waiting).toBe(true);
  stop.abort();
  await verdict;
  expect((await list()).sessions[0]?.waiting).toBe(false);
});

test('a name is for everybody, is recorded with who gave it, and is given again', async () => {
  const { journal, opened, list, name } = await house();
  const id = await opened('The disk is full');
  for (const title of ['Friday', 'Überlauf auf db-1 👩‍🚒 ❤️', 'نامه‌ای', '🙂'.repeat(120)]) {
    expect(await name(id, { title: `  ${title} ` })).toEqual({ status: 200, body: { title } });
    expect((await list()).sessions).toMatchObject([{ session_id: id, title, named: true }]);
  }
  const recorded = await journal.read({ kinds: ['session_renamed'] }, eventId(0), 10);
  expect(recorded).toHaveLength(4);
  expect(recorded[0]).toMatchObject({
    title: 'Friday',
    by: 'operator',
    actor: { type: 'operator', name: 'operator' },
    session_id: id,
    target: 'devvm',
  });
});

test('a name that is empty, too long, on two lines or with anything invisible is refused, and nothing is recorded', async () => {
  const { journal, opened, name } = await house();
  const id = await opened('x');
  for (const body of [
    {},
    [],
    'Friday',
    { title: '' },
    { title: '   ' },
    { title: 5 },
    { title: null },
    { title: ['a'] },
    { title: 'x'.repeat(121) },
    { title: '🙂'.repeat(121) },
    { title: 'a\nb' },
    { title: 'a\tb' },
    { title: 'a\u2028b' },
    { title: 'a\u0000' },
    { title: '\u001b[2Jx' },
    { title: 'gpj.\u202Eexe' },
    { title: 'a \u200B b' },
    { title: '\u200D' },
    { title: 'a\u200D' },
    { title: '\u2800' },
    { title: '\uD800' },
    { title: '\u{E0041}' },
    { title: 'x', more: 1 },
  ]) {
    const answer = await name(id, body);
    expect([body, answer.status, answer.body['code']]).toEqual([body, 422, 'invalid-input']);
    expect(answer.body['detail']).toMatch(/title/);
  }
  expect(await journal.read({ kinds: ['session_renamed'] }, eventId(0), 10)).toEqual([]);
});

test('a session that does not exist has no name, an observer reads the list and names nothing, and a deliverer of alerts does neither', async () => {
  const { call, opened, list, name } = await house();
  const id = await opened('The disk is full');
  for (const unknown of [UNKNOWN, 'x', `${id}x`])
    expect(await name(unknown, { title: 'x' })).toMatchObject({
      status: 404,
      body: { code: 'unknown-session' },
    });
  const tokenOf = async (role: string) =>
    String((await call('POST', '/api/tokens', { name: role, role })).body['secret']);
  const [observer, alerts] = [await tokenOf('observer'), await tokenOf('alerts')];
  expect((await list('', observer)).sessions).toHaveLength(1);
  for (const token of [observer, alerts])
    expect(await name(id, { title: 'x' }, token)).toMatchObject({
      status: 403,
      body: { code: 'not-allowed' },
    });
  expect((await call('GET', '/api/sessions', undefined, alerts)).status).toBe(403);
  expect((await list()).sessions).toMatchObject([{ named: false }]);
});
