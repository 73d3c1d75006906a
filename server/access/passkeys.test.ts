// Passkeys against an authenticator that can be wrong in each way: what is enrolled, what opens, and with what it ends.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { CHALLENGE_LIFE_MS, Challenges } from './challenges.ts';
import { FILE_NAME, inMemory, openKeyFile } from './key-file.ts';
import { Keyring } from './keyring.ts';
import { Passkeys } from './passkeys.ts';
import { relyingParty } from './relying-party.ts';

const place = { type: 'works', id: 'breakglass.example', origin: 'https://breakglass.example' } as const;
const ann = { name: 'ann', how: 'proxy', role: 'operator', root: 'person:ann' } as const;
const here = { origin: place.origin, rpId: place.id };

function open(keyring = new Keyring(inMemory(), () => true)) {
  let now = 1_000_000;
  const passkeys = new Passkeys(keyring, new Challenges(() => now));
  const phone = softAuthenticator();
  const enrol = async (identity: Parameters<Passkeys['enrol']>[0] = ann, counter = 0) => {
    const { challenge } = await passkeys.enrolOptions(identity, place);
    const answer = phone.make({ ...here, challenge, counter });
    return passkeys.enrol(identity, place, { label: 'my phone', answer });
  };
  const ask = async () => (await passkeys.signInOptions(place)).challenge;
  return { keyring, passkeys, phone, enrol, ask, pass: (ms: number) => (now += ms) };
}

test('a passkey signs in whoever enrolled it, with their role and root, and with no passkey named in the question', async () => {
  const { passkeys, phone, enrol, ask, keyring } = open();
  const made = await enrol();
  expect(made).toMatchObject({ label: 'my phone', name: 'ann', role: 'operator', root: 'person:ann' });
  const options = await passkeys.signInOptions(place);
  expect(options).toMatchObject({ rpId: 'breakglass.example', userVerification: 'required' });
  expect(options.allowCredentials ?? []).toEqual([]);
  const answer = phone.get({ ...here, challenge: await ask() });
  expect(await passkeys.redeem(answer, place)).toMatchObject({ id: made.id, name: 'ann' });
  expect(keyring.passkeys()[0]?.used_at).toEqual(expect.any(Number));
});

test('an answer is good once, also when it comes twice at the same time, and for five minutes', async () => {
  const { passkeys, phone, enrol, ask, pass } = open();
  await enrol();
  const answer = phone.get({ ...here, challenge: await ask() });
  const both = await Promise.all([passkeys.redeem(answer, place), passkeys.redeem(answer, place)]);
  expect(both.filter((who) => who !== undefined)).toHaveLength(1);
  expect(await passkeys.redeem(answer, place)).toBeUndefined();
  const late = phone.get({ ...here, challenge: await ask() });
  pass(CHALLENGE_LIFE_MS);
  expect(await passkeys.redeem(late, place)).toBeUndefined();
});

test('no answer opens that another site, another name, another process or an unchecked person gave', async () => {
  const { passkeys, phone, enrol, ask } = open();
  await enrol();
  const enrolment = await passkeys.enrolOptions(ann, place);
  const other = await open().passkeys.signInOptions(place);
  const challenge = await ask();
  for (const wrong of [
    { origin: 'https://evil.example' },
    { origin: 'http://breakglass.example' },
    { origin: 'https://breakglass.example:8443' },
    { rpId: 'evil.example' },
    { verified: false },
    { challenge: enrolment.challenge },
    { challenge: other.challenge },
    { challenge: '' },
    { challenge: challenge.slice(2) },
    { challenge: Buffer.alloc(56).toString('base64url') },
  ])
    expect([wrong, await passkeys.redeem(phone.get({ ...here, challenge, ...wrong }), place)]).toEqual([
      wrong,
      undefined,
    ]);
  // None of them has spent the challenge.
  expect(await passkeys.redeem(phone.get({ ...here, challenge }), place)).toBeDefined();
});

