// The gates before a verb, over a power that only notes what reached it.
import { expect, test } from 'vitest';
import type { KnownVm } from '../../protocol/applicable-verbs.ts';
import type { Contradiction } from '../../protocol/contradiction.ts';
import { newOperationId, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { type MutatingVerb, VERBS, type Verb } from '../../protocol/verbs.ts';
import type { VerbRequest } from '../power/port.ts';
import { createPress, type PressRequest } from './press.ts';
import { createRepeats, parseIdempotencyKey } from './repeats.ts';
import { createSecondPresses } from './second-press.ts';

const target = 'devvm' as TargetName;
const ann = { type: 'operator', name: 'ann' } as const;
const bob = { type: 'operator', name: 'bob' } as const;
const HOUR_MS = 3_600_000;

const against = (...warned: MutatingVerb[]): TriageReport => ({
  target,
  at: 'x',
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'Stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned,
    advice: 'Cycle.',
    inputs: [],
  },
});

function house(
  quickTriage: () => Promise<TriageReport> = async () => against(),
  vmNow: () => Promise<KnownVm | undefined> = async () => undefined,
) {
  const started: VerbRequest[] = [];
  const operations: Operation[] = [];
  const time = { ms: 0, busy: false };
  const made = createPress({
    target,
    power: {
      checkFree(verb) {
        if (time.busy) throw new BreakglassError('verb-running', `another verb runs, so ${verb} does not`);
      },
      async start(request) {
        started.push(request);
        const { verb, by } = request;
        const at = new Date(0).toISOString();
        const operation = { id: newOperationId(), target, verb, by, started_at: at, steps: [] } as const;
        operations.push({ ...operation, state: 'running' });
        return { ...operation, state: 'running' };
      },
    },
    quickTriage,
    vmNow,
    secondPresses: createSecondPresses(() => time.ms),
    repeats: createRepeats(
      async ({ id }) => operations.find((operation) => operation.id === id),
      () => time.ms,
    ),
  });
  const press = (request: PressRequest): Promise<Operation> => made.press(request);
  const look = (verb: Verb): Promise<Contradiction | undefined> => made.against(verb);
  return { press, look, whyNot: (verb: Verb) => made.whyNot(verb), started, time };
}

const plain = (verb: string, more: Partial<PressRequest> = {}): PressRequest => ({
  verb,
  by: ann,
  session: undefined,
  permission: { type: 'person' },
  applies: { type: 'refused' },
  secondPress: { type: 'token', token: undefined },
  once: { type: 'no-key' },
  ...more,
});
const keyed = (verb: string, more: Partial<PressRequest> = {}): PressRequest =>
  plain(verb, { once: { type: 'key', key: parseIdempotencyKey('k') }, ...more });
/** Of a refusal; anything else fails the test. */
const refused = async (pressing: Promise<unknown>): Promise<string> => {
  const error: unknown = await pressing.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof BreakglassError)) throw error;
  expect(error.code).toBe('contradicts-finding');
  return String(error.extra['confirm']);
};

test('only the exact word is a verb', async () => {
  const { press, started } = house();
  for (const word of ['', 'Cycle', ' cycle', 'cycle ', 'cycle\n', 'evidence', 'x'.repeat(100_000)])
    await expect(press(plain(word))).rejects.toMatchObject({ code: 'unknown-verb' });
  expect(started).toEqual([]);
  for (const verb of VERBS) await press(plain(verb));
  expect(started.map(({ verb }) => verb)).toEqual([...VERBS]);
});

test('a verb that contradicts triage needs a second press, with a token for exactly that verb and person', async () => {
  const { press, started, time } = house(async () => against('reset', 'stop'));
  const token = await refused(press(plain('reset')));
  const second = (token: string) => ({ type: 'token', token }) as const;
  await refused(press(plain('stop', { secondPress: second(token) })));
  expect(started).toEqual([]);
  const mine = await refused(press(plain('reset')));
  await refused(press(plain('reset', { by: bob, secondPress: second(mine) })));
  const late = await refused(press(plain('reset')));
  time.ms += 60_000;
  await refused(press(plain('reset', { secondPress: second(late) })));
  expect(started).toEqual([]);
  const good = await refused(press(plain('reset')));
  await press(plain('reset', { secondPress: second(good) }));
  expect(started).toMatchObject([{ verb: 'reset', finding: { finding: { code: 'block-path-stalled' } } }]);
});

test('each way has its own second press: none for the fixed route, what was shown for the page, a statement for the agent', async () => {
  const { press, started, look } = house(async () => against('reset'));
  expect(await look('reset')).toMatchObject({ code: 'block-path-stalled' });
  expect(await look('cycle')).toBeUndefined();
  await press(plain('reset', { secondPress: { type: 'not-asked' } }));
  await press(plain('reset', { secondPress: { type: 'shown', code: 'block-path-stalled' } }));
  await press(plain('reset', { secondPress: { type: 'stated', despiteFinding: true } }));
  expect(started).toHaveLength(3);
  for (const secondPress of [
    { type: 'shown', code: undefined },
    { type: 'shown', code: 'guest-panicked' },
    { type: 'stated', despiteFinding: false },
  ] as const)
    await expect(press(plain('reset', { secondPress }))).rejects.toMatchObject({
      code: 'contradicts-finding',
    });
  expect(started).toHaveLength(3);
});

test('triage that hangs or breaks never blocks a verb', async () => {
  for (const quickTriage of [
    () => new Promise<never>(() => {}),
    async () => Promise.reject(new Error('broken')),
  ]) {
    const { press, started, look } = house(quickTriage);
    expect(await look('reset')).toBeUndefined();
    await press(plain('reset'));
    expect(started).toMatchObject([{ verb: 'reset', finding: undefined }]);
  }
});

