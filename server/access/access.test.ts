import { expect, test } from 'vitest';
import { Access, COOKIE_LIFE_S, isForeign } from './access.ts';

const TOKEN = 'a-token-of-some-length-0123456789';
const open = (now = 0) =>
  new Access({ bearerToken: TOKEN, trustedProxies: ['10.42.0.0/16', 'fd00::/8', '192.0.2.7'] }, () => now);
const from = (peer: string, distinct: Record<string, string[]>, cookie?: string) => ({
  peer,
  distinct,
  cookie,
});
const edge = { 'x-authentik-username': ['ann'] };

test('the edge header is believed from a trusted peer', () => {
  expect(open().identify(from('10.42.3.4', edge))).toEqual({ name: 'ann', how: 'proxy' });
  expect(open().identify(from('::ffff:10.42.3.4', edge))).toEqual({ name: 'ann', how: 'proxy' });
  expect(open().identify(from('fd00::1', edge))).toEqual({ name: 'ann', how: 'proxy' });
  expect(open().identify(from('192.0.2.7', edge))).toEqual({ name: 'ann', how: 'proxy' });
});

test.each(['10.43.0.1', '127.0.0.1', '::1', '192.0.2.8', '', 'nonsense'])(
  'the edge header is not believed from %s',
  (peer) => {
    expect(open().identify(from(peer, edge))).toBeUndefined();
  },
);

test('a duplicate, a look-alike, an empty name and a name with control characters are not believed', () => {
  for (const header of [
    { 'x-authentik-username': ['ann', 'bob'] },
    { ...edge, x_authentik_username: ['bob'] },
    { ...edge, 'x-authentik_username': ['bob'] },
    { 'x-authentik-username': [' '] },
    { 'x-authentik-username': ['ann\u202e'] },
    { 'x-authentik-username': ['ann, bob'] },
  ])
    expect(open().identify(from('10.42.3.4', header))).toBeUndefined();
});

test('only the exact bearer token opens', () => {
  const bearer = (value: string) => open().identify(from('203.0.113.1', { authorization: [value] }));
  expect(bearer(`Bearer ${TOKEN}`)).toEqual({ name: 'operator', how: 'token' });
  for (const wrong of [
    'Bearer ',
    'Bearer',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    TOKEN,
    `Basic ${TOKEN}`,
    '',
  ])
    expect(bearer(wrong)).toBeUndefined();
  const twice = { authorization: [`Bearer ${TOKEN}`, 'Bearer x'] };
  expect(open().identify(from('203.0.113.1', twice))).toBeUndefined();
});

test('without a token configured no bearer and no cookie opens', () => {
  const access = new Access({ bearerToken: undefined, trustedProxies: ['10.0.0.0/8'] });
  expect(access.identify(from('10.0.0.1', { authorization: ['Bearer undefined'] }))).toBeUndefined();
  expect(access.identify(from('10.0.0.1', {}, access.mintCookie()))).toBeUndefined();
});

test('a cookie opens until it expires, and one that was changed never does', () => {
  const cookie = open(0).mintCookie();
  expect(open(0).identify(from('203.0.113.1', {}, cookie))).toEqual({ name: 'operator', how: 'token' });
  expect(open((COOKIE_LIFE_S + 1) * 1_000).identify(from('203.0.113.1', {}, cookie))).toBeUndefined();
  const [expiry, mac] = cookie.split('.');
  for (const forged of [
    `${Number(expiry) + 1}.${mac}`,
    `${expiry}.${mac}x`,
    `${expiry}.`,
    String(expiry),
    '.',
    'x.y',
  ])
    expect(open(0).identify(from('203.0.113.1', {}, forged))).toBeUndefined();
  const other = new Access({ bearerToken: `${TOKEN}2`, trustedProxies: [] }, () => 0);
  expect(other.identify(from('203.0.113.1', {}, cookie))).toBeUndefined();
});

test('a foreign origin is foreign; our own is not, and neither is a request without one', () => {
  const host = 'console.example:8443';
  expect(isForeign({ host })).toBe(false);
  expect(isForeign({ host, origin: 'https://console.example:8443' })).toBe(false);
  expect(isForeign({ host, 'sec-fetch-site': 'same-origin' })).toBe(false);
  for (const origin of [
    'https://evil.example',
    'https://console.example',
    'null',
    'nonsense',
    'https://console.example:8443.evil.example',
  ])
    expect(isForeign({ host, origin })).toBe(true);
  expect(isForeign({ host, 'sec-fetch-site': 'cross-site' })).toBe(true);
  expect(isForeign({ host, 'sec-fetch-site': 'same-origin, cross-site' })).toBe(true);
});
