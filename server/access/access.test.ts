import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { Access, DEVICE_LIFE_MS, rootOf, WRONG } from './access.ts';
import { plainEdge } from './edge.ts';
import { FILE_NAME, inMemory, openKeyFile } from './key-file.ts';
import { Keyring } from './keyring.ts';
import { CODE_LIFE_MS, LoginCodes } from './login-codes.ts';
import { knownOrigins } from './origins.ts';
import { trustedProxies } from './proxies.ts';
import { Shares } from './shares.ts';
import { ALLOWED, WrongSecrets } from './wrong-secrets.ts';

const TOKEN = 'a-token-of-some-length-0123456789';
const PROXIES = ['10.42.0.0/16', 'fd00::/8', '192.0.2.7'];
const root = rootOf(TOKEN);
const proxies = (header = 'x-authentik-username') => trustedProxies(PROXIES, header);
const accessOf = (token: string | undefined, keyring: Keyring, header?: string): Access => {
  const shares = new Shares({ file: inMemory(), keyring, isOver: () => undefined });
  return new Access(token, plainEdge(proxies(header), undefined), keyring, shares);
};
const open = (token: string | undefined = TOKEN, header?: string) =>
  accessOf(token, new Keyring(inMemory(), () => true), header);
const from = (peer: string, distinct: Record<string, string[]>, cookie?: string) => ({
  peer,
  distinct,
  cookie,
});
const edge = { 'x-authentik-username': ['ann'] };
const ann = { name: 'ann', how: 'proxy', role: 'operator', root: 'person:ann' };
const owner = { name: 'operator', how: 'token', role: 'operator', root };

test.each(['10.42.3.4', '::ffff:10.42.3.4', 'fd00::1', '192.0.2.7'])(
  'the edge header is believed from %s',
  async (peer) => {
    expect(await open().identify(from(peer, edge))).toEqual(ann);
  },
);

test.each(['10.43.0.1', '127.0.0.1', '::1', '192.0.2.8', '', 'nonsense'])(
  'the edge header is not believed from %s',
  async (peer) => {
    expect(await open().identify(from(peer, edge))).toBeUndefined();
  },
);

test('a duplicate, a look-alike, an empty name and a name with control characters are not believed', async () => {
  for (const header of [
    { 'x-authentik-username': ['ann', 'bob'] },
    { ...edge, x_authentik_username: ['bob'] },
    { ...edge, 'x-authentik_username': ['bob'] },
    { 'x-authentik-username': [' '] },
    { 'x-authentik-username': ['ann\u202e'] },
    { 'x-authentik-username': ['ann, bob'] },
  ])
    expect(await open().identify(from('10.42.3.4', header))).toBeUndefined();
});

test('where another header is configured it alone brings the name', async () => {
  const access = open(TOKEN, 'remote-user');
  expect(await access.identify(from('10.42.3.4', { 'remote-user': ['ann'] }))).toEqual(ann);
  expect(await access.identify(from('10.42.3.4', edge))).toBeUndefined();
  expect(
    await access.identify(from('10.42.3.4', { 'remote-user': ['ann'], remote_user: ['bob'] })),
  ).toBeUndefined();
});

test('only the exact bearer token opens; what was tried and is wrong is told apart from nothing at all', async () => {
  const bearer = (value: string) => open().identify(from('203.0.113.1', { authorization: [value] }));
  expect(await bearer(`Bearer ${TOKEN}`)).toEqual(owner);
  for (const wrong of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, 'Bearer x'])
    expect(await bearer(wrong)).toBe(WRONG);
  for (const nothing of ['Bearer ', 'Bearer', TOKEN, `Basic ${TOKEN}`, ''])
    expect(await bearer(nothing)).toBeUndefined();
  const twice = { authorization: [`Bearer ${TOKEN}`, 'Bearer x'] };
  expect(await open().identify(from('203.0.113.1', twice))).toBeUndefined();
});

