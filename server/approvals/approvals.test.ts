import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Asked, PolicyMode } from '../../protocol/approvals.ts';
import type { JournalEvent, JournaledBody } from '../../protocol/events.ts';
import { eventId, newSessionId, newTurnId, type TargetName, toolCallId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import { closeCalls } from './after-restart.ts';
import type { Approvals, Lives, Question } from './approvals.ts';
import { bindingOf } from './binding.ts';

const ann: Actor = { type: 'operator', name: 'ann', via: 'token' };
const bob: Actor = { type: 'operator', name: 'bob', via: 'token' };
const target = 'devvm' as TargetName;

const repair = (command: string): Asked => ({
  account: 'repair',
  input: { host: 'devvm', command, timeout_s: 120 },
});
const cycle: Asked = { verb: 'cycle', input: { host: 'pve', command: 'cycle' } };

function house(options: { mode?: PolicyMode; lives?: Lives; journal?: Journal } = {}) {
  const journal = options.journal ?? openJournal(tempDir());
  const approvals = approvalsOn(journal, options);
  const session = { id: newSessionId(), target };
  const stop = new AbortController();
  const turn_id = newTurnId();
  let calls = 0;
  const ask = (asked: Asked = repair('systemctl restart nginx'), more: Partial<Question> = {}) =>
    approvals.ask({
      session,
      toolCall: toolCallId(`call-${calls++}`),
      asked,
      said: 'It is stuck.',
      hasObserver: true,
      refusedIn: (mode) => mode === 'observe',
      record: async (body: JournaledBody, by: Actor = { type: 'agent', name: 'claude' }) => {
        await journal.append([{ ...body, actor: by, session_id: session.id, target, turn_id }]);
      },
      signal: stop.signal,
      ...more,
    });
  const events = () => journal.read({ session: session.id }, eventId(0), 1_000);
  return { journal, approvals, session, stop, ask, events };
}

/** The id of the first question. */
const asked = (events: readonly JournalEvent[]): string => {
  for (const event of events) if (event.kind === 'approval_requested') return event.approval_id;
  throw new Error('nothing was asked');
};

/** Resolves when so many wait. */
async function waiting(approvals: Approvals, count = 1) {
  await vi.waitFor(() => expect(approvals.waiting()).toHaveLength(count));
  const [first] = approvals.waiting();
  if (first === undefined) throw new Error('none waits');
  return first;
}

test('a yes is on disk before the call goes on, names who said it, and lets exactly this call run, once', async () => {
  const { approvals, session, ask, events } = house();
  const verdict = ask();
  const { approval_id, asked: what, said } = await waiting(approvals);
  expect({ asked: what, said }).toEqual({ asked: repair('systemctl restart nginx'), said: 'It is stuck.' });
  await approvals.answer(session, approval_id, { answer: 'approve' }, ann);
  const approved = await verdict;
  expect((await events()).map(({ kind }) => kind)).toEqual(['approval_requested', 'approval_resolved']);
  expect((await events()).at(-1)).toMatchObject({ answer: 'approved', by: 'ann', actor: ann });
  if (approved.type !== 'approved') throw new Error(approved.type);
  expect(approved.permit.use(repair('systemctl restart nginy'))).toBe(false);
  expect(approved.permit.use(repair('systemctl restart nginx'))).toBe(true);
  expect(approved.permit.use(repair('systemctl restart nginx'))).toBe(false);
  expect(approvals.waiting()).toEqual([]);
});

test('every part of what is asked is in the binding', () => {
  const bound = {
    asked: { account: 'repair', input: { host: 'devvm', command: 'df', stdin: 'x', timeout_s: 5 } } as Asked,
    session: newSessionId(),
    target,
    policyVersion: 1,
    expiresAt: '2026-01-01T00:00:00.000Z',
  };
  const { input } = bound.asked;
  const others = [
    { ...bound, asked: { account: 'observer', input } as Asked },
    { ...bound, asked: { verb: 'cycle', input } as Asked },
    ...(['host', 'command', 'stdin'] as const).map((part) => ({
      ...bound,
      asked: { account: 'repair', input: { ...input, [part]: `${input[part]} ` } } as Asked,
    })),
    { ...bound, asked: { account: 'repair', input: { ...input, timeout_s: 6 } } as Asked },
    { ...bound, asked: { account: 'repair', input: { ...input, despite_finding: true } } as Asked },
    { ...bound, session: newSessionId() },
    { ...bound, target: 'labvm' as TargetName },
    { ...bound, policyVersion: 2 },
    { ...bound, expiresAt: '2026-01-01T00:00:00.001Z' },
  ];
  const hashes = new Set([bound, ...others].map(bindingOf));
  expect(hashes.size).toBe(others.length + 1);
});

test('the same answer again is accepted, the opposite one is told who decided and when; also long after', async () => {
  const { approvals, session, ask } = house();
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  await approvals.answer(session, id, { answer: 'deny', reason: 'not at night' }, ann);
  expect(await verdict).toEqual({ type: 'denied', by: 'ann', reason: 'not at night' });
  expect(await approvals.answer(session, id, { answer: 'deny' }, bob)).toMatchObject({
    answer: 'denied',
    by: 'ann',
  });
  await expect(approvals.answer(session, id, { answer: 'approve' }, bob)).rejects.toMatchObject({
    code: 'answered-already',
    message: expect.stringMatching(/^ann has denied this at \d\d:\d\d:\d\d UTC\.$/),
  });
});

test('two phones at once: one answer counts, and the other is told', async () => {
  for (const order of [0, 1]) {
    const { approvals, session, ask, events } = house();
    const verdict = ask();
    const { approval_id: id } = await waiting(approvals);
    const answers = [
      () => approvals.answer(session, id, { answer: 'approve' }, ann),
      () => approvals.answer(session, id, { answer: 'deny' }, bob),
    ];
    const both = await Promise.allSettled(
      (order === 0 ? answers : answers.toReversed()).map((each) => each()),
    );
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((await verdict).type).toBe(order === 0 ? 'approved' : 'denied');
    expect((await events()).filter(({ kind }) => kind === 'approval_resolved')).toHaveLength(1);
  }
});

test('a question ends by itself, and the answer that comes then runs nothing', async () => {
  const { approvals, session, ask, events } = house({ lives: { verbMs: 30, commandMs: 60_000 } });
  expect(await ask(cycle)).toMatchObject({ type: 'no-answer' });
  const id = asked(await events());
  await expect(approvals.answer(session, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'too-late',
  });
  await vi.waitFor(async () => expect((await events()).at(-1)).toMatchObject({ answer: 'expired' }));
});

test('a clock that is set back prolongs nothing, and one that is set forward approves nothing', async () => {
  const { approvals, session, ask } = house({ lives: { verbMs: 60_000, commandMs: 60_000 } });
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  const real = Date.now;
  onTestFinished(() => {
    Date.now = real;
  });
  Date.now = () => real() + 61_000;
  await expect(approvals.answer(session, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'too-late',
  });
  Date.now = real;
  expect((await verdict).type).toBe('no-answer');

  const late = house({ lives: { verbMs: 50, commandMs: 50 } });
  const second = late.ask();
  Date.now = () => real() - 3_600_000;
  expect((await second).type).toBe('no-answer');
  await expect(
    late.approvals.answer(late.session, asked(await late.events()), { answer: 'approve' }, ann),
  ).rejects.toMatchObject({ code: 'too-late' });
});

test('a Stop denies it at once, also before it waits', async () => {
  const { approvals, session, ask, stop } = house();
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  stop.abort();
  expect(await verdict).toEqual({ type: 'stopped' });
  await expect(approvals.answer(session, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'answered-already',
  });
  expect(await ask()).toEqual({ type: 'stopped' });
});

test('a policy that is tightened makes what it refuses void, wherever the answer is', async () => {
  const { approvals, session, ask } = house();
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  await approvals.policies.set(session, { mode: 'observe' }, bob);
  expect(await verdict).toEqual({ type: 'void', mode: 'observe' });
  await expect(approvals.answer(session, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'too-late',
  });

  const racing = house();
  const second = racing.ask();
  const { approval_id } = await waiting(racing.approvals);
  const tightening = racing.approvals.policies.set(racing.session, { mode: 'observe' }, bob);
  const answer = racing.approvals.answer(racing.session, approval_id, { answer: 'approve' }, ann);
  await expect(answer).rejects.toMatchObject({ code: 'too-late' });
  await tightening;
  expect((await second).type).toBe('void');
});

test('the answer of another session does not count, and an unknown question is not found', async () => {
  const { approvals, ask, stop } = house();
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  const other = { id: newSessionId(), target };
  await expect(approvals.answer(other, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'unknown-approval',
  });
  expect(approvals.waiting()).toHaveLength(1);
  stop.abort();
  await verdict;
});

test('a journal that is full while one waits: the answer does not count, the person is told, and nothing runs', async () => {
  const journal = createMemoryJournal();
  const { approvals, session, ask } = house({ journal });
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  journal.mode = 'fail';
  await expect(approvals.answer(session, id, { answer: 'approve' }, ann)).rejects.toMatchObject({
    code: 'journal-unavailable',
  });
  expect(await verdict).toEqual({ type: 'unrecorded' });
});

test('a grant is given with the approval of a command, never of a verb, shows its end, and one tap ends it', async () => {
  const { approvals, session, ask, events } = house();
  const verdict = ask(cycle);
  const { approval_id: verb } = await waiting(approvals);
  await expect(
    approvals.answer(session, verb, { answer: 'approve', grant_minutes: 15 }, ann),
  ).rejects.toMatchObject({ code: 'invalid-input' });
  await approvals.answer(session, verb, { answer: 'approve' }, ann);
  await verdict;

  const second = ask();
  const { approval_id: id } = await waiting(approvals);
  const { grant } = await approvals.answer(session, id, { answer: 'approve', grant_minutes: 15 }, ann);
  expect((await second).type).toBe('approved');
  const read = await approvals.policies.reader(session);
  expect(read()).toMatchObject({ granted: true });
  expect((await approvals.policies.of(session)).grants).toEqual([grant]);
  const elsewhere = await approvals.policies.reader({ id: newSessionId(), target });
  expect(elsewhere()).toMatchObject({ granted: false });
  await approvals.policies.endGrant(session, grant?.grant_id ?? '', bob);
  expect(read()).toMatchObject({ granted: false });
  expect((await events()).at(-1)).toMatchObject({ kind: 'grant_ended', why: 'ended', actor: bob });
});

test('a mode is tightened for good and at once, loosened for a time only, and a grant ends when nothing may be changed', async () => {
  const { approvals, session, journal } = house();
  const { policies } = approvals;
  await policies.grant(session, 15, ann);
  const read = await policies.reader(session);
  const tightened = await policies.set(session, { mode: 'observe' }, ann);
  expect(read()).toMatchObject({ mode: 'observe' });
  expect(tightened).toMatchObject({ mode: 'observe', configured: 'ask', by: 'ann', grants: [] });
  expect(await approvalsOn(journal).policies.of(session)).toMatchObject({ mode: 'observe' });

  const loose = await policies.set(session, { mode: 'autonomous' }, bob);
  expect(Date.parse(loose.loosened_until ?? '') - Date.now()).toBeGreaterThan(59 * 60_000);
  await expect(policies.set(session, { mode: 'ask', minutes: 5 }, bob)).rejects.toMatchObject({
    code: 'invalid-input',
  });
  const later = approvalsOn(journal).policies;
  await later.recover();
  expect(await later.of(session)).toMatchObject({ mode: 'ask' });
});

test('tightening holds even where it cannot be recorded, and loosening does not', async () => {
  const journal = createMemoryJournal();
  const { approvals, session } = house({ journal });
  await approvals.policies.of(session);
  journal.mode = 'fail';
  await expect(approvals.policies.set(session, { mode: 'autonomous' }, ann)).rejects.toMatchObject({
    code: 'journal-unavailable',
  });
  expect(await approvals.policies.of(session)).toMatchObject({ mode: 'ask' });
  await expect(approvals.policies.set(session, { mode: 'observe' }, ann)).rejects.toMatchObject({
    code: 'journal-unavailable',
  });
  expect(await approvals.policies.of(session)).toMatchObject({ mode: 'observe' });
});

test('after a restart what waited is denied once, what was approved is told as unknown, and what was granted has ended', async () => {
  const { approvals, session, ask, events, journal } = house();
  const append = (body: JournaledBody) =>
    journal.append([{ ...body, actor: ann, session_id: session.id, target, turn_id: newTurnId() }]);
  const tool = (id: string): JournaledBody => ({
    kind: 'tool',
    name: 'ssh',
    input: { command: 'ssh devvm x' },
    tool_call_id: toolCallId(id),
  });
  await append(tool('call-0'));
  const approved = ask();
  const { approval_id } = await waiting(approvals);
  await approvals.answer(session, approval_id, { answer: 'approve' }, ann);
  await approved;
  await append(tool('call-1'));
  void ask();
  await waiting(approvals);
  await approvals.policies.grant(session, 15, ann);

  const later = approvalsOn(journal);
  await later.policies.recover();
  await journal.append(closeCalls(await events()));
  expect((await events()).slice(-4)).toMatchObject([
    { kind: 'grant_ended', why: 'restarted' },
    { kind: 'tool_result', tool_call_id: 'call-0', ended: 'unknown' },
    { kind: 'tool_result', tool_call_id: 'call-1', ended: 'denied' },
    { kind: 'approval_resolved', answer: 'denied', by: 'breakglass' },
  ]);
  expect(closeCalls(await events())).toEqual([]);
  expect(later.waiting()).toEqual([]);
});

test('fifty questions wait in fifty sessions, each for its own answer', async () => {
  const journal = openJournal(tempDir());
  const approvals = approvalsOn(journal);
  const stop = new AbortController();
  const all = Array.from({ length: 50 }, (_, index) => {
    const session = { id: newSessionId(), target };
    const verdict = approvals.ask({
      session,
      toolCall: toolCallId(`call-${index}`),
      asked: repair(`echo ${index}`),
      said: undefined,
      hasObserver: true,
      refusedIn: () => false,
      record: async (body, by = ann) => {
        await journal.append([{ ...body, actor: by, session_id: session.id, target }]);
      },
      signal: stop.signal,
    });
    return { session, verdict, index };
  });
  await waiting(approvals, 50);
  await Promise.all(
    all.map(async ({ session, index }) => {
      const mine = approvals.waiting().find(({ session_id }) => session_id === session.id);
      const answer = index % 2 === 0 ? 'approve' : 'deny';
      await approvals.answer(session, mine?.approval_id ?? '', { answer }, ann);
    }),
  );
  for (const { verdict, index } of all) {
    const { type } = await verdict;
    expect(type).toBe(index % 2 === 0 ? 'approved' : 'denied');
  }
  await sleep(0);
  expect(approvals.waiting()).toEqual([]);
});

/** A journal whose appends wait while it is held. */
function heldJournal() {
  const memory = createMemoryJournal();
  const real = memory.append.bind(memory);
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  memory.append = async (events) => {
    await gate.promise;
    return real(events);
  };
  return {
    journal: memory,
    hold: () => {
      gate = Promise.withResolvers<void>();
    },
    release: () => gate.resolve(),
  };
}

test('a grant that is being recorded while the mode is tightened does not come back with the next mode', async () => {
  const { journal, hold, release } = heldJournal();
  const { approvals, session, events } = house({ journal });
  const { policies } = approvals;
  const read = await policies.reader(session);
  hold();
  const grant = policies.grant(session, 15, ann);
  const tightening = policies.set(session, { mode: 'observe' }, bob);
  release();
  await expect(grant).rejects.toMatchObject({ code: 'too-late' });
  await tightening;
  await policies.set(session, { mode: 'ask' }, bob);
  expect(read()).toMatchObject({ mode: 'ask', granted: false });
  const kinds = (await events()).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'grant_ended')).toHaveLength(1);
});

