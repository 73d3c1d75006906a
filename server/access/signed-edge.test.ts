// The edge that signs: who is believed, and what happens while its provider rotates keys, hangs or is away.
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  AUDIENCE,
  ISSUER,
  type Provider,
  startProvider,
  unsigned,
} from '../../test/support/edge-provider.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { Access } from './access.ts';
import { ASK_EVERY_MS, EdgeKeys, KEPT_FILE } from './edge-keys.ts';
import { EdgeRefusals } from './edge-refusals.ts';
import { inMemory } from './key-file.ts';
import { Keyring } from './keyring.ts';
import type { ObserverGroup } from './observer-group.ts';
import { trustedProxies } from './proxies.ts';
import { Shares } from './shares.ts';
import { signedEdge } from './signed-edge.ts';

const TOKEN = 'a-token-of-some-length-0123456789';
const PEER = '10.42.3.4';
const ann = { name: 'ann', how: 'proxy', role: 'operator', root: 'person:ann' };

interface Setting {
  readonly dataDir?: string;
  readonly askLimitMs?: number;
  readonly claim?: string;
  readonly observers?: ObserverGroup;
  readonly now?: () => number;
}

function open(
  jwksUrl: string,
  { dataDir, askLimitMs, claim = 'preferred_username', observers, now }: Setting = {},
) {
  const proxies = trustedProxies(['10.42.0.0/16'], 'x-authentik-username');
  const why: string[] = [];
  const logged: string[] = [];
  const keyring = new Keyring(inMemory(), () => true);
  const keys = new EdgeKeys({
    url: jwksUrl,
    dataDir,
    logger: { info: () => undefined, warn: (_fields: unknown, text?: string) => logged.push(text ?? '') },
    ...(now === undefined ? {} : { now }),
    ...(askLimitMs === undefined ? {} : { askLimitMs }),
  });
  onTestFinished(() => keys.close());
  const edge = signedEdge({
    config: { header: 'x-authentik-jwt', jwksUrl, issuer: ISSUER, audience: AUDIENCE, claim },
    proxies,
    observers,
    plainHeader: 'x-authentik-username',
    keys,
    refused: (reason) => why.push(reason),
  });
  const shares = new Shares({ file: inMemory(), keyring, isOver: () => undefined });
  const access = new Access(TOKEN, edge, keyring, shares);
  const come = (distinct: Record<string, string[]>, peer = PEER, cookie?: string) =>
    access.identify({ peer, distinct, cookie });
  const bring = (jwt: string) => come({ 'x-authentik-jwt': [jwt] });
  return { access, keyring, come, bring, why, logged };
}

const now = () => Math.floor(Date.now() / 1_000);

test('a JWT that the edge signed is believed from a trusted peer and from nobody else', async () => {
  const provider = await startProvider();
  const { come, bring } = open(provider.jwksUrl);
  const jwt = await provider.sign();
  for (const peer of ['203.0.113.9', '127.0.0.1', '::1', ''])
    expect(await come({ 'x-authentik-jwt': [jwt] }, peer)).toBeUndefined();
  // A stranger does not even make us ask.
  expect(provider.asked()).toBe(0);
  expect(await bring(jwt)).toEqual(ann);
  expect(await bring(jwt)).toEqual(ann);
  expect(provider.asked()).toBe(1);
});

test('the plain header alone names nobody, and beside the JWT it must say the same', async () => {
  const provider = await startProvider();
  const { come, why } = open(provider.jwksUrl);
  const jwt = await provider.sign();
  const both = (plain: string[], more: Record<string, string[]> = {}) =>
    come({ 'x-authentik-jwt': [jwt], 'x-authentik-username': plain, ...more });
  expect(await come({ 'x-authentik-username': ['ann'] })).toBeUndefined();
  expect(why.at(-1)).toMatch(/came without x-authentik-jwt/);
  expect(await both(['ann'])).toEqual(ann);
  for (const other of [['bob'], ['ann', 'ann'], ['ann', 'bob'], ['']])
    expect(await both(other)).toBeUndefined();
  expect(await both(['ann'], { x_authentik_username: ['bob'] })).toBeUndefined();
  expect(why.at(-1)).toMatch(/names somebody else/);
  const named = await provider.sign({ preferred_username: 'Jörg' });
  const asBytes = Buffer.from('Jörg').toString('latin1');
  const joerg = await come({ 'x-authentik-jwt': [named], 'x-authentik-username': [asBytes] });
  expect(joerg).toMatchObject({ name: 'Jörg' });
});

