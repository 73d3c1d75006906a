import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { JournalEvent, NewEvent } from '../../protocol/events.ts';
import { eventId, newSessionId, newTurnId, type TargetName } from '../../protocol/ids.ts';
import {
  type Came,
  type PostReceiver,
  startPostReceiver as startReceiver,
} from '../../test/support/post-receiver.ts';
import { pushBrowser } from '../../test/support/push-receiver.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { eventually, until } from '../../test/support/wait-for.ts';
import type { NotifyConfig } from '../config/notify.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import { type Notify, type NotifyParts, startNotify } from './notify.ts';

const logger = pino({ level: 'silent' });
const SECRET = 'webhook-secret-0123456789';
const COMMAND = 'dd if=/dev/zero of=/secret';
const session_id = newSessionId();
const target = 'devvm' as TargetName;
const scope = { actor: { type: 'server', name: 'test' }, target, session_id } as const;
const owner = { name: 'ann', root: 'person:ann' };

const question = (lifeMs = 600_000, from = Date.now()): NewEvent & { approval_id: string } => ({
  ...scope,
  kind: 'approval_requested',
  tool_call_id: 'call' as never,
  approval_id: crypto.randomUUID(),
  asked: { account: 'repair', input: { host: 'devvm', command: COMMAND } },
  binding: 'hash',
  expires_at: new Date(from + lifeMs).toISOString(),
  observer: true,
});
const verdict = (title: string): NewEvent => ({
  ...scope,
  kind: 'incident_verdict',
  incident_id: crypto.randomUUID(),
  title,
  detail: 'The disk is full.',
  agent: 'not-configured',
});

async function startPostReceiver(): Promise<PostReceiver> {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  return receiver;
}

interface House {
  readonly dir: string;
  readonly journal: Journal;
  readonly receiver: PostReceiver;
  readonly start: (over?: Partial<NotifyParts>, config?: Partial<NotifyConfig>) => Notify;
}

async function house(): Promise<House> {
  const dir = tempDir();
  const journal = openJournal(dir);
  onTestFinished(() => journal.close());
  const receiver = await startPostReceiver();
  return {
    dir,
    journal,
    receiver,
    start(over = {}, config = {}) {
      const notify = startNotify({
        config: {
          push: { contact: 'mailto:ann@example.com', local: true },
          ntfy: undefined,
          webhook: undefined,
          turnMs: 60_000,
          publicUrl: 'https://breakglass.example',
          ...config,
        },
        dataDir: dir,
        journal,
        stands: () => true,
        askViewers: () => 0,
        logger,
        pauseMs: () => 5,
        ...over,
      });
      onTestFinished(() => notify.close());
      return notify;
    },
  };
}

const ntfyAt = (receiver: PostReceiver): Partial<NotifyConfig> => ({
  ntfy: { url: `${receiver.url}/topic`, token: 'tk_secret' },
});
type Result = Extract<JournalEvent, { kind: 'notified' }>;
async function results(journal: Journal, channel: string): Promise<readonly Result[]> {
  const all = await journal.read({ kinds: ['notified'] }, eventId(0), 10_000);
  return all.flatMap((event) => (event.kind === 'notified' && event.channel === channel ? [event] : []));
}
const resultOf = (journal: Journal, channel: string, about: number): Promise<Result> =>
  until(`the result of ${channel}`, async () =>
    (await results(journal, channel)).find((event) => event.about === about),
  );
/** A new channel begins at the head; events from now on concern it. */
const ready = async (journal: Journal, ...channels: readonly string[]): Promise<void> => {
  for (const name of channels) await journal.outbox(`notify-${name}`).state();
};
async function append(journal: Journal, event: NewEvent): Promise<JournalEvent> {
  const [stored] = await journal.append([event]);
  if (stored === undefined) throw new Error('nothing was stored');
  return stored;
}
const titles = (came: readonly Came[]): string[] => came.map(({ headers }) => String(headers['title']));

