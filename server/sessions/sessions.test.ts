import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { EphemeralEvent, JournalEvent } from '../../protocol/events.ts';
import { eventId, newTurnId, type SessionId, type TargetName, toolCallId } from '../../protocol/ids.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import {
  echo,
  result,
  type Script,
  scriptedAgent,
  stopped,
  text,
} from '../../test/support/scripted-agent.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import { Sessions } from './sessions.ts';
import { Slots } from './slots.ts';

const ann = { type: 'operator', name: 'ann' } as const;
const bob = { type: 'operator', name: 'bob' } as const;
const logger = pino({ level: 'silent' });
const target = 'devvm' as TargetName;

function house(
  script: Script,
  options: {
    journal?: Journal;
    turnTimeoutMs?: number;
    maxConcurrentTurns?: number;
    closeAgent?: () => Promise<void>;
  } = {},
) {
  const journal = options.journal ?? openJournal(tempDir());
  const agent = scriptedAgent(script, options.closeAgent);
  const sessions = new Sessions({
    journal,
    agent,
    isTarget: (name) => name === target,
    maxConcurrentTurns: options.maxConcurrentTurns ?? 2,
    turnTimeoutMs: options.turnTimeoutMs ?? 60_000,
    logger,
  });
  onTestFinished(() => sessions.close());
  const events = (session: SessionId): Promise<readonly JournalEvent[]> =>
    journal.read({ session }, eventId(0), 1_000);
  const kinds = async (session: SessionId): Promise<string[]> =>
    (await events(session)).map(({ kind }) => kind);
  const ended = async (session: SessionId, turns = 1): Promise<string[]> => {
    while ((await kinds(session)).filter((kind) => kind === 'turn_end').length < turns) await sleep(5);
    return kinds(session);
  };
  return { journal, agent, sessions, events, kinds, ended };
}

test('a turn is user, session, what the agent says, and one turn_end', async () => {
  const { sessions, ended } = house(echo);
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'hello', by: ann });
  expect(await ended(id)).toEqual(['session_opened', 'user', 'session', 'text', 'result', 'turn_end']);
});

test('two prompts in the same moment: one starts, one is refused', async () => {
  const { sessions, ended } = house(echo);
  const id = await sessions.open(ann, target);
  const both = await Promise.allSettled([
    sessions.prompt({ id, target }, { text: 'a', by: ann }),
    sessions.prompt({ id, target }, { text: 'b', by: bob }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(both.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code: 'turn-running' });
  await ended(id);
});

test('a queued prompt runs after the turn before it and is announced as started', async () => {
  const { sessions, ended, events } = house(echo);
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'one', by: ann });
  expect(await sessions.prompt({ id, target }, { text: 'two', by: bob, queue: true })).toMatchObject({
    status: 'queued',
  });
  const kinds = await ended(id, 2);
  expect(kinds.indexOf('unqueued')).toBeGreaterThan(kinds.indexOf('turn_end'));
  expect((await events(id)).filter(({ kind }) => kind === 'user').map((event) => event.actor.name)).toEqual([
    'ann',
    'bob',
  ]);
});