test('no answer opens that is changed, of an unknown device, of another key, or brought under another name of ours', async () => {
  const { passkeys, phone, enrol, ask } = open();
  const { id } = await enrol();
  const challenge = await ask();
  const good = phone.get({ ...here, challenge });
  const stranger = softAuthenticator().get({ ...here, challenge });
  for (const wrong of [
    stranger,
    { ...stranger, id, rawId: id },
    { ...good, rawId: stranger.rawId },
    { ...good, response: { ...good.response, signature: stranger.response.signature } },
    { ...good, response: { ...good.response, authenticatorData: '' } },
    { ...good, response: { ...good.response, clientDataJSON: 'e30' } },
  ])
    expect(await passkeys.redeem(wrong, place)).toBeUndefined();
  const elsewhere = { type: 'works', id: 'localhost', origin: 'http://localhost:8080' } as const;
  const there = phone.get({ challenge, origin: elsewhere.origin, rpId: elsewhere.id });
  expect(await passkeys.redeem(there, elsewhere)).toBeUndefined();
  expect(await passkeys.redeem(good, place)).toBeDefined();
});

test('a copy is noticed: a counter that does not go up opens nothing', async () => {
  const { passkeys, phone, enrol, ask } = open();
  await enrol(ann, 5);
  const come = async (counter: number) =>
    passkeys.redeem(phone.get({ ...here, challenge: await ask(), counter }), place);
  expect(await come(5)).toBeUndefined();
  expect(await come(6)).toBeDefined();
  expect(await come(6)).toBeUndefined();
  expect(await come(0)).toBeUndefined();
  expect(await come(7)).toBeDefined();
});

test('nothing is enrolled that does not verify, that somebody else began, or twice', async () => {
  const { passkeys, phone, enrol, keyring } = open();
  const { challenge } = await passkeys.enrolOptions(ann, place);
  const bob = { ...ann, name: 'bob', root: 'person:bob' };
  const asBob = passkeys.enrol(bob, place, { label: 'x', answer: phone.make({ ...here, challenge }) });
  await expect(asBob).rejects.toThrow(/could not be checked/);
  for (const wrong of [{ origin: 'https://evil.example' }, { rpId: 'evil.example' }, { verified: false }]) {
    const answer = phone.make({ ...here, challenge, ...wrong });
    await expect(passkeys.enrol(ann, place, { label: 'x', answer })).rejects.toThrow(/could not be checked/);
  }
  expect(keyring.passkeys()).toEqual([]);
  await enrol();
  await expect(enrol()).rejects.toThrow(/enrolled already/);
  const { excludeCredentials } = await passkeys.enrolOptions(ann, place);
  expect(excludeCredentials).toHaveLength(1);
  expect((await passkeys.enrolOptions(bob, place)).excludeCredentials).toEqual([]);
});

test('a passkey ends with the token of whoever enrolled it, by revocation or in time, and with it the devices that it signed in', async () => {
  let now = 0;
  const keyring = new Keyring(
    inMemory(),
    () => true,
    () => now,
  );
  const { passkeys, phone, enrol, ask } = open(keyring);
  const { token } = keyring.makeToken({ name: 'bob', role: 'operator', lifeMs: 1_000, by: 'ann' });
  const bob = { name: 'bob', how: 'token', role: 'operator', root: `token:${token.id}` } as const;
  const made = await enrol(bob);
  const come = async () => passkeys.redeem(phone.get({ ...here, challenge: await ask() }), place);
  const device = { name: 'bob', role: 'operator', root: bob.root, label: 'x', lifeMs: 1e9 } as const;
  expect(await come()).toBeDefined();
  now = 1_000;
  expect([keyring.passkeys(), await come()]).toEqual([[], undefined]);
  now = 0;
  expect(await come()).toBeDefined();
  const by = keyring.signIn({ ...device, passkey: made.id });
  const otherwise = keyring.signIn(device);
  keyring.removePasskey(made.id);
  expect([keyring.deviceOf(by), keyring.deviceOf(otherwise)?.name, await come()]).toEqual([
    undefined,
    'bob',
    undefined,
  ]);
  await enrol(bob);
  keyring.revokeToken(token.id);
  expect([keyring.passkeys(), keyring.deviceOf(otherwise)]).toEqual([[], undefined]);
});

