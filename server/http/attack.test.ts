// What an attack on the running product tried. Each matrix must let nothing through, and nobody who is let in may be kept out by it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { newOperationId, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { ROUTES } from '../../protocol/routes.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { testDoor } from '../../test/support/door.ts';
import { AUDIENCE, ISSUER, startProvider, unsigned } from '../../test/support/edge-provider.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import type { AccessConfig } from '../access/door.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'test-token-0123456789abcdef';
const auth = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

async function house(access: Partial<AccessConfig> = {}) {
  const journal = openJournal(tempDir());
  const sessions = testSessions(journal);
  const started: string[] = [];
  const power = {
    checkFree: () => undefined,
    start: async ({ verb, by }: Pick<Operation, 'verb' | 'by'>) => {
      started.push(verb);
      const result = { verb, exit_code: 0, stdout: '', stderr: '', rejected: false };
      const id = newOperationId();
      const at = new Date(0).toISOString();
      const target = 'devvm' as TargetName;
      return { id, target, verb, by, started_at: at, finished_at: at, state: 'succeeded', steps: [], result };
    },
    waitResult: async () => ({
      verb: 'status',
      result: { verb: 'status', exit_code: 0, stdout: '', stderr: '', rejected: false },
    }),
    get: async () => undefined,
    watch: () => () => undefined,
    running: () => undefined,
  } as unknown as Power;
  const door = testDoor({ bearerToken: TOKEN, ...access }, { journal, dataDir: tempDir() });
  const app = await testApp({
    journal,
    door,
    conversation: { sessions, journal, approvals: approvalsOn(journal) },
    targets: smallTargets({ devvm: { power, evidence: noEvidence } }),
  });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const recorded = async (what: string) => {
    const events = await journal.read({ kinds: ['access'] }, 0 as never, 10_000);
    return events.filter((event) => event.kind === 'access' && event.what === what);
  };
  return { app, door, journal, started, recorded };
}

type Method = 'GET' | 'POST' | 'DELETE';
const URLS = Object.keys(ROUTES).map((name) => {
  const [method, path = ''] = name.split(' ');
  const url = path
    .replace('{verb}', 'stop')
    .replace('{target}', 'devvm')
    .replace('{id}', '00000000-0000-4000-8000-000000000000');
  return { method: method as Method, url };
});
const BEHIND = URLS.filter(({ url }) => url.startsWith('/api') && !/^\/api\/login(\/|$)/.test(url));
const MUTATING = [
  ...URLS.filter(({ method }) => method !== 'GET'),
  ...['status', 'forensics', 'reset', 'stop', 'start', 'cycle'].flatMap((verb) => [
    { method: 'POST' as const, url: `/api/pve/${verb}` },
    { method: 'POST' as const, url: `/emergency/power/${verb}` },
    { method: 'POST' as const, url: `/emergency/t/devvm/power/${verb}` },
  ]),
  { method: 'POST' as const, url: '/emergency/login' },
];

test('no header of a stranger is an identity, on any route', async () => {
  const { app, started } = await house({ trustedProxies: ['10.42.0.0/16'] });
  const spoofed: Record<string, string>[] = [
    'X-authentik-username',
    'x_authentik_username',
    'X-Authentik-Email',
    'Remote-User',
    'X-Forwarded-User',
    'X-Remote-User',
    'Cf-Access-Authenticated-User-Email',
    'Tailscale-User-Login',
    'X-Original-User',
  ].map((name) => ({ [name]: 'operator' }));
  spoofed.push(
    { 'X-authentik-username': 'ann', 'X-Forwarded-For': '10.42.0.1' },
    { 'X-authentik-username': 'ann', 'X-Real-IP': '10.42.0.1', Forwarded: 'for=10.42.0.1' },
    { authorization: 'Bearer undefined' },
    { authorization: `Basic ${Buffer.from(`operator:${TOKEN}`).toString('base64')}` },
    { authorization: TOKEN },
    { cookie: `breakglass=${TOKEN}` },
    { cookie: '__Host-breakglass=x; breakglass=9999999999.x' },
    { 'X-HTTP-Method-Override': 'GET' },
    { 'X-Original-URL': '/health' },
  );
  let sent = 0;
  for (const { method, url } of BEHIND) {
    for (const headers of spoofed) {
      for (const remoteAddress of ['203.0.113.9', '::ffff:203.0.113.9']) {
        const { statusCode } = await app.inject({ method, url, headers, remoteAddress });
        // Wrong bearers are limited: that lets nothing through either.
        expect([method, url, headers, [401, 429].includes(statusCode)]).toEqual([method, url, headers, true]);
        sent += 1;
      }
    }
  }
  expect(sent).toBeGreaterThan(700);
  expect(started).toEqual([]);
});

