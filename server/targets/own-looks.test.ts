// When a target is looked at by itself: every gate, one by one, and the pace.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SshReading } from '../../protocol/ssh-reading.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import type { LastChange } from '../power/port.ts';
import { parseStatus } from '../power-host/output.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import type { TriageCause } from '../readings/triage-run.ts';
import {
  createLookRoom,
  createOwnLooks,
  isWithinPace,
  type Known,
  type LookRoom,
  reasonToLook,
  type Situation,
} from './own-looks.ts';

const NOW = Date.parse('2026-01-31T02:00:00Z');
const agoS = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();
const hostSaid = (text: string, ago = 2): NonNullable<Situation['host']> => {
  const status = parseStatus(text, undefined);
  if (status === undefined) throw new Error('this is no status');
  return { value: { status, version: undefined }, at: agoS(ago) };
};
const hostFailed = (
  failed: Partial<StatusAnswer & { status: undefined }>,
): NonNullable<Situation['host']> => ({
  value: { status: undefined, detail: '', how: 'exited', reachable: true, ...failed },
  at: agoS(2),
});
const ssh = (reading: SshReading, ago = 2): NonNullable<Situation['ssh']> => ({
  value: { answers: reading === 'works', reading, reached: 'nothing', detail: '', ms: 1 },
  at: agoS(ago),
});
const report: TriageReport = {
  target: 'devvm',
  at: agoS(60),
  cautions: [],
  finding: { code: 'x', summary: 'X.', confidence: 0, advised: null, warned: [], advice: '', inputs: [] },
};
const found = (lookedAgoS: number, confirmedAgoS = lookedAgoS): NonNullable<Situation['found']> => ({
  report,
  beganAtMs: NOW - (lookedAgoS + 8) * 1_000,
  lookedAtMs: NOW - lookedAgoS * 1_000,
  confirmedAtMs: NOW - confirmedAgoS * 1_000,
  pid: undefined,
  ssh: 'silent',
  vmState: 'running',
  hour: undefined,
  changed: undefined,
});
const change = (endedAgoS: number | undefined, overAgoS: number | undefined): LastChange => ({
  verb: 'cycle',
  by: { type: 'operator', name: 'ann' },
  beganAtMs: NOW - 100_000,
  endedAtMs: endedAgoS === undefined ? undefined : NOW - endedAgoS * 1_000,
  overAtMs: overAgoS === undefined ? undefined : NOW - overAgoS * 1_000,
});

/** A silent VM of which nobody knows why. */
const trouble: Situation = {
  nowMs: NOW,
  host: hostSaid('status: running\nqmp: answers\n'),
  ssh: ssh('silent'),
  verb: undefined,
  found: undefined,
  change: undefined,
  looking: false,
  hostAskedMs: undefined,
};
const reason = (more: Partial<Situation>) => reasonToLook({ ...trouble, ...more });

test('a silent VM, one without a route, and one that QEMU holds in whatever state are looked at; one that answers or refuses us is not', () => {
  expect([reason({}), reason({ ssh: ssh('unreachable') })]).toEqual(['trouble', 'trouble']);
  for (const state of ['paused', 'io-error', 'guest-panicked', 'internal-error', 'some-new-state'])
    expect(reason({ ssh: ssh('works'), host: hostSaid(`status: ${state}\n`) }), state).toBe('trouble');
  for (const reading of ['works', 'refused', 'unknown'] as const)
    for (const state of ['running', 'stopped'])
      expect(reason({ ssh: ssh(reading), host: hostSaid(`status: ${state}\n`) }), reading).toBeUndefined();
});

test('a VM that is off, asleep or left behind is silent by right, and is not captured again and again', () => {
  for (const state of ['stopped', 'suspended', 'postmigrate'])
    expect(reason({ host: hostSaid(`status: ${state}\n`) }), state).toBeUndefined();
});

test('never beside another look, a verb of ours or of the host, nor on a host that is slow, was not heard, or answers for another VM', () => {
  const nothing: readonly Partial<Situation>[] = [
    { looking: true },
    { change: change(undefined, undefined) },
    { change: change(20, undefined) },
    { host: hostSaid('status: running\nbusy: cycle for 3 s\n') },
    { host: undefined },
    { host: hostSaid('status: running\n', 16) },
    { host: hostFailed({ how: 'timed_out' }) },
    { host: hostFailed({ otherVm: 103 }) },
    { hostAskedMs: NOW - 5_001 },
    { ssh: ssh('silent', 16) },
  ];
  for (const more of nothing) expect(reason(more), JSON.stringify(more)).toBeUndefined();
  expect(reason({ host: hostFailed({ how: 'unreachable', reachable: false }) })).toBe('trouble');
});

