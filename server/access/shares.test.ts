import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { FILE_NAME, inMemory, type KeyFile, openKeyFile, type StoredShare } from './key-file.ts';
import { Keyring } from './keyring.ts';
import { Shares } from './shares.ts';

const session = '11111111-1111-4111-8111-111111111111' as SessionId;
const target = 'devvm' as TargetName;
const HOUR = 3_600_000;
const START = Date.parse('2026-11-27T02:10:00Z');
const newShare = { session, target, by: 'ann', root: 'person:ann', lifeMs: HOUR };

/** Two clocks that the test sets. */
function room(file: KeyFile = inMemory(), clocks = { wall: START, monotonic: 5_000 }) {
  const over: StoredShare[] = [];
  const now = () => clocks.wall;
  const keyring = new Keyring(file, (root) => root.startsWith('person:'), now);
  const shares = new Shares({
    file,
    keyring,
    isOver: (share) => over.push(share),
    now,
    monotonic: () => clocks.monotonic,
  });
  const pass = (ms: number): void => {
    clocks.wall += ms;
    clocks.monotonic += ms;
  };
  return { shares, keyring, clocks, pass, over };
}

const codeGood = ({ shares }: ReturnType<typeof room>, code: string) => shares.withCode(code) !== undefined;

test('a code lets in as often as it is opened until it ends, typed as people type, and never a wrong one', () => {
  const it = room();
  const { share, code } = it.shares.make(newShare);
  const first = it.shares.letIn(share, 'Safari on iPhone');
  const second = it.shares.letIn(share, 'Firefox on Linux');
  expect(first).not.toBe(second);
  for (const secret of [first, second])
    expect(it.shares.guestOf(secret)).toMatchObject({
      role: 'guest',
      session,
      target,
      name: 'guest of ann',
      endsAt: START + HOUR,
    });
  expect(it.shares.guestsOf(share.id).map(({ label }) => label)).toEqual([
    'Safari on iPhone',
    'Firefox on Linux',
  ]);
  expect(codeGood(it, `${code.slice(0, 10).toLowerCase()}-${code.slice(10)}`)).toBe(true);
  for (const wrong of ['', code.slice(1), `${code}0`, first]) expect(codeGood(it, wrong)).toBe(false);
  for (const wrong of [`${first}x`, first.slice(1), code]) expect(it.shares.guestOf(wrong)).toBeUndefined();
});

test('a share ends at its time: for its code, its guests and its list, and is told once', () => {
  const it = room();
  const { share, code } = it.shares.make(newShare);
  const secret = it.shares.letIn(share, 'x');
  const guest = it.shares.guestOf(secret)?.guest ?? '';
  it.pass(HOUR - 1);
  it.shares.sweep();
  expect([codeGood(it, code), it.shares.hasGuest(guest)]).toEqual([true, true]);
  it.pass(1);
  // Before anybody looked for what is over.
  expect([codeGood(it, code), it.shares.hasGuest(guest)]).toEqual([false, false]);
  expect([it.shares.guestOf(secret), it.shares.of(session)]).toEqual([undefined, []]);
  it.shares.sweep();
  it.shares.sweep();
  expect(it.over).toEqual([share]);
});

test.each([
  { clock: 'that is set back', wall: -24 * HOUR, monotonic: HOUR },
  { clock: 'that goes on while the machine sleeps', wall: HOUR, monotonic: 0 },
])('a clock $clock does not prolong a share', ({ wall, monotonic }) => {
  const it = room();
  const { code } = it.shares.make(newShare);
  it.clocks.wall += wall;
  it.clocks.monotonic += monotonic;
  expect(codeGood(it, code)).toBe(false);
});

test('a share and its guests survive a restart, and end by the clock on the wall then', () => {
  const dir = tempDir();
  const before = room(openKeyFile(dir));
  const { share, code } = before.shares.make(newShare);
  const secret = before.shares.letIn(share, 'x');
  const other = before.shares.make({ ...newShare, lifeMs: HOUR / 4 });
  const text = readFileSync(path.join(dir, FILE_NAME), 'utf8');
  for (const hidden of [code, secret]) expect(text).not.toContain(hidden);

  const after = room(openKeyFile(dir), { wall: START + HOUR / 2, monotonic: 0 });
  expect([codeGood(after, code), codeGood(after, other.code)]).toEqual([true, false]);
  expect(after.shares.guestOf(secret)?.share).toBe(share.id);
  after.shares.sweep();
  expect(after.over.map(({ id }) => id)).toEqual([other.share.id]);
  after.pass(HOUR / 2);
  expect(after.shares.guestOf(secret)).toBeUndefined();

  // A clock that was set back gives it no more than its whole length.
  const back = room(openKeyFile(dir), { wall: START - 48 * HOUR, monotonic: 0 });
  expect(codeGood(back, code)).toBe(true);
  back.pass(HOUR);
  expect(codeGood(back, code)).toBe(false);
});