test('a verb that is judged runs only if the judge has nothing against it, and is judged after triage', async () => {
  let allowed = true;
  const { press, started } = house(async () => {
    allowed = false; // The policy is tightened while triage looks.
    return against();
  });
  const judge = async () => (allowed ? undefined : 'Policy is observe.');
  await expect(press(plain('cycle', { permission: { type: 'judged', judge } }))).rejects.toMatchObject({
    code: 'denied',
    message: 'Policy is observe.',
  });
  expect(started).toEqual([]);
});

test('while a verb runs the next is refused before any gate is asked', async () => {
  let asked = 0;
  const { press, started, time } = house(async () => {
    asked++;
    return against('reset');
  });
  time.busy = true;
  await expect(press(plain('reset'))).rejects.toMatchObject({ code: 'verb-running' });
  await press(plain('status'));
  expect([asked, started.length]).toEqual([0, 1]);
});

test('a key gives the same operation, even to a simultaneous request, but only to the same person and for the same verb', async () => {
  const { press, started } = house();
  const [one, two] = await Promise.all([press(keyed('reset')), press(keyed('reset'))]);
  const three = await press(keyed('reset'));
  expect([two.id, three.id]).toEqual([one.id, one.id]);
  expect(started).toHaveLength(1);
  await expect(press(keyed('cycle'))).rejects.toMatchObject({ code: 'invalid-input' });
  const other = await press(keyed('reset', { by: bob }));
  expect(other.id).not.toBe(one.id);
  expect(started).toHaveLength(2);
});

test('a key that has become old is a new press, and every gate is asked again', async () => {
  const report = { now: against() };
  const { press, started, time } = house(async () => report.now);
  await press(keyed('reset'));
  time.ms += HOUR_MS;
  report.now = against('reset');
  await expect(press(keyed('reset'))).rejects.toMatchObject({ code: 'contradicts-finding' });
  expect(started).toHaveLength(1);
});

test('a press that was refused does not use up its key: a second one with the same key starts the verb', async () => {
  const { press, started } = house(async () => against('reset'));
  const token = await refused(press(keyed('reset')));
  await press(keyed('reset', { secondPress: { type: 'token', token } }));
  expect(started).toHaveLength(1);
});

test('a key has 1 to 200 characters and is never cut short, so that two cannot become one', () => {
  for (const text of ['', 'x'.repeat(201)])
    expect(() => parseIdempotencyKey(text)).toThrow(/1 to 200 characters/);
  expect(parseIdempotencyKey('x'.repeat(200))).toHaveLength(200);
});

const RUNS: KnownVm = { state: 'running', monitorAnswers: true, lock: 'none' };
const OFF: KnownVm = { state: 'stopped', monitorAnswers: false, lock: 'none' };
const WAYS = [
  { secondPress: { type: 'token', token: undefined } },
  { secondPress: { type: 'shown', code: undefined } },
  { secondPress: { type: 'stated', despiteFinding: true } },
] as const satisfies readonly Partial<PressRequest>[];

test('on every way of ours a verb that does not apply is refused before it starts, and the fixed route lets the host answer', async () => {
  for (const [vm, verbs] of [
    [RUNS, ['start']],
    [OFF, ['stop', 'reset']],
  ] as const)
    for (const verb of verbs) {
      const { press, started, whyNot } = house(undefined, async () => vm);
      for (const way of WAYS)
        await expect(press(plain(verb, way))).rejects.toMatchObject({
          code: 'does-not-apply',
          message: `${await whyNot(verb)} Nothing was done.`,
        });
      expect(started).toEqual([]);
      const fixed = { applies: { type: 'left-to-the-host' }, secondPress: { type: 'not-asked' } } as const;
      await press(plain(verb, fixed));
      expect(started).toMatchObject([{ verb }]);
    }
});

test('what is not known, breaks or hangs forbids nothing, and nobody waits longer for it than for triage', async () => {
  for (const vmNow of [
    async () => undefined,
    async () => Promise.reject(new Error('broken')),
    () => new Promise<never>(() => {}),
  ]) {
    const { press, started, whyNot } = house(undefined, vmNow);
    expect(await whyNot('start')).toBeUndefined();
    await press(plain('start'));
    expect(started).toHaveLength(1);
  }
});

test('a verb that only looks is asked nothing, and a repeated key gives its operation although the verb would not apply by now', async () => {
  const now = { vm: OFF };
  const { press, started } = house(undefined, async () => now.vm);
  const first = await press(keyed('start'));
  now.vm = RUNS;
  expect((await press(keyed('start'))).id).toBe(first.id);
  for (const verb of ['status', 'forensics']) await press(plain(verb));
  expect(started).toHaveLength(3);
});

test('a refusal comes before the judge, so that nobody is asked about a verb that changes nothing', async () => {
  let judged = 0;
  const { press } = house(undefined, async () => RUNS);
  const judge = async () => {
    judged++;
    return undefined;
  };
  await expect(press(plain('start', { permission: { type: 'judged', judge } }))).rejects.toMatchObject({
    code: 'does-not-apply',
  });
  expect(judged).toBe(0);
});

test('forgetting a gate does not compile', () => {
  const { applies: __, ...unsaid } = plain('cycle');
  // @ts-expect-error a way that says nothing of verbs that do not apply is none
  const silent: PressRequest = unsaid;
  expect(silent).not.toHaveProperty('applies');
  const { once: _, ...forgotten } = plain('cycle');
  // @ts-expect-error a way that says nothing of repeated requests is none
  const request: PressRequest = forgotten;
  expect(request).not.toHaveProperty('once');
});