test('where the edge signs, nothing but a good signature is an identity, on any route, also from the proxy itself', async () => {
  const provider = await startProvider();
  const signed = {
    header: 'x-authentik-jwt',
    jwksUrl: provider.jwksUrl,
    issuer: ISSUER,
    audience: AUDIENCE,
    claim: 'preferred_username',
  };
  const { app, door, started, recorded } = await house({ trustedProxies: ['10.42.0.0/16'], signed });
  const jwt = await provider.sign();
  const claims = { iss: ISSUER, aud: AUDIENCE, preferred_username: 'ann', exp: Date.now() };
  const name = 'X-authentik-username';
  const bad: Record<string, string>[] = [
    { [name]: 'ann' },
    { 'X-authentik-jwt': '' },
    { 'X-authentik-jwt': 'ann', [name]: 'ann' },
    { 'X-authentik-jwt': `${jwt.slice(0, -8)}AAAAAAAA`, [name]: 'ann' },
    { 'X-authentik-jwt': unsigned({ alg: 'none' }, claims), [name]: 'ann' },
    { 'X-authentik-jwt': unsigned({ alg: 'HS256', kid: 'key-1' }, claims, 'c2ln'), [name]: 'ann' },
    { 'X-authentik-jwt': await provider.sign({ aud: 'grafana' }), [name]: 'ann' },
    { 'X-authentik-jwt': await provider.sign({ iss: 'https://evil.example' }), [name]: 'ann' },
    { 'X-authentik-jwt': await provider.sign({ exp: 1 }), [name]: 'ann' },
    { 'X-authentik-jwt': await provider.sign({}, { kid: 'key-99' }), [name]: 'ann' },
    { 'X-authentik-jwt': jwt, [name]: 'bob' },
    { 'X-authentik-jwt': `${jwt}, ${jwt}` },
    { 'X-authentik-jwt': jwt, x_authentik_jwt: jwt },
    { x_authentik_jwt: jwt, [name]: 'ann' },
    { 'Cf-Access-Jwt-Assertion': jwt, [name]: 'ann' },
    { cookie: `X-authentik-jwt=${jwt}; breakglass=${jwt}` },
  ];
  let sent = 0;
  for (const { method, url } of BEHIND) {
    const from = async (remoteAddress: string, headers: Record<string, string>) => {
      const { statusCode } = await app.inject({ method, url, headers, remoteAddress });
      expect([method, url, headers, statusCode]).toEqual([method, url, headers, 401]);
      sent += 1;
    };
    for (const headers of bad) await from('10.42.0.1', headers);
    await from('203.0.113.9', { 'X-authentik-jwt': jwt, [name]: 'ann', 'X-Forwarded-For': '10.42.0.1' });
  }
  expect(sent).toBeGreaterThan(400);
  expect(started).toEqual([]);
  const me = await app.inject({
    url: '/api/me',
    headers: { 'X-authentik-jwt': jwt, [name]: 'ann' },
    remoteAddress: '10.42.0.1',
  });
  expect(me.json()).toMatchObject({ name: 'ann', how: 'proxy' });
  // A few entries, with their number, and not hundreds.
  door.close();
  await expect.poll(async () => (await recorded('refused')).length).toBeGreaterThan(8);
  expect((await recorded('refused')).length).toBeLessThan(30);
});