test('a yes with a grant that cannot be recorded is a yes without one, and the person is told so', async () => {
  const journal = createMemoryJournal();
  const { approvals, session, ask } = house({ journal });
  const verdict = ask();
  const { approval_id: id } = await waiting(approvals);
  const answer = approvals.answer(session, id, { answer: 'approve', grant_minutes: 15 }, ann);
  journal.follow({ kinds: ['approval_resolved'] }, () => {
    journal.mode = 'fail';
  });
  await expect(answer).rejects.toMatchObject({
    code: 'journal-unavailable',
    message: expect.stringMatching(/^It is approved and runs\. The grant could not be recorded/),
  });
  expect((await verdict).type).toBe('approved');
  expect((await approvals.policies.of(session)).grants).toEqual([]);
});

test('of two modes that are set at once the tighter one holds, whoever is first on disk', async () => {
  for (const order of [0, 1]) {
    const { journal, hold, release } = heldJournal();
    const { approvals, session } = house({ journal });
    const { policies } = approvals;
    await policies.of(session);
    hold();
    const modes = [
      () => policies.set(session, { mode: 'autonomous' }, ann),
      () => policies.set(session, { mode: 'ask' }, bob),
    ];
    const both = (order === 0 ? modes : modes.toReversed()).map((each) => each());
    release();
    await Promise.all(both);
    expect(await policies.of(session)).toMatchObject({ mode: 'ask' });
  }
});