test('whom the proxy counts to the group of observers only looks, and so does whose groups cannot be read for certain', async () => {
  const observers = { in: 'x-authentik-groups', group: 'watching' };
  const keyring = new Keyring(inMemory(), () => true);
  const shares = new Shares({ file: inMemory(), keyring, isOver: () => undefined });
  const access = new Access(TOKEN, plainEdge(proxies(), observers), keyring, shares);
  const roleWith = async (groups: Record<string, string[]>, peer = '10.42.3.4') => {
    const who = await access.identify(from(peer, { ...edge, ...groups }));
    return typeof who === 'object' ? who.role : undefined;
  };
  const header = (...values: string[]) => ({ 'x-authentik-groups': values });
  for (const text of ['watching', 'staff|watching', 'watching,staff', 'staff; watching ', ' watching'])
    expect([text, await roleWith(header(text))]).toEqual([text, 'observer']);
  for (const text of ['', 'staff', 'watching-not', 'not watching', 'Watching', 'staff|'])
    expect([text, await roleWith(header(text))]).toEqual([text, 'operator']);
  expect(await roleWith({})).toBe('operator');
  expect(await roleWith(header('staff', 'staff'))).toBe('observer');
  expect(await roleWith({ ...header('staff'), x_authentik_groups: ['staff'] })).toBe('observer');
  // From elsewhere it says nothing, as little as the name beside it.
  expect(await roleWith(header('staff'), '203.0.113.1')).toBeUndefined();
  const utf8 = new Access(TOKEN, plainEdge(proxies(), { ...observers, group: 'Prüfer' }), keyring, shares);
  const asBytes = Buffer.from('Prüfer').toString('latin1');
  expect(await utf8.identify(from('10.42.3.4', { ...edge, ...header(asBytes) }))).toMatchObject({
    role: 'observer',
  });
});

test('without a token configured no bearer opens', async () => {
  expect(await open('').identify(from('10.0.0.1', { authorization: ['Bearer undefined'] }))).toBe(WRONG);
  const none = accessOf(undefined, new Keyring(inMemory(), () => true));
  expect(none.hasToken).toBe(false);
  expect(await none.identify(from('10.0.0.1', { authorization: ['Bearer undefined'] }))).toBe(WRONG);
});

test('a proxy user with the name of the token is somebody else', async () => {
  const proxied = await open().identify(from('10.42.3.4', { 'x-authentik-username': ['operator'] }));
  expect(proxied).toMatchObject({ name: 'operator', how: 'proxy' });
});

test('a device opens until its time, or until it is ended, and never with a changed cookie', async () => {
  let now = 0;
  const keyring = new Keyring(
    inMemory(),
    () => true,
    () => now,
  );
  const access = accessOf(TOKEN, keyring);
  const device = { name: 'operator', role: 'operator', root, label: 'Safari on iPhone' } as const;
  const cookie = keyring.signIn({ ...device, lifeMs: DEVICE_LIFE_MS });
  const other = keyring.signIn({ ...device, lifeMs: DEVICE_LIFE_MS });
  const come = (secret: string) => access.identify(from('203.0.113.1', {}, secret));
  expect(await come(cookie)).toMatchObject({ ...owner, device: expect.any(String) });
  for (const forged of [`${cookie}x`, cookie.slice(1), '', '.']) expect(await come(forged)).toBeUndefined();
  const [{ id } = { id: '' }] = keyring.devices();
  expect(keyring.endDevices((each) => each.id === id)).toHaveLength(1);
  expect([await come(cookie), await come(other)].filter((who) => who !== undefined)).toHaveLength(1);
  now = DEVICE_LIFE_MS + 1;
  expect([await come(cookie), await come(other)]).toEqual([undefined, undefined]);
});