test('a question arrives as a push that only the browser can read, urgent and no longer alive than the question', async () => {
  const { journal, receiver, start, dir } = await house();
  const notify = start();
  const browser = pushBrowser(receiver.url, notify.publicKey());
  receiver.answer = () => 201;
  await notify.push.add(browser.subscription, owner, 'Chrome on Android');
  await ready(journal, 'push');
  const asked = await append(journal, question());
  expect(await resultOf(journal, 'push', asked.id)).toMatchObject({ result: 'sent', session_id, target });
  expect(receiver.came).toHaveLength(1);
  const { payload, ttlS, urgency, topic, contact } = browser.open(receiver.came[0] as Came);
  expect(payload).toMatchObject({
    title: 'devvm: the agent asks you',
    url: `/#/s/${session_id}`,
    urgent: true,
  });
  expect(JSON.stringify(payload)).not.toContain('secret');
  expect({ urgency, contact }).toEqual({ urgency: 'high', contact: 'mailto:ann@example.com' });
  expect(ttlS).toBeGreaterThan(0);
  expect(ttlS).toBeLessThanOrEqual(600);
  expect(topic).toMatch(/^[\w-]{1,32}$/);
  expect(statSync(path.join(dir, 'push.json')).mode & 0o777).toBe(0o600);
  // The key outlives the console, or every browser would have to be turned on again.
  const key = notify.publicKey();
  await notify.close();
  expect(start().publicKey()).toBe(key);
});

test('ntfy gets a title, a priority and where to tap; the webhook a signature that a receiver can check', async () => {
  const { journal, receiver, start } = await house();
  const hook = await startPostReceiver();
  start({}, { ...ntfyAt(receiver), webhook: { url: `${hook.url}/hook`, secret: SECRET } });
  await ready(journal, 'ntfy', 'webhook');
  const asked = await append(journal, question());
  const told = await append(journal, verdict('Speicher läuft voll'));
  for (const channel of ['ntfy', 'webhook'])
    for (const { id } of [asked, told]) expect((await resultOf(journal, channel, id)).result).toBe('sent');
  expect(receiver.came[0]).toMatchObject({
    path: '/topic',
    headers: {
      title: 'devvm: the agent asks you',
      priority: '5',
      click: `https://breakglass.example/#/s/${session_id}`,
      authorization: 'Bearer tk_secret',
    },
  });
  const encoded = /^=\?UTF-8\?B\?(.*)\?=$/.exec(titles(receiver.came)[1] ?? '')?.[1] ?? '';
  expect(Buffer.from(encoded, 'base64').toString()).toBe('devvm: Speicher läuft voll');
  const [first] = hook.came;
  const signed = [first?.headers['webhook-id'], first?.headers['webhook-timestamp'], first?.body]
    .map(String)
    .join('.');
  expect(first?.headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`,
  );
  expect(JSON.parse(String(first?.body))).toMatchObject({
    type: 'approval_requested',
    data: { target, session_id, urgency: 'high', url: `https://breakglass.example/#/s/${session_id}` },
  });
  for (const { body } of [...receiver.came, ...hook.came]) expect(body.toString()).not.toContain('secret');
});

test('a receiver in trouble is tried again until it takes it, and each arrives once and in order', async () => {
  const { journal, receiver, start } = await house();
  let troubles = 3;
  receiver.answer = () => (troubles-- > 0 ? 503 : 200);
  start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const asked = await append(journal, verdict('one'));
  expect(await resultOf(journal, 'ntfy', asked.id)).toMatchObject({ result: 'sent' });
  const more = await append(journal, verdict('two'));
  await resultOf(journal, 'ntfy', more.id);
  expect(titles(receiver.came)).toEqual([...Array(4).fill('devvm: one'), 'devvm: two']);
});