test('what only memory knows of a session is not forgotten for the sake of other sessions', async () => {
  const manyOthers = async (approvals: Approvals): Promise<void> => {
    for (let i = 0; i < 600; i++) await approvals.policies.of({ id: newSessionId(), target });
  };
  const full = createMemoryJournal();
  const { approvals, session } = house({ journal: full, mode: 'autonomous' });
  await approvals.policies.of(session);
  full.mode = 'fail';
  await approvals.policies.set(session, { mode: 'observe' }, ann).catch(() => undefined);
  await manyOthers(approvals);
  expect(await approvals.policies.of(session)).toMatchObject({ mode: 'observe' });

  const { journal, hold, release } = heldJournal();
  const slow = house({ journal, mode: 'autonomous' });
  await slow.approvals.policies.of(slow.session);
  hold();
  const tightening = slow.approvals.policies.set(slow.session, { mode: 'observe' }, ann);
  await manyOthers(slow.approvals);
  expect(await slow.approvals.policies.of(slow.session)).toMatchObject({ mode: 'observe' });
  release();
  await tightening;

  // Whoever looked before reads what was set after.
  const { approvals: third, session: long } = house({ mode: 'autonomous' });
  const read = await third.policies.reader(long);
  await manyOthers(third);
  await third.policies.set(long, { mode: 'observe' }, ann);
  expect(read()).toMatchObject({ mode: 'observe' });
});