test('nothing that another site causes gets through, whoever is signed in', async () => {
  const { app, started } = await house({ publicUrls: ['https://breakglass.example'] });
  const foreign: Record<string, string>[] = [
    'https://evil.example',
    'http://breakglass.example',
    'https://breakglass.example.evil.example',
    'https://breakglass.example:8443',
    'https://sub.breakglass.example',
    'null',
    'file://',
    '',
  ].map((origin) => ({ origin: origin === '' ? ' ' : origin }));
  foreign.push(
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'https://breakglass.example' },
    { host: 'evil.example' },
    { host: 'evil.example', origin: 'https://breakglass.example' },
    { host: 'breakglass.example.evil.example', origin: 'https://breakglass.example.evil.example' },
  );
  let sent = 0;
  for (const { method, url } of MUTATING) {
    for (const headers of foreign) {
      for (const type of [{}, JSON_TYPE, FORM_TYPE]) {
        const { statusCode } = await app.inject({
          method,
          url,
          headers: { host: 'breakglass.example', ...auth, ...type, ...headers },
          payload: type === JSON_TYPE ? '{}' : 'sure=yes',
        });
        expect([method, url, headers, [403, 421].includes(statusCode)]).toEqual([method, url, headers, true]);
        sent += 1;
      }
    }
  }
  expect(sent).toBeGreaterThan(900);
  expect(started).toEqual([]);
});