test('a named token opens with its own name and role until it expires or is revoked, and its devices end with it', () => {
  let now = 0;
  const keyring = new Keyring(
    inMemory(),
    () => true,
    () => now,
  );
  const access = accessOf(undefined, keyring);
  const { token, secret } = keyring.makeToken({ name: 'wall', role: 'observer', lifeMs: 1_000, by: 'ann' });
  expect(access.withToken(secret)).toEqual({
    name: 'wall',
    how: 'token',
    role: 'observer',
    root: `token:${token.id}`,
  });
  expect(() => keyring.makeToken({ name: 'wall', role: 'observer', lifeMs: undefined, by: 'ann' })).toThrow(
    /named "wall" already/,
  );
  const device = { name: 'wall', role: 'observer', root: `token:${token.id}`, label: 'x' } as const;
  const cookie = keyring.signIn({ ...device, lifeMs: DEVICE_LIFE_MS });
  expect(keyring.deviceOf(cookie)).toBeDefined();
  now = 1_000;
  expect([access.withToken(secret), keyring.deviceOf(cookie)]).toEqual([undefined, undefined]);
  now = 0;
  expect(keyring.deviceOf(cookie)).toBeDefined();
  keyring.revokeToken(token.id);
  expect([access.withToken(secret), keyring.deviceOf(cookie)]).toEqual([undefined, undefined]);
});