test('stop ends the turn as cancelled, names who, and drops what was queued', async () => {
  const { sessions, ended, events } = house(async (_prompt, log, signal) => {
    await log.record(text('working'));
    await stopped(signal);
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  await sessions.prompt({ id, target }, { text: 'then this', by: ann, queue: true });
  expect(await sessions.cancel(id, bob)).toBe(true);
  const kinds = await ended(id);
  expect(kinds.slice(-2)).toEqual(['cancelled', 'turn_end']);
  expect((await events(id)).find(({ kind }) => kind === 'unqueued')).toMatchObject({ reason: 'removed' });
  expect((await events(id)).find(({ kind }) => kind === 'cancelled')).toMatchObject({ by: 'bob' });
  expect(await sessions.cancel(id, bob)).toBe(false);
});

const refusal = (): Error => new Error('disk full');
/** A journal that refuses the batches of which `refuses` says so. */
function fragile(refuses: (kinds: readonly string[]) => boolean | Promise<boolean>): Journal {
  const journal = createMemoryJournal();
  const append: Journal['append'] = async (batch) => {
    if (await refuses(batch.map(({ kind }) => kind))) throw refusal();
    return journal.append(batch);
  };
  return { ...journal, append };
}

test.for(['text', 'turn_end'])(
  'what waited behind a turn whose %s could not be recorded does not run hours later: it is told as lost',
  async (unrecorded) => {
    const going = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    let full = true;
    const journal = fragile((kinds) => {
      if (!full || !(kinds.includes(unrecorded) || kinds.includes('turn_end'))) return false;
      if (kinds.includes('turn_end')) failed.resolve();
      return true;
    });
    const ran: string[] = [];
    const { sessions, ended, events } = house(
      async (prompt, log) => {
        ran.push(prompt);
        await going.promise;
        await log.record(text(prompt));
      },
      { journal },
    );
    const id = await sessions.open(ann, target);
    await sessions.prompt({ id, target }, { text: 'one', by: ann });
    await sessions.prompt({ id, target }, { text: 'two', by: ann, queue: true });
    going.resolve();
    await failed.promise;
    full = false;
    await ended(id);
    await expect
      .poll(async () => (await events(id)).at(-1))
      .toMatchObject({ kind: 'unqueued', reason: 'lost', actor: { name: 'breakglass' } });
    expect(ran).toEqual(['one']);
    expect(sessions.counts()).toMatchObject({ turns: 0, queued: 0 });
  },
);

test('a queued prompt whose start cannot be recorded never runs, and that is told once it can be', async () => {
  let isFull = false;
  const journal = fragile((kinds) => {
    if (kinds.includes('unqueued') && kinds.includes('user')) isFull = true;
    return isFull;
  });
  const going = Promise.withResolvers<void>();
  const ran: string[] = [];
  const { sessions, ended, events, kinds } = house(
    async (prompt) => {
      ran.push(prompt);
      await going.promise;
    },
    { journal },
  );
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'one', by: ann });
  await sessions.prompt({ id, target }, { text: 'two', by: ann, queue: true });
  await sessions.prompt({ id, target }, { text: 'three', by: ann, queue: true });
  going.resolve();
  while (!isFull) await sleep(5);
  expect(await sessions.cancel(id, ann)).toBe(false);
  isFull = false;
  await sessions.prompt({ id, target }, { text: 'four', by: ann });
  await ended(id, 2);
  await expect
    .poll(async () => (await kinds(id)).filter((kind) => kind === 'unqueued'), { timeout: 3_000 })
    .toHaveLength(2);
  expect(ran).toEqual(['one', 'four']);
  expect((await events(id)).filter(({ kind }) => kind === 'unqueued')).toMatchObject([
    { reason: 'lost' },
    { reason: 'lost' },
  ]);
  expect(sessions.entries).toBe(0);
});

test('stop drops what waits without a turn before it, and says that there was something', async () => {
  const first = Promise.withResolvers<boolean>();
  const second = Promise.withResolvers<boolean>();
  const journal = fragile((kinds) => {
    if (kinds.includes('user')) return first.promise;
    return kinds.includes('queued') ? second.promise : false;
  });
  const ran: string[] = [];
  const { sessions, kinds } = house(async (prompt) => void ran.push(prompt), { journal });
  const id = await sessions.open(ann, target);
  const one = sessions.prompt({ id, target }, { text: 'one', by: ann });
  const two = sessions.prompt({ id, target }, { text: 'two', by: ann, queue: true });
  first.resolve(true);
  await expect(one).rejects.toThrow('disk full');
  expect(await sessions.cancel(id, ann)).toBe(true);
  second.resolve(false);
  await two;
  await sessions.close();
  expect(ran).toEqual([]);
  expect(await kinds(id)).not.toContain('user');
});

test('an agent that does not end after a stop is closed, and the turn ends all the same', async () => {
  const { sessions, ended, agent } = house(async (_prompt, log) => {
    await log.record(text('deaf'));
    await new Promise(() => undefined);
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  await sessions.cancel(id, ann);
  expect((await ended(id)).filter((kind) => kind === 'turn_end')).toHaveLength(1);
  expect(agent.closed).toBe(1);
});

test('an agent that neither ends nor can be closed wedges nothing: the turn ends, the next prompt is taken, a shutdown resolves', async () => {
  const prompts: string[] = [];
  const never = (): Promise<never> => new Promise<never>(() => undefined);
  const { sessions, ended } = house(
    async (prompt, log, signal) => {
      prompts.push(prompt);
      await log.record(text(prompt));
      if (prompt === 'wedge') await never();
      await stopped(signal);
    },
    { closeAgent: never },
  );
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'wedge', by: ann });
  await sessions.cancel(id, bob);
  expect((await ended(id)).slice(-2)).toEqual(['cancelled', 'turn_end']);
  await sessions.prompt({ id, target }, { text: 'next', by: ann });
  expect(prompts).toEqual(['wedge', 'next']);
  await sessions.close();
  expect((await ended(id, 2)).slice(-2)).toEqual(['interrupted', 'turn_end']);
});