test('no malformed body starts anything, and of a stranger no byte of a body is read', async () => {
  const { app, started } = await house();
  const bodies = [
    '[',
    '{"a":',
    '[]',
    '"stop"',
    '{"confirm":{}}',
    '{"confirm":["x"]}',
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{}}}',
    `${'['.repeat(8_000)}`,
    'x'.repeat(20_000),
    '\u0000',
  ];
  let sent = 0;
  for (const { method, url } of MUTATING.filter((route) => !/(logout|devices)$/.test(route.url))) {
    for (const payload of bodies) {
      for (const type of [JSON_TYPE, { 'content-type': 'text/xml' }, FORM_TYPE]) {
        // A fixed verb has no body: its POST is the confirmation, and JSON beside it is not looked at.
        if (url.startsWith('/api/pve/') && type === JSON_TYPE && isJson(payload)) continue;
        const signed = await app.inject({ method, url, headers: { ...auth, ...type }, payload });
        const harmless = signed.statusCode >= 400 || (signed.statusCode < 300 && url.endsWith('/session'));
        expect([url, payload.slice(0, 20), type, signed.statusCode, harmless]).toEqual([
          url,
          payload.slice(0, 20),
          type,
          signed.statusCode,
          true,
        ]);
        sent += 1;
      }
    }
  }
  expect(sent).toBeGreaterThan(500);
  expect(started).toEqual([]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  for (const url of ['/emergency/power/stop', '/api/chat', '/api/pve/stop', '/api/session']) {
    const socket = await open(app);
    socket.write(
      `POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[[[`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // The emergency page answers strangers in a way that text browsers show.
    expect(String(answer)).toContain(url.startsWith('/emergency') ? 'HTTP/1.1 403 ' : 'HTTP/1.1 401 ');
    await once(socket.resume(), 'close');
  }
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function open(app: Awaited<ReturnType<typeof house>>['app']) {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  const socket = connect(address.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('hundreds of connections that say nothing or little keep nobody out', async () => {
  const { app } = await house();
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  const sockets = await Promise.all(
    Array.from({ length: 450 }, async (_, i) => {
      const socket = await open(app);
      if (i % 2 === 0)
        socket.write(
          'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{',
        );
      return socket;
    }),
  );
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`${base}/api/pve/status`, { method: 'POST', headers: auth });
    expect(answer.status).toBe(200);
  }
  // What does not fit makes way: the oldest first.
  const closed = await Promise.all(
    sockets.slice(0, 100).map(async (socket) => {
      if (!socket.destroyed) await once(socket.resume(), 'close');
    }),
  );
  expect(closed).toHaveLength(100);
  for (const socket of sockets) socket.destroy();
});

test('only wrong tokens count, a correct one is let in at any time, and all of it is recorded', async () => {
  const { app, door, recorded } = await house();
  const login = (payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url: '/api/login', payload, headers });
  for (let i = 0; i < 50; i++) {
    const foreign = await login({ token: 'x' }, { origin: 'https://evil.example' });
    expect(foreign.statusCode).toBe(403);
  }
  expect((await login({ token: 'guess' })).statusCode).toBe(401);
  for (let i = 0; i < 30; i++) await login({ token: 'guess' });
  expect((await login({ token: 'guess' })).statusCode).toBe(429);
  expect((await login({ token: TOKEN })).statusCode).toBe(204);
  expect((await app.inject({ url: '/api/me', headers: auth })).statusCode).toBe(200);
  const form = await app.inject({
    method: 'POST',
    url: '/emergency/login',
    headers: FORM_TYPE,
    payload: `token=${TOKEN}`,
  });
  expect(form.statusCode).toBe(303);

  for (let i = 0; i < 3_000; i++)
    await app.inject({
      url: '/api/me',
      headers: { authorization: `Bearer guess-${i}` },
      remoteAddress: '203.0.113.77',
    });
  const late = await app.inject({
    url: '/api/me',
    headers: { authorization: 'Bearer guess' },
    remoteAddress: '203.0.113.77',
  });
  expect(late.statusCode).toBe(429);
  door.close();
  await expect.poll(async () => (await recorded('refused')).length).toBe(4);
  const refused = await recorded('refused');
  expect(refused.map((event) => event.kind === 'access' && [event.address, event.times ?? 1])).toEqual([
    ['127.0.0.1', 1],
    ['203.0.113.77', 1],
    ['127.0.0.1', 31],
    ['203.0.113.77', 3_000],
  ]);
  expect(await recorded('signed_in')).toHaveLength(3);
});

test('a copied cookie opens nothing after the logout, and devices are listed and ended one by one or all', async () => {
  const { app, recorded } = await house();
  const signIn = async (userAgent: string): Promise<string> => {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/login',
      payload: { token: TOKEN },
      headers: { 'user-agent': userAgent },
    });
    return String(answer.headers['set-cookie']).split(';')[0] ?? '';
  };
  const asks = async (cookie: string) =>
    (await app.inject({ url: '/api/me', headers: { cookie } })).statusCode;
  const phone = await signIn(
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit Safari/605.1',
  );
  const tablet = await signIn('Mozilla/5.0 (iPad) Safari/605.1');
  const desk = await signIn('Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0');
  expect(await asks(phone)).toBe(200);
  await app.inject({ method: 'POST', url: '/api/logout', headers: { cookie: phone } });
  expect(await asks(phone)).toBe(401);
  const { devices } = (await app.inject({ url: '/api/devices', headers: { cookie: desk } })).json();
  expect(
    devices.map((each: { label: string; this_one: boolean }) => [each.label, each.this_one]).sort(),
  ).toEqual([
    ['Firefox on Linux', true],
    ['Safari on iPad', false],
  ]);
  const other = devices.find((each: { this_one: boolean }) => !each.this_one);
  const end = (url: string) => app.inject({ method: 'DELETE', url, headers: { cookie: desk } });
  expect((await end(`/api/devices/${other.id}`)).statusCode).toBe(204);
  expect((await end(`/api/devices/${other.id}`)).statusCode).toBe(404);
  expect(await asks(tablet)).toBe(401);
  const again = await signIn('curl/8');
  expect((await end('/api/devices')).json()).toEqual({ ended: 1 });
  expect([await asks(again), await asks(desk)]).toEqual([401, 200]);
  await expect.poll(async () => (await recorded('device_ended')).length).toBe(2);
});