test('a question whose session cannot be read ends with its call: nobody is shown it, and a yes to it is no yes', async () => {
  const journal = createMemoryJournal();
  const { approvals, session, ask } = house({ journal });
  const { policies } = approvals;
  const asking = ask(undefined, {
    record: async (body) => {
      await journal.append([{ ...body, actor: ann, session_id: session.id, target }]);
      if (body.kind !== 'approval_requested') return;
      // Out of memory meanwhile, and the disk does not answer.
      for (let i = 0; i < 600; i++) await policies.of({ id: newSessionId(), target });
      const gone = () => Promise.reject(new Error('the disk is gone'));
      Object.assign(journal, { read: gone, newest: gone });
    },
  });
  await expect(asking).rejects.toThrow('the disk is gone');
  expect(approvals.waiting()).toEqual([]);
});

test('a machine that slept does not show a question of yesterday: it ends when the machine wakes up', async () => {
  const { ask, approvals } = house({ lives: { verbMs: 600_000, commandMs: 600_000 } });
  const verdict = ask();
  await waiting(approvals);
  const real = Date.now;
  onTestFinished(() => {
    Date.now = real;
  });
  // The monotonic clock stood still meanwhile.
  Date.now = () => real() + 8 * 3_600_000;
  expect((await verdict).type).toBe('no-answer');
});