test('what an agent says after its turn has ended is refused, and only what may come later is taken, outside the turn', async () => {
  const late = Promise.withResolvers<unknown>();
  const { sessions, ended, events, kinds } = house(async (_prompt, log) => {
    setTimeout(() => {
      log
        .recordLater({ kind: 'far_side', tool_call_id: toolCallId('t1'), far_side: 'proven' })
        .then(() => log.record(text('too late')).then(late.resolve, late.resolve), late.reject);
    });
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'go', by: ann });
  await ended(id);
  expect(await late.promise).toBeInstanceOf(Error);
  expect((await kinds(id)).slice(-2)).toEqual(['turn_end', 'far_side']);
  expect((await events(id)).at(-1)?.turn_id).toBeUndefined();
});

test('a viewer that detaches twice detaches once: the running turn stays within reach of the others', async () => {
  const { sessions, ended, agent } = house(async (_prompt, log, signal) => {
    await log.record(text('working'));
    await stopped(signal);
  });
  const id = await sessions.open(ann, target);
  const slow = sessions.attach({ id, target }, () => undefined);
  slow.detach();
  const { detach } = sessions.attach({ id, target }, () => undefined);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  slow.detach();
  expect(sessions.viewers(id)).toBe(1);
  await expect(sessions.prompt({ id, target }, { text: 'third', by: bob })).rejects.toMatchObject({
    code: 'turn-running',
  });
  expect(await sessions.cancel(id, bob)).toBe(true);
  await ended(id);
  detach();
  expect(sessions.viewers(id)).toBe(0);
  // Once when the first viewer left, once when nothing needed the agent any more.
  expect(agent.released).toBe(2);
});

test('a prompt that could not be recorded leaves nothing behind', async () => {
  const journal = openJournal(tempDir());
  const { sessions, agent } = house(echo, { journal });
  const id = await sessions.open(ann, target);
  await journal.close();
  for (const text of ['one', 'two'])
    await expect(sessions.prompt({ id, target }, { text, by: ann })).rejects.toMatchObject({
      code: 'journal-unavailable',
    });
  expect(sessions.isRunning(id)).toBe(false);
  expect(sessions.entries).toBe(0);
  expect(agent.opened).toEqual([]);
});

test('a turn over its limit ends with an error that says so', async () => {
  const { sessions, ended, events } = house(
    async (_prompt, log, signal) => {
      await log.record(text('slow'));
      await stopped(signal);
    },
    { turnTimeoutMs: 30 },
  );
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  expect((await ended(id)).slice(-2)).toEqual(['error', 'turn_end']);
  expect((await events(id)).find(({ kind }) => kind === 'error')).toMatchObject({ code: 'turn-limit' });
});

test('an agent that throws ends the turn with an error, and the session stays usable', async () => {
  let calls = 0;
  const { sessions, ended } = house(async (prompt, log, signal) => {
    if (calls++ === 0) throw new Error('the process fell over');
    await echo(prompt, log, signal);
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'one', by: ann });
  expect((await ended(id)).slice(-2)).toEqual(['error', 'turn_end']);
  await sessions.prompt({ id, target }, { text: 'two', by: ann });
  expect((await ended(id, 2)).slice(-3)).toEqual(['text', 'result', 'turn_end']);
});

test('turns beyond the number of slots wait, say so, and can be stopped while they wait', async () => {
  let release = (): void => undefined;
  const { sessions, ended, kinds } = house(
    async (_prompt, log) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      await log.record(result('done'));
    },
    { maxConcurrentTurns: 1 },
  );
  const [first, second, third] = [
    await sessions.open(ann, target),
    await sessions.open(ann, target),
    await sessions.open(ann, target),
  ];
  await sessions.prompt({ id: first, target }, { text: 'a', by: ann });
  await sessions.prompt({ id: second, target }, { text: 'b', by: ann });
  await sessions.prompt({ id: third, target }, { text: 'c', by: ann });
  await sleep(20);
  expect((await kinds(second)).at(-1)).toBe('note');
  await sessions.cancel(third, ann);
  expect((await ended(third)).slice(-2)).toEqual(['cancelled', 'turn_end']);
  release();
  await ended(first);
  await sleep(20);
  release();
  expect((await ended(second)).slice(-2)).toEqual(['result', 'turn_end']);
});