test('an observer sees everything and changes nothing; an alerts token delivers alerts and does neither', async () => {
  const { app, started } = await house();
  const make = async (name: string, role: string) =>
    (
      await app.inject({ method: 'POST', url: '/api/tokens', headers: auth, payload: { name, role } })
    ).json() as { secret: string; id: string };
  const wall = await make('wall', 'observer');
  const kuma = await make('kuma', 'alerts');
  for (const { method, url } of [...BEHIND, ...MUTATING]) {
    if (/login|logout|stream/.test(url)) continue;
    const ask = async (secret: string) =>
      (
        await app.inject({
          method,
          url,
          headers: { authorization: `Bearer ${secret}`, ...(url.startsWith('/em') ? FORM_TYPE : {}) },
        })
      ).statusCode;
    if (method !== 'GET') expect([url, await ask(wall.secret)]).toEqual([url, 403]);
    else expect([url, [200, 404].includes(await ask(wall.secret))]).toEqual([url, true]);
    // What it may deliver is empty here.
    const delivers = /^\/api\/alerts\/(alertmanager|uptime-kuma|generic)$/.test(url);
    expect([method, url, await ask(kuma.secret)]).toEqual([method, url, delivers ? 422 : 403]);
  }
  expect(started).toEqual([]);
  for (const url of ['/emergency', '/emergency/targets', '/emergency/t/devvm']) {
    const { statusCode, body } = await app.inject({
      url,
      headers: { authorization: `Bearer ${kuma.secret}` },
    });
    expect([url, statusCode, body.includes('kuma')]).toEqual([url, 403, false]);
  }
  const page = await app.inject({ method: 'POST', url: '/api/login', payload: { token: kuma.secret } });
  expect(page.statusCode).toBe(403);
  await app.inject({ method: 'DELETE', url: '/api/tokens/wall', headers: auth });
  const gone = await app.inject({ url: '/api/me', headers: { authorization: `Bearer ${wall.secret}` } });
  expect(gone.statusCode).toBe(401);
});