test('tokens and devices survive a restart as digests only, for nobody else to read; another token in the environment ends its devices', () => {
  const dir = tempDir();
  const ours = new Keyring(openKeyFile(dir), () => true);
  const { secret } = ours.makeToken({ name: 'kuma', role: 'alerts', lifeMs: undefined, by: 'ann' });
  const cookie = ours.signIn({ name: 'operator', role: 'operator', root, label: 'x', lifeMs: 1e9 });
  const file = path.join(dir, FILE_NAME);
  const text = readFileSync(file, 'utf8');
  expect([text.includes(secret), text.includes(cookie)]).toEqual([false, false]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = new Keyring(openKeyFile(dir), (each) => each === root);
  expect([again.tokenOf(secret)?.name, again.deviceOf(cookie)?.name]).toEqual(['kuma', 'operator']);
  const otherToken = new Keyring(openKeyFile(dir), (each) => each === rootOf('another'));
  expect([otherToken.tokenOf(secret)?.name, otherToken.deviceOf(cookie)]).toEqual(['kuma', undefined]);
});

test('a file that cannot be understood lets nobody in, is kept aside and does not stop the start', () => {
  const dir = tempDir();
  writeFileSync(path.join(dir, FILE_NAME), '{"version":1,"tokens":[{}');
  const file = openKeyFile(dir);
  expect(file.trouble).toMatch(/cannot be understood and was moved to .*unreadable/);
  expect(file.stored.tokens).toEqual([]);
  const keyring = new Keyring(file, () => true);
  expect(keyring.makeToken({ name: 'a', role: 'observer', lifeMs: undefined, by: 'x' }).secret).toMatch(
    /^bg_/,
  );
});

test('where nothing can be written a person can still sign in and out, and a token is not acknowledged', () => {
  const dir = path.join(tempDir(), 'gone');
  mkdirSync(dir);
  const keyring = new Keyring(openKeyFile(dir), () => true);
  chmodSync(dir, 0o700);
  const broken = new Keyring(openKeyFile(path.join(dir, 'is', 'not', 'there')), () => true);
  const cookie = broken.signIn({ name: 'operator', role: 'operator', root, label: 'x', lifeMs: 1e9 });
  expect(broken.deviceOf(cookie)).toBeDefined();
  expect(() => broken.makeToken({ name: 'a', role: 'observer', lifeMs: undefined, by: 'x' })).toThrow(
    /Nothing was changed/,
  );
  expect(broken.tokens()).toEqual([]);
  expect(() => broken.endDevices(() => true)).toThrow(/only until this console starts again/);
  expect(broken.deviceOf(cookie)).toBeUndefined();
  expect(keyring.devices()).toEqual([]);
});

test('a code of a login link is good once and for ten minutes, however it is typed', () => {
  let now = 0;
  const codes = new LoginCodes(() => now);
  const of = { name: 'ann', role: 'operator', root: 'person:ann' } as const;
  const first = codes.make(of);
  expect(codes.redeem('0'.repeat(20))).toBeUndefined();
  expect(codes.redeem(` ${first.toLowerCase().slice(0, 10)}-${first.slice(10)} `)).toEqual(of);
  expect(codes.redeem(first)).toBeUndefined();
  const late = codes.make(of);
  now = CODE_LIFE_MS;
  expect(codes.redeem(late)).toBeUndefined();
});

test('wrong secrets are limited by address and minute, told at once and then with their number', () => {
  let now = 0;
  const told: (readonly [string, number])[] = [];
  const wrong = new WrongSecrets(
    (address, times) => told.push([address, times]),
    () => now,
  );
  const answers = Array.from({ length: 15 }, () => wrong.note('a', 'sign-in'));
  expect(answers.filter((wait) => wait === undefined)).toHaveLength(ALLOWED['sign-in']);
  expect(wrong.note('b', 'sign-in')).toBeUndefined();
  expect(told).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
  now = 60_000;
  wrong.tellPast();
  expect(told.at(-1)).toEqual(['a', 14]);
  expect(wrong.note('a', 'sign-in')).toBeUndefined();
});

test('guesses from a hundred thousand addresses cost bounded memory and few entries', () => {
  const told: number[] = [];
  const wrong = new WrongSecrets(
    (_address, times) => told.push(times),
    () => 0,
  );
  for (let i = 0; i < 100_000; i++) wrong.note(`address ${i}`, 'bearer');
  wrong.tellAll();
  expect(told.reduce((sum, times) => sum + times, 0)).toBe(100_000);
});

test('an address counts as it came, behind a trusted proxy as that one saw it, and with its whole IPv6 network', () => {
  const { addressOf } = proxies();
  const behind = (value: string) => addressOf('10.42.0.1', { 'x-forwarded-for': [value] });
  expect(addressOf('203.0.113.1', { 'x-forwarded-for': ['198.51.100.1'] })).toBe('203.0.113.1');
  expect(behind('198.51.100.1')).toBe('198.51.100.1');
  expect(behind('1.2.3.4, 198.51.100.1, 10.42.9.9')).toBe('198.51.100.1');
  expect(behind('nonsense')).toBe('10.42.0.1');
  expect(addressOf('2001:db8:1:2:3:4:5:6', {})).toBe(addressOf('2001:db8:1:2:ffff::1', {}));
});

test('a foreign origin is foreign; our own is not, and neither is a request without one', () => {
  const host = 'console.example:8443';
  const { isForeign } = knownOrigins([]);
  expect(isForeign({ host }, true)).toBe(false);
  expect(isForeign({ host, origin: 'https://console.example:8443' }, true)).toBe(false);
  expect(isForeign({ host, origin: 'http://console.example:8443' }, false)).toBe(false);
  expect(isForeign({ host, 'sec-fetch-site': 'same-origin' }, true)).toBe(false);
  for (const origin of [
    'https://evil.example',
    'https://console.example',
    'http://console.example:8443',
    'null',
    'nonsense',
    'https://console.example:8443.evil.example',
  ])
    expect(isForeign({ host, origin }, true)).toBe(true);
  expect(isForeign({ host, 'sec-fetch-site': 'cross-site' }, true)).toBe(true);
  expect(isForeign({ host, 'sec-fetch-site': 'same-origin, cross-site' }, true)).toBe(true);
});

test('with public names any other name is not ours, whoever points it here; an address always is', () => {
  const { isOurs, isForeign } = knownOrigins(['https://breakglass.example', 'http://lan.example:8080']);
  for (const host of [
    'breakglass.example',
    'BREAKGLASS.example',
    'lan.example:8080',
    '10.0.0.1:8080',
    '[::1]:80',
    'localhost:8080',
  ])
    expect([host, isOurs(host)]).toEqual([host, true]);
  for (const host of [
    'evil.example',
    'lan.example',
    'breakglass.example.evil.example',
    '10.0.0.1.evil.example',
  ])
    expect([host, isOurs(host)]).toEqual([host, false]);
  // A proxy that rewrites the Host does not make our own page foreign.
  expect(isForeign({ host: '10.0.0.1:8080', origin: 'https://breakglass.example' }, false)).toBe(false);
  expect(knownOrigins([]).isOurs('anything.example')).toBe(true);
});