test('the agent goes on only after its last step is on disk', async () => {
  const { sessions, ended, journal } = house(async (_prompt, log) => {
    await log.record(text('before'));
    const onDisk = await journal.read({ kinds: ['text'] }, eventId(0), 10);
    await log.record(result(String(onDisk.length)));
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'go', by: ann });
  await ended(id);
  expect((await journal.read({ kinds: ['result'] }, eventId(0), 10))[0]).toMatchObject({ result: '1' });
});

test('when the journal refuses, nothing further runs, viewers are told, and the turn ends once it can be recorded', async () => {
  const journal = openJournal(tempDir());
  let refuse = false;
  const fragile: Journal = new Proxy(journal, {
    get: (whole, key) => {
      if (key === 'append' && refuse) return () => Promise.reject(new Error('disk full'));
      const value: unknown = Reflect.get(whole, key);
      return typeof value === 'function' ? value.bind(whole) : value;
    },
  });
  let ran = false;
  const { sessions, ended, agent } = house(
    async (_prompt, log) => {
      refuse = true;
      await log.record(text('not recorded'));
      ran = true;
    },
    { journal: fragile },
  );
  const id = await sessions.open(ann, target);
  const seen: EphemeralEvent[] = [];
  sessions.attach({ id, target }, (event) => seen.push(event));
  await sessions.prompt({ id, target }, { text: 'go', by: ann });
  while (!seen.some(({ kind }) => kind === 'error')) await sleep(5);
  expect(ran).toBe(false);
  expect(agent.closed).toBe(1);
  refuse = false;
  expect((await ended(id)).slice(-2)).toEqual(['error', 'turn_end']);
});

test('a client that attaches during a turn gets the running block once, then what follows', async () => {
  const going = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  const { sessions, ended } = house(async (_prompt, log) => {
    log.show({ type: 'delta', text: 'Looking ' });
    log.show({ type: 'delta', text: 'at ' });
    await going.promise;
    log.show({ type: 'delta', text: 'the ' });
    log.show({ type: 'delta', text: 'disk' });
    await seen.promise;
    await log.record(text('Looking at the disk'));
  });
  const id = await sessions.open(ann, target);
  const first = Promise.withResolvers<EphemeralEvent>();
  const early = sessions.attach({ id, target }, first.resolve);
  await sessions.prompt({ id, target }, { text: 'go', by: ann });
  // Pieces of the same moment come as one.
  expect(await first.promise).toMatchObject({ kind: 'text_delta', text: 'Looking at ' });
  early.detach();
  const later: EphemeralEvent[] = [];
  const { snapshot, detach } = sessions.attach({ id, target }, (event) => {
    later.push(event);
    seen.resolve();
  });
  expect(snapshot).toMatchObject([{ kind: 'text_delta', text: 'Looking at ', snapshot: true }]);
  going.resolve();
  await ended(id);
  expect(later).toMatchObject([{ kind: 'text_delta', text: 'the disk' }]);
  detach();
  expect(sessions.viewers(id)).toBe(0);
});

test('a text that is finished at once is not sent twice, and the next one does not run ahead of it', async () => {
  const seen: (EphemeralEvent | JournalEvent)[] = [];
  const shown = Promise.withResolvers<void>();
  const { sessions, journal, ended } = house(async (_prompt, log) => {
    log.show({ type: 'delta', text: 'whole' });
    const recorded = log.record(text('whole'));
    log.show({ type: 'delta', text: 'next' });
    await recorded;
    await shown.promise;
    await log.record(text('next one'));
  });
  const id = await sessions.open(ann, target);
  journal.follow({ session: id }, (event) => event.kind === 'text' && seen.push(event));
  sessions.attach({ id, target }, (event) => {
    seen.push(event);
    shown.resolve();
  });
  await sessions.prompt({ id, target }, { text: 'go', by: ann });
  await ended(id);
  expect(seen.map((event) => [event.kind, 'text' in event ? event.text : ''])).toEqual([
    ['text', 'whole'],
    ['text_delta', 'next'],
    ['text', 'next one'],
  ]);
});