test('a claim that counts somebody to the group of observers makes an observer, and so does one that cannot be read', async () => {
  const provider = await startProvider();
  const { come, bring } = open(provider.jwksUrl, { observers: { in: 'groups', group: 'on call, watching' } });
  const roleWith = async (groups: unknown) => bring(await provider.sign({ groups }));
  for (const groups of [['on call, watching'], ['x', 'on call, watching'], [7], [['x']], { x: 1 }, 7, true])
    expect([groups, await roleWith(groups)]).toMatchObject([groups, { name: 'ann', role: 'observer' }]);
  for (const groups of [undefined, null, [], ['x'], ['on call', 'watching'], 'x', ''])
    expect([groups, await roleWith(groups)]).toMatchObject([groups, { name: 'ann', role: 'operator' }]);
  // What nobody signed counts for nothing.
  const jwt = await provider.sign({ groups: ['on call, watching'] });
  const claims = { 'x-authentik-jwt': [jwt], groups: ['x'], 'x-authentik-groups': ['x'] };
  expect(await come(claims)).toMatchObject({ role: 'observer' });
});

test('a JWT that comes twice or beside a look-alike is not believed, although each is good', async () => {
  const provider = await startProvider();
  const { come, why } = open(provider.jwksUrl);
  const jwt = await provider.sign();
  for (const headers of [
    { 'x-authentik-jwt': [jwt, jwt] },
    { 'x-authentik-jwt': [jwt], x_authentik_jwt: [jwt] },
    { 'x-authentik-jwt': [jwt], 'x-authentik_jwt': ['x'] },
    { x_authentik_jwt: [jwt] },
  ])
    expect(await come(headers)).toBeUndefined();
  expect(new Set(why)).toEqual(new Set(['its header came twice, or beside a look-alike']));
});