test('passkeys survive a restart, not one whose root is void, and a file of before there were any is read', async () => {
  const dir = tempDir();
  const file = path.join(dir, FILE_NAME);
  writeFileSync(file, '{"version":1,"tokens":[],"devices":[]}');
  const before = openKeyFile(dir);
  expect([before.trouble, before.stored.passkeys]).toEqual([undefined, []]);
  const first = open(new Keyring(before, () => true));
  await first.enrol();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    version: 1,
    passkeys: [{ label: 'my phone' }],
  });
  const { passkeys, ask } = open(new Keyring(openKeyFile(dir), () => true));
  const answer = first.phone.get({ ...here, challenge: await ask() });
  expect(await passkeys.redeem(answer, place)).toMatchObject({ name: 'ann' });
  expect(new Keyring(openKeyFile(dir), () => false).passkeys()).toEqual([]);
});

test('whoever asks for thousands of challenges takes nobody else his, and what was used is forgotten in time', async () => {
  let now = 0;
  const challenges = new Challenges(() => now);
  const make = (purpose: string) => Buffer.from(challenges.make(purpose)).toString('base64url');
  const mine = make('a');
  for (let i = 0; i < 10_000; i++) challenges.make('a');
  expect([challenges.isGood(mine, 'b'), challenges.spend(mine, 'a'), challenges.spend(mine, 'a')]).toEqual([
    false,
    true,
    false,
  ]);
  now = CHALLENGE_LIFE_MS;
  expect(challenges.spend(mine, 'a')).toBe(false);
});

const PUBLIC = ['https://breakglass.example', 'http://lan.example:8080', 'https://10.0.0.1'];
const arrival = {
  publicUrls: PUBLIC,
  host: 'breakglass.example',
  origin: undefined,
  tls: true,
  proxied: false,
};

test.each([
  ['a public name', arrival, 'https://breakglass.example'],
  [
    'the second public name',
    { ...arrival, publicUrls: ['https://a.example', ...PUBLIC] },
    'https://breakglass.example',
  ],
  ['a public name, where TLS ends before us', { ...arrival, tls: false }, 'https://breakglass.example'],
  [
    'the page of a public name, whatever Host a proxy writes',
    { ...arrival, host: '10.0.0.9:8080', origin: PUBLIC[0] },
    PUBLIC[0],
  ],
  ['a proxy that writes another Host', { ...arrival, host: '10.0.0.9:8080', proxied: true }, PUBLIC[0]],
  [
    'localhost beside public names',
    { ...arrival, host: 'localhost:8080', tls: false },
    'http://localhost:8080',
  ],
  ['localhost', { ...arrival, publicUrls: [], host: 'localhost:8080', tls: false }, 'http://localhost:8080'],
  [
    'any name over TLS, where none is configured',
    { ...arrival, publicUrls: [], host: 'x.example:8443' },
    'https://x.example:8443',
  ],
])('passkeys work under %s', (_name, given, origin) => {
  expect(relyingParty(given)).toEqual({ type: 'works', origin, id: new URL(origin ?? '').hostname });
});

test.each([
  [
    'an address without TLS',
    { ...arrival, publicUrls: [], host: '10.0.0.1:8080', tls: false },
    /HTTPS.*localhost/,
  ],
  ['an address over TLS', { ...arrival, publicUrls: [], host: '10.0.0.1' }, /HTTPS.*localhost/],
  ['an IPv6 address', { ...arrival, publicUrls: [], host: '[::1]:8080' }, /HTTPS.*localhost/],
  ['a name without TLS', { ...arrival, publicUrls: [], tls: false }, /HTTPS.*localhost/],
  ['no name', { ...arrival, publicUrls: [], host: undefined }, /HTTPS.*localhost/],
  [
    'a public name without TLS only',
    { ...arrival, publicUrls: ['http://lan.example'], host: 'lan.example' },
    /HTTPS/,
  ],
  [
    'an address beside public names',
    { ...arrival, host: '10.0.0.9' },
    /only under https:\/\/breakglass\.example/,
  ],
  [
    'another name than ours',
    { ...arrival, host: 'evil.example' },
    /only under https:\/\/breakglass\.example/,
  ],
])('passkeys do not work under %s, and a sentence says why', (_name, given, why) => {
  expect(relyingParty(given)).toEqual({ type: 'cannot', why: expect.stringMatching(why) });
});