test('what a dead server left open is closed once, and only once', async () => {
  const { sessions, journal, kinds } = house(async (_prompt, log, signal) => {
    await log.record(text('working'));
    await stopped(signal);
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  await sessions.prompt({ id, target }, { text: 'later', by: ann, queue: true });
  await sleep(20);
  // A second house on the same journal stands for the next server; the first one never gets to say anything.
  const next = new Sessions({
    journal,
    agent: scriptedAgent(echo),
    isTarget: () => true,
    maxConcurrentTurns: 2,
    turnTimeoutMs: 60_000,
    logger,
  });
  await next.recover();
  await next.recover();
  expect((await kinds(id)).slice(-3)).toEqual(['interrupted', 'turn_end', 'unqueued']);
});

test('a shutdown ends every turn as interrupted before it resolves', async () => {
  const { sessions, kinds } = house(async (_prompt, log, signal) => {
    await log.record(text('working'));
    await stopped(signal);
  });
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'work', by: ann });
  await sessions.close();
  expect((await kinds(id)).slice(-2)).toEqual(['interrupted', 'turn_end']);
  await expect(sessions.prompt({ id, target }, { text: 'more', by: ann })).rejects.toMatchObject({
    code: 'shutting-down',
  });
});

test('a turn that waits for a person holds no slot, its limit stands still, and it goes on at once', async () => {
  const answered = Promise.withResolvers<void>();
  const { sessions, ended, events } = house(
    async (prompt, log) => {
      if (prompt !== 'ask') return echo(prompt, log, new AbortController().signal);
      const resume = log.pause();
      await answered.promise;
      resume();
      await log.record(result('ran'));
    },
    { maxConcurrentTurns: 1, turnTimeoutMs: 150 },
  );
  const asking = await sessions.open(ann, target);
  const other = await sessions.open(bob, target);
  await sessions.prompt({ id: asking, target }, { text: 'ask', by: ann });
  await sessions.prompt({ id: other, target }, { text: 'hello', by: bob });
  expect(await ended(other)).not.toContain('note');
  await sleep(300);
  expect(sessions.isRunning(asking)).toBe(true);
  answered.resolve();
  expect(await ended(asking)).not.toContain('error');
  expect((await events(asking)).some((event) => event.kind === 'result' && event.result === 'ran')).toBe(
    true,
  );
});

test('whoever goes on beyond the limit makes the next ones wait, and no slot is lost or made', async () => {
  const slots = new Slots(1);
  const { signal } = new AbortController();
  const first = await slots.take(signal);
  first?.();
  const second = await slots.take(signal);
  const resumed = slots.takeAtOnce();
  expect(slots.full).toBe(true);
  let third: (() => void) | undefined;
  void slots.take(signal).then((giveBack) => {
    third = giveBack;
  });
  second?.();
  await sleep(0);
  expect(third).toBeUndefined();
  resumed();
  resumed();
  await sleep(0);
  expect(third).toBeDefined();
  third?.();
  expect(slots.full).toBe(false);
});

test('a call that a dead server had under way is told as not known, before the turn is closed', async () => {
  const journal = openJournal(tempDir());
  const { sessions, events } = house(echo, { journal });
  const id = await sessions.open(ann, target);
  const turn_id = newTurnId();
  const scope = { actor: ann, target, session_id: id, turn_id };
  await journal.append([
    { kind: 'user', text: 'fix it', ...scope },
    { kind: 'tool', name: 'ssh', input: { command: 'x' }, tool_call_id: toolCallId('a'), ...scope },
  ]);
  await sessions.recover();
  expect((await events(id)).slice(-3)).toMatchObject([
    { kind: 'tool_result', tool_call_id: 'a', ended: 'unknown', far_side: 'unproven' },
    { kind: 'interrupted' },
    { kind: 'turn_end' },
  ]);
});

test('a question that waits when the journal fails is denied with the end of its turn: no page goes on asking it', async () => {
  const journal = createMemoryJournal();
  const question = {
    kind: 'approval_requested',
    approval_id: crypto.randomUUID(),
    tool_call_id: toolCallId('call'),
    asked: { account: 'repair', input: { host: 'devvm', command: 'reboot' } },
    binding: 'hash',
    expires_at: new Date().toISOString(),
    observer: true,
  } as const;
  const { sessions, ended, events } = house(
    async (_prompt, log) => {
      await log.record(question);
      journal.mode = 'fail';
      await log.record(text('another call')).catch(() => undefined);
      await log
        .record({ kind: 'approval_resolved', approval_id: question.approval_id, answer: 'denied', by: 'x' })
        .catch(() => undefined);
      journal.mode = 'work';
    },
    { journal },
  );
  const id = await sessions.open(ann, target);
  await sessions.prompt({ id, target }, { text: 'fix it', by: ann });
  expect((await ended(id)).slice(-4)).toEqual([
    'approval_requested',
    'approval_resolved',
    'error',
    'turn_end',
  ]);
  expect((await events(id)).find(({ kind }) => kind === 'approval_resolved')).toMatchObject({
    approval_id: question.approval_id,
    answer: 'denied',
    by: 'breakglass',
  });
});