test('what the keyring writes and what the shares write stand beside each other', () => {
  const dir = tempDir();
  const { shares, keyring } = room(openKeyFile(dir));
  const { share } = shares.make(newShare);
  const { token } = keyring.makeToken({ name: 'wall', role: 'observer', lifeMs: undefined, by: 'ann' });
  shares.letIn(share, 'x');
  const { stored } = openKeyFile(dir);
  expect([
    stored.shares.map(({ id }) => id),
    stored.guests.length,
    stored.tokens.map(({ id }) => id),
  ]).toEqual([[share.id], 1, [token.id]]);
});

test('a file of before there were shares opens', () => {
  const dir = tempDir();
  writeFileSync(path.join(dir, FILE_NAME), '{"version":1,"tokens":[],"devices":[],"passkeys":[]}');
  const file = openKeyFile(dir);
  expect(file.trouble).toBeUndefined();
  expect(room(file).shares.of(session)).toEqual([]);
});

test('a share ends with the token of whoever made it: revoked, expired, or gone at the next start', () => {
  const dir = tempDir();
  const it = room(openKeyFile(dir));
  const token = (name: string, lifeMs?: number) =>
    it.keyring.makeToken({ name, role: 'operator', lifeMs, by: 'ann' }).token;
  const shareOf = (root: string) => it.shares.make({ ...newShare, root });
  const revoked = token('a');
  const ofRevoked = shareOf(`token:${revoked.id}`);
  const ofExpiring = shareOf(`token:${token('b', 1_000).id}`);
  const ofGone = shareOf('environment:another-token');
  const ofPerson = shareOf('person:ann');
  let told = 0;
  it.shares.whenEnded(() => told++);
  it.keyring.revokeToken(revoked.id);
  expect(told).toBeGreaterThan(0);
  expect(codeGood(it, ofRevoked.code)).toBe(false);
  it.pass(1_000);
  expect(codeGood(it, ofExpiring.code)).toBe(false);
  const after = room(openKeyFile(dir), it.clocks);
  expect([codeGood(after, ofGone.code), codeGood(after, ofPerson.code)]).toEqual([false, true]);
});

test('a share is ended by hand in its own session only, and all its guests are out', () => {
  const it = room();
  const { share, code } = it.shares.make(newShare);
  const { share: other } = it.shares.make(newShare);
  const secrets = [it.shares.letIn(share, 'x'), it.shares.letIn(share, 'y')];
  const stays = it.shares.letIn(other, 'z');
  const elsewhere = '22222222-2222-4222-8222-222222222222' as SessionId;
  expect(it.shares.end(elsewhere, share.id)).toBeUndefined();
  expect(codeGood(it, code)).toBe(true);
  expect(it.shares.end(session, share.id)).toBe(share);
  expect(secrets.map((secret) => it.shares.guestOf(secret))).toEqual([undefined, undefined]);
  expect(it.shares.guestOf(stays)).toBeDefined();
  expect(it.shares.end(session, share.id)).toBeUndefined();
  expect(it.over).toEqual([]);
});

test('one link has fifty guests, and the one that was seen longest ago makes way', () => {
  const it = room();
  const { share } = it.shares.make(newShare);
  const secrets = Array.from({ length: 50 }, () => {
    it.pass(1);
    return it.shares.letIn(share, 'x');
  });
  it.pass(60_000);
  const [first = '', second = ''] = secrets;
  expect(it.shares.guestOf(first)).toBeDefined();
  it.shares.letIn(share, 'one more');
  expect(it.shares.guestsOf(share.id)).toHaveLength(50);
  expect([it.shares.guestOf(first) === undefined, it.shares.guestOf(second)]).toEqual([false, undefined]);
});

test('a share that cannot be written down is not made; one that cannot be ended for good is out all the same', () => {
  let full = true;
  const file: KeyFile = {
    ...inMemory(),
    write: () => {
      if (full) throw new Error('disk is full');
    },
  };
  const it = room(file);
  expect(() => it.shares.make(newShare)).toThrow('No link was made');
  expect(it.shares.of(session)).toEqual([]);
  full = false;
  const { share } = it.shares.make(newShare);
  full = true;
  const secret = it.shares.letIn(share, 'x');
  expect(it.shares.guestOf(secret)).toBeDefined();
  expect(() => it.shares.end(session, share.id)).toThrow('only until this console starts again');
  expect(it.shares.guestOf(secret)).toBeUndefined();
});

test('the hundredth and first share link is refused', () => {
  const it = room();
  for (let i = 0; i < 100; i++) it.shares.make(newShare);
  expect(() => it.shares.make(newShare)).toThrow('end one');
  it.pass(HOUR);
  expect(codeGood(it, it.shares.make(newShare).code)).toBe(true);
});