const WRONG: readonly (readonly [string, (provider: Provider) => Promise<string>, RegExp])[] = [
  ['another issuer', (p) => p.sign({ iss: 'https://evil.example/' }), /issuer/],
  ['an issuer that begins like ours', (p) => p.sign({ iss: `${ISSUER}x` }), /issuer/],
  ['another audience', (p) => p.sign({ aud: 'grafana' }), /somebody else/],
  ['several audiences without ours', (p) => p.sign({ aud: ['grafana', 'breakglass2'] }), /somebody else/],
  ['no audience', (p) => p.sign({ aud: undefined }), /somebody else/],
  ['its time over', (p) => p.sign({ exp: now() - 60 }), /expired/],
  ['no end', (p) => p.sign({ exp: undefined }), /until when/],
  ['its time not come', (p) => p.sign({ nbf: now() + 300 }), /not good yet/],
  ['no name', (p) => p.sign({ preferred_username: undefined }), /no name/],
  ['a list as the name', (p) => p.sign({ preferred_username: ['ann'] }), /no name/],
  ['an empty name', (p) => p.sign({ preferred_username: ' ' }), /no name/],
  ['a name with control characters', (p) => p.sign({ preferred_username: 'ann\u202e' }), /no name/],
  ['a key that nobody tells', (p) => p.sign({}, { kid: 'key-99' }), /does not tell the key/],
  ['no signature (alg none)', async () => unsigned({ alg: 'none' }, good()), /no public key/],
  [
    'the public key as a shared secret (HS256)',
    async (p) => {
      const text = unsigned({ alg: 'HS256', kid: 'key-1' }, good()).replace(/\.$/, '');
      const secret = await p.publicKeyText();
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
    /no public key/,
  ],
  [
    'another name under a good signature',
    async (p) => {
      const [header = '', , signature = ''] = (await p.sign()).split('.');
      const claims = unsigned({}, { ...good(), preferred_username: 'root' }).split('.')[1] ?? '';
      return [header, claims, signature].join('.');
    },
    /signature is wrong/,
  ],
  [
    'a key of its own in the header',
    async (p) => {
      const jwk = JSON.parse(await p.publicKeyText()) as object;
      return unsigned({ alg: 'RS256', jwk, jku: 'https://evil.example/jwks' }, good(), 'c2ln');
    },
    /signature is wrong/,
  ],
  ['nothing that is a JWT', async () => 'ann', /no JWT/],
  ['three dots', async () => '...', /no JWT/],
];
const good = () => ({ iss: ISSUER, aud: AUDIENCE, preferred_username: 'ann', exp: now() + 300 });

test.each(WRONG)('%s: nobody, and the log says why', async (_name, make, reason) => {
  const provider = await startProvider();
  const { bring, why } = open(provider.jwksUrl);
  expect(await bring(await provider.sign())).toEqual(ann);
  expect(await bring(await make(provider))).toBeUndefined();
  expect(why.at(-1)).toMatch(reason);
});

test('clocks may differ by some seconds, and several audiences may be named', async () => {
  const provider = await startProvider();
  const { bring } = open(provider.jwksUrl);
  expect(await bring(await provider.sign({ exp: now() - 10 }))).toEqual(ann);
  expect(await bring(await provider.sign({ nbf: now() + 10 }))).toEqual(ann);
  expect(await bring(await provider.sign({ aud: ['grafana', AUDIENCE] }))).toEqual(ann);
});

test('the claim with the name is the one that is configured', async () => {
  const provider = await startProvider();
  const { bring } = open(provider.jwksUrl, { claim: 'email' });
  expect(await bring(await provider.sign())).toBeUndefined();
  expect(await bring(await provider.sign({ email: 'ann@example.net' }))).toMatchObject({
    name: 'ann@example.net',
  });
});

test('after a rotation the new key is asked for at once, and the old one opens nothing', async () => {
  let time = Date.now();
  const provider = await startProvider();
  const { bring } = open(provider.jwksUrl, { now: () => time });
  const old = await provider.sign();
  expect(await bring(old)).toEqual(ann);
  await provider.rotate();
  time += ASK_EVERY_MS;
  expect(await bring(await provider.sign())).toEqual(ann);
  expect(provider.asked()).toBe(2);
  expect(await bring(old)).toBeUndefined();
});

test('keys that nobody knows make us ask once in half a minute, however many come', async () => {
  let time = Date.now();
  const provider = await startProvider();
  const { bring } = open(provider.jwksUrl, { now: () => time });
  const forged = await provider.sign({}, { kid: 'key-99' });
  await Promise.all(Array.from({ length: 100 }, () => bring(forged)));
  for (let i = 0; i < 20; i++) await bring(forged);
  expect(provider.asked()).toBe(1);
  time += ASK_EVERY_MS;
  await bring(forged);
  expect(provider.asked()).toBe(2);
});

test('keys that were good stay good while the provider fails, answers without keys or sends us elsewhere', async () => {
  let time = Date.now();
  const provider = await startProvider();
  const { bring, logged } = open(provider.jwksUrl, { now: () => time });
  expect(await bring(await provider.sign())).toEqual(ann);
  for (const mood of ['failing', 'keyless', 'not JSON', 'elsewhere'] as const) {
    provider.mood = mood;
    time += 3_600_000;
    // The question in the background, and then one that somebody waits for.
    expect(await bring(await provider.sign())).toEqual(ann);
    await bring(await provider.sign({}, { kid: 'key-99' }));
    expect(await bring(await provider.sign())).toEqual(ann);
    time += 3_600_000;
    await bring(await provider.sign({}, { kid: 'key-99' }));
  }
  // Each trouble once, although it was asked more often.
  expect(provider.asked()).toBe(9);
  expect(logged).toHaveLength(4);
  for (const line of logged) expect(line).toMatch(/told last stay good/);
});

test('a restart while the provider is away still lets people in, with the keys that were kept; not with those of another provider', async () => {
  const dataDir = tempDir();
  const provider = await startProvider();
  const jwt = await provider.sign();
  expect(await open(provider.jwksUrl, { dataDir }).bring(jwt)).toEqual(ann);
  provider.mood = 'failing';
  expect(await open(provider.jwksUrl, { dataDir }).bring(jwt)).toEqual(ann);
  expect(await open(`${provider.jwksUrl}?other`, { dataDir }).bring(jwt)).toBeUndefined();
  const kept = path.join(dataDir, KEPT_FILE);
  expect(readFileSync(kept, 'utf8')).toContain('key-1');
  for (const damaged of [
    '',
    '{"url":',
    '{}',
    `{"url":${JSON.stringify(provider.jwksUrl)},"jwks":{"keys":[]}}`,
  ]) {
    writeFileSync(kept, damaged);
    expect(await open(provider.jwksUrl, { dataDir }).bring(jwt)).toBeUndefined();
  }
});

test('with the provider away from the start nobody comes in by the edge, and everybody by a token or a device; later all do', async () => {
  let time = Date.now();
  const provider = await startProvider();
  provider.mood = 'failing';
  const { bring, come, keyring, logged } = open(provider.jwksUrl, { now: () => time });
  const jwt = await provider.sign();
  expect(await bring(jwt)).toBeUndefined();
  expect(logged.at(-1)).toMatch(/it answered 503. Nobody comes in by the edge until it answers/);
  expect(await come({ 'x-authentik-jwt': [jwt], authorization: [`Bearer ${TOKEN}`] })).toMatchObject({
    how: 'token',
  });
  const device = { name: 'ann', role: 'operator', root: 'person:ann', label: 'x', lifeMs: 1e9 } as const;
  expect(await come({ 'x-authentik-jwt': [jwt] }, PEER, keyring.signIn(device))).toMatchObject({
    name: 'ann',
  });
  provider.mood = 'well';
  time += ASK_EVERY_MS;
  expect(await bring(jwt)).toEqual(ann);
});

test('a provider that hangs holds up nobody with a known key, a token or a device, and others only for a moment', async () => {
  let time = Date.now();
  const provider = await startProvider();
  const { bring, come, keyring } = open(provider.jwksUrl, { now: () => time, askLimitMs: 100 });
  const jwt = await provider.sign();
  expect(await bring(jwt)).toEqual(ann);
  await provider.rotate();
  provider.mood = 'hanging';
  time += 3_600_000;
  // This one makes us ask in the background: the question is open from here on, until its limit.
  const never = open(provider.jwksUrl, { now: () => time, askLimitMs: 2 ** 30 });
  const fresh = await provider.sign();
  const waiting = never.bring(fresh);
  await provider.wasAsked(2);
  const token = { 'x-authentik-jwt': [fresh], authorization: [`Bearer ${TOKEN}`] };
  expect(await never.come(token)).toMatchObject({ how: 'token' });
  const device = { name: 'ann', role: 'operator', root: 'person:ann', label: 'x', lifeMs: 1e9 } as const;
  const secret = never.keyring.signIn(device);
  expect(await never.come({ 'x-authentik-jwt': [fresh] }, PEER, secret)).toMatchObject({ how: 'token' });
  expect(await Promise.race([waiting, Promise.resolve('still waiting')])).toBe('still waiting');
  // A known key, while the question of this one hangs; a key that is not known, until the limit.
  expect(await bring(jwt)).toEqual(ann);
  expect(await bring(fresh)).toBeUndefined();
  expect(await come({ authorization: [`Bearer ${TOKEN}`] })).toMatchObject({ how: 'token' });
  expect(keyring.devices()).toEqual([]);
});

test('why the edge was not believed is told at once, and then once a minute with its number', () => {
  let time = 0;
  const told: (readonly [string, number])[] = [];
  const refusals = new EdgeRefusals(
    (why, times) => told.push([why, times]),
    () => time,
  );
  for (let i = 0; i < 1_000; i++) refusals.note('a');
  refusals.note('b');
  expect(told).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
  time = 60_000;
  refusals.tell('past');
  expect(told.at(-1)).toEqual(['a', 999]);
  refusals.note('b');
  refusals.note('b');
  refusals.tell('all');
  expect(told.slice(3)).toEqual([
    ['b', 1],
    ['b', 1],
  ]);
});