test('what cannot be sent within its life is recorded with the reason, and what comes later still arrives', async () => {
  const { journal, receiver, start } = await house();
  let now = Date.now();
  receiver.answer = ({ headers }) => (headers['title'] === 'devvm: the agent asks you' ? 503 : 200);
  start({ now: () => now }, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const asked = await append(journal, question(120_000));
  await until('some attempts', () => receiver.came.length > 2);
  // Beside one that is stuck, others go on.
  const beside = await append(journal, verdict('beside'));
  expect((await resultOf(journal, 'ntfy', beside.id)).result).toBe('sent');
  now += 121_000;
  const failed = await resultOf(journal, 'ntfy', asked.id);
  expect(failed).toMatchObject({ result: 'failed' });
  expect(failed.detail).toMatch(/within its 2 min.*503/);
  const later = await append(journal, { ...verdict('later') });
  expect((await resultOf(journal, 'ntfy', later.id)).result).toBe('sent');
});

test('what one receiver cannot take for hours holds up nothing, however much happens meanwhile', async () => {
  const { journal, receiver, start } = await house();
  receiver.answer = ({ headers }) => (headers['title'] === 'devvm: stuck' ? 503 : 200);
  start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  await append(journal, verdict('stuck'));
  await until('some attempts', () => receiver.came.length > 2);
  for (let i = 0; i < 60; i++) await append(journal, { ...scope, kind: 'turn_end', turn_id: newTurnId() });
  const asked = await append(journal, question());
  expect((await resultOf(journal, 'ntfy', asked.id)).result).toBe('sent');
  const later = await append(journal, verdict('later'));
  expect((await resultOf(journal, 'ntfy', later.id)).result).toBe('sent');
  expect(titles(receiver.came).filter((title) => title === 'devvm: later')).toHaveLength(1);
});

test('a console that was away says what it could not tell, but not of what was long over', async () => {
  const { journal, receiver, start } = await house();
  await ready(journal, 'ntfy');
  const old = await append(journal, verdict('old'));
  const HOUR_MS = 3_600_000;
  const first = start({ now: () => Date.now() + 5 * HOUR_MS }, ntfyAt(receiver));
  expect(await resultOf(journal, 'ntfy', old.id)).toMatchObject({
    result: 'failed',
    detail: expect.stringMatching(/4 h/),
  });
  await first.close();
  const older = await append(journal, verdict('older'));
  const fresh = await append(journal, { ...question(60 * HOUR_MS) });
  start({ now: () => Date.now() + 40 * HOUR_MS }, ntfyAt(receiver));
  expect((await resultOf(journal, 'ntfy', fresh.id)).result).toBe('sent');
  expect((await results(journal, 'ntfy')).map(({ about }) => about)).not.toContain(older.id);
  expect(receiver.came).toHaveLength(1);
});

test('a refusal is recorded at once, a redirect is not followed, and neither holds up the next', async () => {
  const { journal, receiver, start } = await house();
  const answers = [403, 302, 200];
  receiver.answer = () => answers.shift() ?? 200;
  start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const ids: number[] = [];
  for (const title of ['refused', 'elsewhere', 'good']) ids.push((await append(journal, verdict(title))).id);
  const found = await Promise.all(ids.map((id) => resultOf(journal, 'ntfy', id)));
  expect(found.map(({ result }) => result)).toEqual(['failed', 'failed', 'sent']);
  expect(found[0]?.detail).toMatch(/403/);
  expect(receiver.came.map(({ path: at }) => at)).toEqual(['/topic', '/topic', '/topic']);
});

test('a device is forgotten when its push service says that it is gone; the others get it', async () => {
  const { journal, receiver, start } = await house();
  const notify = start();
  const [here, gone] = [
    pushBrowser(receiver.url, notify.publicKey()),
    pushBrowser(receiver.url, notify.publicKey()),
  ];
  await notify.push.add(here.subscription, owner, 'here');
  await notify.push.add(gone.subscription, owner, 'gone');
  receiver.answer = ({ path: at }) => (gone.subscription.endpoint.endsWith(at) ? 410 : 201);
  await ready(journal, 'push');
  const asked = await append(journal, question());
  expect(await resultOf(journal, 'push', asked.id)).toMatchObject({ result: 'sent' });
  expect(notify.push.devices().map(({ label }) => label)).toEqual(['here']);
  receiver.answer = () => 404;
  const next = await append(journal, question());
  expect((await resultOf(journal, 'push', next.id)).result).toBe('no-device');
  expect((await resultOf(journal, 'push', (await append(journal, question())).id)).result).toBe('no-device');
  expect(notify.push.devices()).toEqual([]);
});

test('while one device is in trouble the other is not rung again and again', async () => {
  const { journal, receiver, start } = await house();
  const notify = start();
  const [good, bad] = [
    pushBrowser(receiver.url, notify.publicKey()),
    pushBrowser(receiver.url, notify.publicKey()),
  ];
  await notify.push.add(good.subscription, owner, 'good');
  await notify.push.add(bad.subscription, owner, 'bad');
  let troubles = 4;
  const isBad = (at: string): boolean => bad.subscription.endpoint.endsWith(at);
  receiver.answer = ({ path: at }) => (isBad(at) && troubles-- > 0 ? 500 : 201);
  await ready(journal, 'push');
  const asked = await append(journal, question());
  expect(await resultOf(journal, 'push', asked.id)).toMatchObject({
    result: 'sent',
    detail: '2 of 2 devices took it.',
  });
  expect(receiver.came.filter(({ path: at }) => !isBad(at))).toHaveLength(1);
});

test('only an answer that somebody looks keeps it silent: an open page that does not answer does not', async () => {
  const { journal, receiver, start } = await house();
  const nonces: string[] = [];
  let looks = true;
  const notify: Notify = start(
    {
      askViewers: (_watched, nonce) => {
        nonces.push(nonce);
        if (looks) setImmediate(() => notify.looked(nonce));
        else setImmediate(() => notify.looked(nonces[0] ?? ''));
        return 1;
      },
      // Long enough to be answered, and run into below.
      answerWithinMs: 300,
    },
    ntfyAt(receiver),
  );
  await ready(journal, 'ntfy', 'push');
  const seen = await append(journal, question());
  for (const channel of ['ntfy', 'push'])
    expect((await resultOf(journal, channel, seen.id)).result).toBe('suppressed');
  // The channels asked once for all of them.
  expect(nonces).toHaveLength(1);
  expect(receiver.came).toHaveLength(0);
  looks = false; // It answers with a nonce that is spent.
  const unseen = await append(journal, question());
  expect((await resultOf(journal, 'ntfy', unseen.id)).result).toBe('sent');
  expect(receiver.came).toHaveLength(1);
});

test('a question that was answered while the receiver was down rings nobody', async () => {
  const { journal, receiver, start } = await house();
  receiver.answer = () => 503;
  start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const asked = question();
  const { id } = await append(journal, asked);
  await until('an attempt', () => receiver.came.length > 0);
  await append(journal, {
    ...scope,
    kind: 'approval_resolved',
    approval_id: asked.approval_id,
    answer: 'denied',
    by: 'ann',
  });
  expect(await resultOf(journal, 'ntfy', id)).toMatchObject({
    result: 'suppressed',
    detail: expect.stringMatching(/ann/),
  });
});

test('a turn is told by how long it really ran', async () => {
  const { journal, receiver, start } = await house();
  const turn = (minutesAgo: number) => ({ turn_id: newTurnId(), ...scope, minutesAgo });
  start({}, { ...ntfyAt(receiver), turnMs: 0 });
  await ready(journal, 'ntfy');
  const { minutesAgo: _, ...one } = turn(0);
  await append(journal, { ...one, kind: 'user', text: 'look at the secret' });
  const end = await append(journal, { ...one, kind: 'turn_end' });
  expect((await resultOf(journal, 'ntfy', end.id)).result).toBe('sent');
  const { minutesAgo: __, ...other } = turn(0);
  await append(journal, { ...other, kind: 'user', text: 'look at the secret' });
  await append(journal, { ...other, kind: 'cancelled', by: 'ann' });
  await append(journal, { ...other, kind: 'turn_end' });
  const after = await append(journal, verdict('after'));
  await resultOf(journal, 'ntfy', after.id);
  expect(titles(receiver.came)).toEqual(['devvm: the agent is done', 'devvm: after']);
  expect(String(receiver.came[0]?.body)).not.toContain('secret');
});

test('a flood arrives in order, each once, and is sent one after the other', async () => {
  const { journal, receiver, start } = await house();
  start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const names = Array.from({ length: 300 }, (_, index) => `number ${index}`);
  await journal.append(names.map(verdict));
  await until('all of them', () => receiver.came.length >= names.length);
  await eventually(async () => expect(await results(journal, 'ntfy')).toHaveLength(names.length));
  expect(titles(receiver.came)).toEqual(names.map((name) => `devvm: ${name}`));
});

test('a restart sends what hung, and nothing twice that was recorded', async () => {
  const { journal, receiver, start } = await house();
  receiver.answer = ({ headers }) => (headers['title'] === 'devvm: hangs' ? 'hang' : 200);
  const first = start({}, ntfyAt(receiver));
  await ready(journal, 'ntfy');
  const [done, hangs] = [await append(journal, verdict('done')), await append(journal, verdict('hangs'))];
  await resultOf(journal, 'ntfy', done.id);
  await until('the one that hangs', () => receiver.came.length === 2);
  await first.close();
  expect(await results(journal, 'ntfy')).toHaveLength(1);
  receiver.release();
  start({}, ntfyAt(receiver));
  expect((await resultOf(journal, 'ntfy', hangs.id)).result).toBe('sent');
  expect(titles(receiver.came)).toEqual(['devvm: done', 'devvm: hangs', 'devvm: hangs']);
});

test('a console that is killed again and again loses none, and repeats only what was on its way', async () => {
  const { dir, receiver } = await house();
  const url = `${receiver.url}/topic`;
  const KILLS = 4;
  let last = 0;
  for (let round = 0; round <= KILLS; round++) {
    const from = last + 1;
    const child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, 'notify.fixture.ts'), dir, url, String(from), String(from + 39)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    child.stdout.on('data', (data: Buffer) => {
      last = Math.max(last, ...data.toString().trim().split('\n').map(Number));
    });
    // Killed somewhere among them; the last one may send everything.
    const enough = round === KILLS ? from + 39 : from + 7 * (round + 1);
    await until('its events', () => last >= enough);
    if (round === KILLS)
      await until('the last one', () => titles(receiver.came).includes(`devvm: number ${last}`));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  const numbers = titles(receiver.came).map((title) => Number(title.replace('devvm: number ', '')));
  const missing = Array.from({ length: last }, (_, index) => index + 1).filter(
    (each) => !numbers.includes(each),
  );
  expect(missing).toEqual([]);
  // Each kill may repeat the page that was on its way, and no more.
  expect(numbers.length - new Set(numbers).size).toBeLessThanOrEqual(KILLS);
}, 120_000);

test('a test says what really happened, for each channel and each device', async () => {
  const { receiver, start } = await house();
  const notify = start({}, ntfyAt(receiver));
  expect(await notify.test('push', undefined)).toMatchObject({ result: 'no-device' });
  expect(await notify.test('webhook', undefined)).toMatchObject({ result: 'failed' });
  await expect(notify.test('push', 'nobody')).rejects.toMatchObject({ code: 'unknown-device' });
  expect(await notify.test('ntfy', undefined)).toMatchObject({ result: 'sent' });
  receiver.answer = () => 401;
  expect(await notify.test('ntfy', undefined)).toMatchObject({
    result: 'failed',
    detail: expect.stringMatching(/401/),
  });
  const browser = pushBrowser(receiver.url, notify.publicKey());
  const { id } = await notify.push.add(browser.subscription, owner, 'phone');
  receiver.answer = () => 500;
  expect(await notify.test('push', id)).toMatchObject({
    result: 'failed',
    detail: expect.stringMatching(/phone.*500/),
  });
  receiver.answer = () => 201;
  expect(await notify.test('push', id)).toMatchObject({ result: 'sent' });
});

test('a device ends with what its owner came in by', async () => {
  const { receiver, start } = await house();
  let good = true;
  const notify = start({ stands: () => good });
  const browser = pushBrowser(receiver.url, notify.publicKey());
  await notify.push.add(browser.subscription, owner, 'phone');
  await notify.push.add(browser.subscription, owner, 'phone');
  expect(notify.push.devices()).toHaveLength(1);
  good = false;
  expect(await notify.test('push', undefined)).toMatchObject({ result: 'no-device' });
  good = true;
  expect(notify.push.devices()).toEqual([]);
});

test('what no browser sends is refused with the reason', async () => {
  const { receiver, start } = await house();
  const notify = start({}, { push: { contact: 'mailto:ann@example.com', local: false } });
  const { subscription } = pushBrowser(receiver.url, notify.publicKey());
  await expect(notify.push.add(subscription, owner, 'x')).rejects.toThrow(/not https/);
  const bad = { endpoint: 'https://push.example/x', keys: { p256dh: 'AAAA', auth: 'AAAA' } };
  await expect(notify.push.add(bad, owner, 'x')).rejects.toMatchObject({ code: 'invalid-input' });
  expect(notify.push.devices()).toEqual([]);
});

test('a device in a network of ours that was taken while that was allowed gets nothing once it is not', async () => {
  const { journal, receiver, start } = await house();
  const first = start();
  const { subscription } = pushBrowser(receiver.url, first.publicKey());
  await first.push.add(subscription, owner, 'lab');
  await ready(journal, 'push');
  await first.close();
  start({}, { push: { contact: 'mailto:ann@example.com', local: false } });
  const asked = await append(journal, question());
  const { result, detail } = await resultOf(journal, 'push', asked.id);
  expect(receiver.came).toEqual([]);
  expect({ result, detail }).toMatchObject({ result: 'failed', detail: expect.stringMatching(/not https/) });
});
