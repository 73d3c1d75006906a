// Share links over HTTP: a guest sees one session and its target, nothing else, and is out at once when the link ends.
import { expect, onTestFinished, test } from 'vitest';
import type { TargetState, TargetsAnswer } from '../../protocol/me.ts';
import { ROUTES } from '../../protocol/routes.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { checkAnswer } from '../../test/support/contract.ts';
import { testDoor } from '../../test/support/door.ts';
import { echo, scriptedAgent } from '../../test/support/scripted-agent.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { eventsUntil, frames } from '../../test/support/sse-reader.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { within } from '../../test/support/wait-for.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'test-token-0123456789abcdef';
const auth = { authorization: `Bearer ${TOKEN}` };
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

async function house() {
  const journal = openJournal(tempDir());
  const agent = scriptedAgent(echo);
  const sessions = testSessions(journal, agent);
  const power = {
    checkFree: () => undefined,
    start: () => Promise.reject(new Error('a verb was started')),
    get: async () => undefined,
    running: () => undefined,
  } as unknown as Power;
  const targets = smallTargets({
    devvm: { power, evidence: noEvidence, state: FOR_MEMBERS },
    other: { power, evidence: noEvidence },
  });
  const clock = { aheadMs: 0 };
  const door = testDoor(
    { bearerToken: TOKEN },
    { journal, dataDir: tempDir(), now: () => Date.now() + clock.aheadMs },
  );
  const app = await testApp({
    journal,
    door,
    conversation: { sessions, journal, approvals: approvalsOn(journal) },
    targets,
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const ask = async (
    method: string,
    url: string,
    headers: Record<string, string> = auth,
    body?: unknown,
  ): Promise<Response> => {
    const answer = await fetch(`${base}${url}`, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (url !== '/api/me' || !answer.ok) await checkAnswer(method, url, answer);
    return answer;
  };
  const open = async (target = 'devvm'): Promise<string> =>
    ((await (await ask('POST', '/api/session', auth, { target })).json()) as { session_id: string })
      .session_id;
  const share = async (session: string, headers = auth) => {
    const answer = await ask('POST', `/api/session/${session}/share`, headers, {});
    expect(answer.status).toBe(201);
    const { id, url } = (await answer.json()) as { id: string; url: string };
    return { id, url, code: url.slice(url.lastIndexOf('/') + 1) };
  };
  const redeem = (code: string) => ask('POST', '/api/login', {}, { code });
  const enter = async (code: string) => {
    const answer = await redeem(code);
    expect(answer.status).toBe(204);
    return { cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
  };
  const watch = (session: string, headers: Record<string, string>) =>
    ask('GET', `/api/session/${session}/stream`, headers);
  const recorded = async () => {
    const events = await journal.read({ kinds: ['access'] }, 0 as never, 10_000);
    return events.flatMap((event) => (event.kind === 'access' ? [event] : []));
  };
  return { base, clock, agent, ask, open, share, redeem, enter, watch, recorded };
}

/** What the state of a target has for those who are signed in. */
const FOR_MEMBERS = {
  verbs: {
    cycle: { applies: true },
    reset: { applies: true },
    start: { applies: false, why: 'The VM runs already: start would change nothing.' },
    stop: { applies: true },
  },
  finding: {
    report: {
      target: 'devvm',
      at: '2026-01-31T02:00:00.000Z',
      cautions: [],
      finding: {
        code: 'healthy',
        summary: 'Nothing is wrong.',
        confidence: 0.9,
        advised: null,
        warned: [],
        advice: 'Nothing.',
        inputs: [],
      },
    },
    at: '2026-01-31T02:00:00.000Z',
    past: 'It is older than 15 minutes.',
  },
  recent: { operations: [] },
} as const satisfies Partial<TargetState>;

/** Resolves when the server has ended it. */
const ended = (answer: Response): Promise<void> =>
  within(
    'the end of the stream',
    (async () => {
      try {
        for await (const _ of frames(answer));
      } catch {
        // Cut is ended, too.
      }
    })(),
  );

test('a link is opened on two machines, shows what happens, and its code is in no path, no query and no list', async () => {
  const { base, ask, open, share, enter, watch, recorded } = await house();
  const session = await open();
  const { id, url, code } = await share(session);
  expect(url).toBe(`${base}/sign-in#/s/${session}/share/${code}`);
  const [first, second] = [await enter(code), await enter(code)];
  expect(first.cookie).not.toBe(second.cookie);
  const me = await ask('GET', '/api/me', first);
  expect(await me.json()).toMatchObject({ role: 'guest', how: 'share' });
  await ask('POST', `/api/session/${session}/prompt`, auth, { prompt: 'hello' });
  for (const guest of [first, second]) {
    const seen = await eventsUntil(await watch(session, guest), 'turn_end');
    expect(seen.map(({ kind }) => kind)).toContain('text');
  }
  const list = await ask('GET', `/api/session/${session}/share`);
  const text = await list.text();
  expect(JSON.parse(text)).toMatchObject({ shares: [{ id, made_by: 'operator', guests: [{}, {}] }] });
  expect(text).not.toContain(code);
  expect((await recorded()).map(({ what, actor }) => [what, actor.name, actor.via])).toEqual([
    ['signed_in', 'operator', 'token'],
    ['share_made', 'operator', 'token'],
    ['signed_in', 'guest of operator', 'share'],
    ['signed_in', 'guest of operator', 'share'],
  ]);
  expect(JSON.stringify(await recorded())).not.toContain(code);
});

test('a member sees who is there, also a guest by their stream; of all that a guest sees the readings only', async () => {
  const { ask, open, share, enter, watch } = await house();
  const session = await open();
  const guest = await enter((await share(session)).code);
  const watching = await watch(session, guest);
  const state = (await (await ask('GET', '/api/targets/devvm')).json()) as TargetState;
  expect(state).toMatchObject(FOR_MEMBERS);
  expect(state.here?.map(({ name }) => name)).toEqual(['guest of operator', 'operator']);
  expect(JSON.stringify(state.here)).not.toContain('127.0.0.1');
  const seen = (await (await ask('GET', '/api/targets/devvm', guest)).json()) as TargetState;
  expect(Object.keys(seen).toSorted()).toEqual(
    ['guest_agent', 'name', 'operation', 'qmp', 'ssh', 'vm', 'warnings'].toSorted(),
  );
  const { targets } = (await (await ask('GET', '/api/targets')).json()) as TargetsAnswer;
  expect(targets[0]).toMatchObject({ verbs: FOR_MEMBERS.verbs });
  for (const field of ['finding', 'recent', 'here']) expect(targets[0]).not.toHaveProperty(field);
  await watching.body?.cancel();
});

/** All that a guest may, of what needs an identity. */
const FOR_GUESTS: readonly string[] = [
  'GET /api/me',
  'GET /api/session/{id}/stream',
  'GET /api/targets/{target}',
  'POST /api/logout',
];

test('of all routes of the contract a guest has four, and every other is refused before its body is read', async () => {
  const { ask, open, share, enter, recorded } = await house();
  const session = await open();
  const { id, code } = await share(session);
  const guest = await enter(code);
  const behind = Object.entries(ROUTES).filter(([, route]) => !('open' in route));
  expect(behind.length).toBeGreaterThan(30);
  for (const [name] of behind) {
    const [method = '', path = ''] = name.split(' ');
    const url = path
      .replace('{id}', session)
      .replace('{share}', id)
      .replace(/\{(approval|grant)\}/, UNKNOWN)
      .replace('{target}', 'devvm')
      .replace('{verb}', 'status');
    if (FOR_GUESTS.includes(name)) continue;
    const answers = [await ask(method, url, guest)];
    if (method !== 'GET') answers.push(await ask(method, url, guest, { prompt: 'x', minutes: 5 }));
    for (const answer of answers)
      expect([name, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        name,
        403,
        'not-allowed',
      ]);
  }
  for (const [method, url] of [
    ['GET', '/api/nothing'],
    ['POST', '/api/pve/anything/else'],
    ['HEAD', '/api/sessions'],
    ['OPTIONS', '/api/sessions'],
  ] as const)
    expect([url, (await ask(method, url, guest)).status]).toEqual([url, 403]);
  for (const name of FOR_GUESTS) {
    const [method = '', path = ''] = name.split(' ');
    const url = path.replace('{id}', session).replace('{target}', 'devvm');
    const answer = await ask(method, url, guest);
    expect([name, answer.ok]).toEqual([name, true]);
    await answer.body?.cancel();
  }
  // They logged out: the cookie is over, the share is not.
  expect((await ask('GET', '/api/me', guest)).status).toBe(401);
  expect((await ask('GET', '/api/me', await enter(code))).status).toBe(200);
  expect((await recorded()).filter(({ what }) => what === 'signed_out')).toHaveLength(1);
});

test('another session or target answers a guest the same whether it exists or not', async () => {
  const { ask, open, share, enter } = await house();
  const session = await open();
  const others = [await open(), await open('other'), UNKNOWN, 'x', `${session}x`];
  const guest = await enter((await share(session)).code);
  const answers = await Promise.all([
    ...others.map((other) => ask('GET', `/api/session/${other}/stream`, guest)),
    ...others.map((other) => ask('GET', `/api/session/${other}/share`, guest)),
    ...['other', 'nothing', 'DEVVM', 'devvm%20'].map((name) => ask('GET', `/api/targets/${name}`, guest)),
  ]);
  const bodies = new Set(await Promise.all(answers.map((answer) => answer.text())));
  expect([...new Set(answers.map(({ status }) => status))]).toEqual([403]);
  expect([...bodies]).toHaveLength(1);
  // However the URL of their own is spelled, it is theirs.
  const own = await ask('GET', `/api/session/${session.toUpperCase()}/stream`, guest);
  expect(own.status).toBe(200);
  await own.body?.cancel();
});

test('nothing of the emergency page is for a guest', async () => {
  const { base, open, share, enter } = await house();
  const guest = await enter((await share(await open())).code);
  for (const [method, url] of [
    ['GET', '/emergency'],
    ['GET', '/emergency/targets'],
    ['GET', '/emergency/t/devvm'],
    ['POST', '/emergency/power/status'],
    ['POST', '/emergency/t/devvm/power/cycle'],
  ] as const) {
    const answer = await fetch(`${base}${url}`, {
      method,
      headers: { ...guest, 'content-type': 'application/x-www-form-urlencoded' },
      ...(method === 'POST' ? { body: 'form=x' } : {}),
    });
    expect([url, answer.status]).toEqual([url, 403]);
    const page = await answer.text();
    expect(page).toContain('only watches one session');
    expect(page).not.toContain('running');
  }
});

test('ending a share cuts its guests off at once, their open streams too, and nobody else', async () => {
  const { ask, open, share, enter, watch, recorded } = await house();
  const session = await open();
  const [one, two] = [await share(session), await share(session)];
  const guests = [await enter(one.code), await enter(one.code)];
  const stays = await enter(two.code);
  const streams = await Promise.all(guests.map((guest) => watch(session, guest)));
  const staying = await watch(session, stays);
  const owners = await watch(session, auth);
  const url = `/api/session/${session}/share/${one.id}`;
  // Not by another session.
  expect((await ask('DELETE', `/api/session/${await open()}/share/${one.id}`)).status).toBe(404);
  expect((await ask('DELETE', url)).status).toBe(204);
  for (const guest of guests) {
    const answer = await ask('GET', '/api/me', guest);
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'share-over' }]);
    expect((await watch(session, guest)).status).toBe(401);
  }
  await Promise.all(streams.map(ended));
  expect((await ask('DELETE', url)).status).toBe(404);
  const again = await ask('POST', '/api/login', {}, { code: one.code });
  expect(again.status).toBe(401);
  await ask('POST', `/api/session/${session}/prompt`, auth, { prompt: 'still here' });
  for (const stream of [staying, owners])
    expect((await eventsUntil(stream, 'turn_end')).map(({ kind }) => kind)).toContain('text');
  expect((await recorded()).filter(({ what }) => what === 'share_ended')).toMatchObject([
    { actor: { name: 'operator' }, detail: expect.stringContaining('had opened it: 2') },
  ]);
});

test('a share ends by itself, with the streams of its guests, and that is recorded', async () => {
  const { clock, ask, open, share, enter, watch, recorded } = await house();
  const session = await open();
  const { code } = await share(session);
  const guest = await enter(code);
  const stream = await watch(session, guest);
  expect(stream.status).toBe(200);
  clock.aheadMs = 3_600_000;
  await ended(stream);
  const me = await ask('GET', '/api/me', guest);
  expect(await me.json()).toMatchObject({ code: 'share-over' });
  expect((await recorded()).at(-1)).toMatchObject({
    what: 'share_ended',
    detail: expect.stringContaining('by itself'),
  });
});

test('revoking a token cuts off what came in by it: its own streams, its devices, and the guests of its shares', async () => {
  const { ask, open, share, enter, watch } = await house();
  const session = await open();
  const made = await ask('POST', '/api/tokens', auth, { name: 'ann', role: 'operator' });
  const { id, secret } = (await made.json()) as { id: string; secret: string };
  const bearer = { authorization: `Bearer ${secret}` };
  const signedIn = await ask('POST', '/api/login', {}, { token: secret });
  const device = { cookie: (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
  const { code } = await share(session, bearer);
  const comers = [bearer, device, await enter(code)];
  const streams = await Promise.all(comers.map((comer) => watch(session, comer)));
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await ask('DELETE', `/api/tokens/${id}`)).status).toBe(204);
  await Promise.all(streams.map(ended));
  for (const comer of comers) expect((await ask('GET', '/api/me', comer)).status).toBe(401);
  expect((await ask('POST', '/api/login', {}, { code })).status).toBe(401);
});

test('guests have a bounded part of the streams, and the operator always has room', async () => {
  const { open, share, enter, watch } = await house();
  const session = await open();
  const codes = [await share(session), await share(session), await share(session)];
  const guests = await Promise.all(codes.map(({ code }) => enter(code)));
  const [first = auth, second = auth, third = auth] = guests;
  const streams: Response[] = [];
  for (const guest of [first, second]) for (let i = 0; i < 32; i++) streams.push(await watch(session, guest));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await watch(session, first)).status).toBe(429);
  expect((await watch(session, third)).status).toBe(429);
  const owners = await watch(session, auth);
  expect(owners.status).toBe(200);
  for (const stream of [...streams, owners]) await stream.body?.cancel();
});