test('a login link signs one device in, as whoever made it, and no preview of it spends the code', async () => {
  const { app } = await house({ publicUrls: ['https://breakglass.example'], trustedProxies: ['127.0.0.1'] });
  const edge = { host: 'breakglass.example', 'x-authentik-username': 'ann', 'x-forwarded-proto': 'https' };
  const made = await app.inject({ method: 'POST', url: '/api/login-links', headers: edge, payload: {} });
  expect(made.statusCode).toBe(201);
  const { code, url } = made.json();
  expect(url).toBe(`https://breakglass.example/#login=${code}`);
  const stranger = { host: 'breakglass.example' };
  for (let i = 0; i < 3; i++) await app.inject({ url: '/', headers: stranger });
  const redeem = () =>
    app.inject({ method: 'POST', url: '/api/login', payload: { code, remember: true }, headers: stranger });
  const first = await redeem();
  expect(first.statusCode).toBe(204);
  const cookie = String(first.headers['set-cookie']);
  expect(cookie).toMatch(
    /^__Host-breakglass=[\w-]{43}; Max-Age=7776000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  expect((await redeem()).statusCode).toBe(401);
  const me = await app.inject({
    url: '/api/me',
    headers: { ...stranger, cookie: cookie.split(';')[0] ?? '' },
  });
  expect(me.json()).toMatchObject({ name: 'ann', how: 'token', role: 'operator' });
});

test('a passkey signs in over HTTP as its owner; guesses are limited and recorded; strangers learn only that there is one', async () => {
  const { app, recorded } = await house({ publicUrls: ['https://breakglass.example'] });
  const here = { origin: 'https://breakglass.example', rpId: 'breakglass.example' };
  const host = { host: 'breakglass.example' };
  const ask = async (url: string, payload: object = {}, headers: Record<string, string> = host) =>
    app.inject({ method: 'POST', url, payload, headers });
  const signedIn = { ...host, ...auth };
  const waysIn = async () => (await app.inject({ url: '/api/login', headers: host })).json();
  expect(await waysIn()).toEqual({ passkey: false });
  expect((await ask('/api/login/passkey')).statusCode).toBe(404);
  const phone = softAuthenticator();
  const { options } = (await ask('/api/passkeys/options', {}, signedIn)).json();
  const body = { name: 'my phone', passkey: phone.make({ ...here, challenge: options.challenge }) };
  expect((await ask('/api/passkeys', body)).statusCode).toBe(401);
  const made = await ask('/api/passkeys', body, signedIn);
  expect([made.statusCode, made.json()]).toMatchObject([201, { label: 'my phone', name: 'operator' }]);
  expect(await waysIn()).toEqual({ passkey: true });

  const begin = async () => (await ask('/api/login/passkey')).json().options;
  const question = await begin();
  expect(JSON.stringify(question)).not.toContain(made.json().id);
  const answer = phone.get({ ...here, challenge: question.challenge });
  const entered = await ask('/api/login', { passkey: answer, remember: true });
  expect(entered.statusCode).toBe(204);
  const cookie = String(entered.headers['set-cookie']);
  expect(cookie).toMatch(/^__Host-breakglass=[\w-]{43}; Max-Age=7776000; /);
  const me = () => app.inject({ url: '/api/me', headers: { ...host, cookie: cookie.split(';')[0] ?? '' } });
  expect((await me()).json()).toMatchObject({ name: 'operator', role: 'operator' });

  const replayed = [];
  for (let i = 0; i < 12; i++) replayed.push((await ask('/api/login', { passkey: answer })).statusCode);
  expect([replayed[0], replayed.at(-1)]).toEqual([401, 429]);
  const again = phone.get({ ...here, challenge: (await begin()).challenge });
  expect((await ask('/api/login', { passkey: again })).statusCode).toBe(204);
  for (const wrong of [{ passkey: again, token: TOKEN }, { passkey: 'x' }, { passkey: {} }, {}])
    expect((await ask('/api/login', wrong)).statusCode).toBe(422);

  const remove = () =>
    app.inject({ method: 'DELETE', url: `/api/passkeys/${made.json().id}`, headers: signedIn });
  expect([(await remove()).statusCode, (await remove()).statusCode]).toEqual([204, 404]);
  expect((await me()).statusCode).toBe(401);
  await expect.poll(async () => (await recorded('passkey_removed')).length).toBe(1);
  expect(await recorded('passkey_added')).toMatchObject([
    { detail: 'operator enrolled the passkey my phone (operator).' },
  ]);
  const signIns = (await recorded('signed_in')).map((event) => event.kind === 'access' && event.detail);
  expect(signIns.filter((detail) => /with the passkey my phone/.test(String(detail)))).toHaveLength(2);
});

test('new sessions and open streams are bounded for one person, and others go on', async () => {
  const { app } = await house({ trustedProxies: ['127.0.0.1'] });
  const as = (name: string) => ({ 'x-authentik-username': name });
  const openOne = (name: string) => app.inject({ method: 'POST', url: '/api/session', headers: as(name) });
  const answers = [];
  for (let i = 0; i < 100; i++) answers.push((await openOne('ann')).statusCode);
  expect(answers.filter((status) => status === 200).length).toBeLessThan(70);
  expect(answers.at(-1)).toBe(429);
  const { session_id } = (await openOne('bob')).json();

  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  const aborting = new AbortController();
  onTestFinished(() => aborting.abort());
  const stream = (name: string) =>
    fetch(`${base}/api/session/${session_id}/stream`, { headers: as(name), signal: aborting.signal });
  // Kept, because an answer that nobody holds is closed when the collector comes by.
  const held: Response[] = [];
  for (let i = 0; i < 280; i++) held.push(await stream('ann'));
  const statuses = held.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(256);
  expect(statuses.at(-1)).toBe(429);
  expect((await stream('bob')).status).toBe(200);
});