test('what was found and still holds is enough, until what it saw moving grows old; what is past is not', () => {
  expect(reason({ found: found(60) })).toBeUndefined();
  expect(reason({ found: found(260, 20) })).toBeUndefined();
  const advises = (of: NonNullable<Situation['found']>) => ({
    ...of,
    report: { ...report, finding: { ...report.finding, advised: 'cycle' as const } },
  });
  expect(reason({ found: advises(found(280, 20)) })).toBe('old');
  // What advises nothing rests on nothing that grows old.
  expect(reason({ found: found(280, 20) })).toBeUndefined();
  expect(reason({ found: found(180) })).toBe('trouble');
  expect(reason({ found: { ...found(60), ssh: 'works' } })).toBe('trouble');
});

test('after a verb it is looked at whatever SSH says, once it is over, and not where somebody has looked since', () => {
  const over = { change: change(30, 10) };
  expect(reason({ ...over, ssh: ssh('works') })).toBe('after-verb');
  expect(reason({ ...over, ssh: ssh('works'), found: found(90) })).toBe('after-verb');
  expect(reason({ ...over, found: { ...found(2), beganAtMs: NOW - 5_000 } })).toBeUndefined();
  expect(reason({ ssh: ssh('works'), change: change(600, 400) })).toBeUndefined();
});

test('whatever is asked and however often: at most one a minute, four in a quarter of an hour, eight in two hours', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 8_000_000 }), { maxLength: 400 }), (times) => {
      const begun: number[] = [];
      for (const at of times.toSorted((a, b) => a - b)) if (isWithinPace(begun, at)) begun.push(at);
      for (const from of begun) {
        const within = (ms: number) => begun.filter((at) => at >= from && at < from + ms).length;
        expect([within(60_000) <= 1, within(900_000) <= 4, within(7_200_000) <= 8]).toEqual([
          true,
          true,
          true,
        ]);
      }
    }),
  );
});

/** Looks at a target whose state the test gives. */
function looker(known: () => Partial<Situation>, room: LookRoom = createLookRoom()) {
  const asked: TriageCause[] = [];
  const ends: (() => void)[] = [];
  let answered: (() => void)[] = [];
  let nowMs = NOW;
  const looks = createOwnLooks({
    diagnosis: {
      looking: () => undefined,
      triage: (cause) => {
        asked.push(cause);
        return new Promise((resolve) => ends.push(() => resolve(report)));
      },
    },
    readings: {
      askedSince: () => undefined,
      refresh: () => new Promise((resolve) => answered.push(resolve)),
    },
    known: (): Known => ({ ...trouble, ...known() }),
    room,
    logger: silent,
    nowMs: () => nowMs,
  });
  return {
    looks,
    asked,
    ends,
    later: (ms: number) => {
      nowMs += ms;
    },
    /** Both sides have answered, and what follows has happened. */
    answer: async () => {
      for (const resolve of answered) resolve();
      answered = [];
      await new Promise(setImmediate);
    },
  };
}

test('it waits for what both sides say, and uses what SSH has just said', async () => {
  const { looks, asked, answer } = looker(() => ({}));
  looks.watched();
  looks.watched();
  expect(asked).toEqual([]);
  await answer();
  expect(asked).toEqual([
    {
      by: { type: 'server', name: 'breakglass' },
      unasked: true,
      heard: expect.objectContaining({ reading: 'silent' }),
    },
  ]);
});

test('where nobody reads any more when the answer comes, or the console ends, nothing is started', async () => {
  const away = looker(() => ({}));
  away.looks.watched();
  away.later(30_001);
  await away.answer();
  const closed = looker(() => ({}));
  closed.looks.watched();
  closed.looks.close();
  await closed.answer();
  expect([away.asked, closed.asked]).toEqual([[], []]);
});

test('after one verb one look, although it failed to tell anything; targets that share the room wait for one another', async () => {
  const room = createLookRoom(1);
  const one = looker(() => ({ change: change(30, 10), ssh: ssh('works') }), room);
  const other = looker(() => ({}), room);
  for (const each of [one, other, one]) {
    each.looks.watched();
    await each.answer();
  }
  expect([one.asked.length, other.asked.length]).toEqual([1, 0]);
  one.ends[0]?.();
  await new Promise(setImmediate);
  for (const each of [one, other]) {
    each.looks.watched();
    await each.answer();
  }
  expect([one.asked.length, other.asked.length]).toEqual([1, 1]);
});