test('a guest who watches starts no process of the agent', async () => {
  const { agent, open, share, enter, watch } = await house();
  const session = await open();
  const guest = await enter((await share(session)).code);
  const stream = await watch(session, guest);
  await eventsUntil(stream, 'caught-up');
  expect(agent.opened).toEqual([]);
  await eventsUntil(await watch(session, auth), 'caught-up');
  expect(agent.opened).toEqual([session]);
});

test('only an operator makes and ends a share; an observer sees the list', async () => {
  const { ask, open, share } = await house();
  const session = await open();
  const { id } = await share(session);
  const path = `/api/session/${session}/share`;
  for (const role of ['observer', 'alerts']) {
    const made = await ask('POST', '/api/tokens', auth, { name: role, role });
    const { secret } = (await made.json()) as { secret: string };
    const bearer = { authorization: `Bearer ${secret}` };
    expect((await ask('POST', path, bearer, {})).status).toBe(403);
    expect((await ask('DELETE', `${path}/${id}`, bearer)).status).toBe(403);
    expect((await ask('GET', path, bearer)).status).toBe(role === 'observer' ? 200 : 403);
  }
  const foreign = await ask('POST', path, { ...auth, origin: 'https://evil.example' }, {});
  expect(foreign.status).toBe(403);
});

test('a share runs for an hour where nothing is said, for 5 minutes to 24 hours where it is, and only of a session', async () => {
  const { ask, open } = await house();
  const session = await open();
  const make = (body: unknown, of = session) => ask('POST', `/api/session/${of}/share`, auth, body);
  const minutesOf = async (answer: Response): Promise<number> => {
    const { made_at, expires_at } = (await answer.json()) as { made_at: string; expires_at: string };
    return (Date.parse(expires_at) - Date.parse(made_at)) / 60_000;
  };
  for (const [body, minutes] of [
    [{}, 60],
    [{ minutes: 5 }, 5],
    [{ minutes: 1_440 }, 1_440],
  ] as const)
    expect(await minutesOf(await make(body))).toBe(minutes);
  for (const minutes of [4, 1_441, 7.5, '60', null, -60])
    expect([minutes, (await make({ minutes })).status]).toEqual([minutes, 422]);
  expect((await make({ minuts: 5 })).status).toBe(422);
  expect((await make({}, UNKNOWN)).status).toBe(404);
  const list = await ask('GET', `/api/session/${UNKNOWN}/share`);
  expect(list.status).toBe(404);
});
