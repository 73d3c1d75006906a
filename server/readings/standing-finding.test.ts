import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SshReading } from '../../protocol/ssh-reading.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { parseStatus } from '../power-host/output.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import type { Reading } from './readings.ts';
import { type Found, isWorthConfirming, type Since, standing } from './standing-finding.ts';

const LOOKED = Date.parse('2026-01-31T02:00:00Z');
const report: TriageReport = {
  target: 'devvm',
  at: new Date(LOOKED).toISOString(),
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'Stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: 'Cycle.',
    inputs: [],
  },
};
const found = (more: Partial<Found> = {}): Found => ({
  report,
  beganAtMs: LOOKED - 8_000,
  lookedAtMs: LOOKED,
  confirmedAtMs: LOOKED,
  pid: 4242,
  ssh: 'silent',
  vmState: 'running',
  hour: undefined,
  changed: undefined,
  ...more,
});
const since = (more: Partial<Since> = {}): Since => ({
  nowMs: LOOKED + 10_000,
  host: undefined,
  ssh: undefined,
  verb: undefined,
  ...more,
});
const status = (text: string, afterMs: number): Reading<StatusAnswer> => {
  const read = parseStatus(text, undefined);
  if (read === undefined) throw new Error('this is no status');
  return { value: { status: read, version: undefined }, at: new Date(LOOKED + afterMs).toISOString() };
};
const pastOf = (of: Found, now: Since): string | undefined => standing(of, now).past;

test('what was just found stands, with its moment and its process', () => {
  expect(standing(found(), since())).toEqual({ report, at: '2026-01-31T02:00:00.000Z', pid: 4242 });
});

test('a verb that began after the look began makes it past, whatever else is true; one before it does not', () => {
  const verb = (beganAtMs: number) => ({ verb: 'cycle' as const, by: { name: 'ann' }, beganAtMs });
  fc.assert(
    fc.property(fc.integer({ min: -600_000, max: 600_000 }), (ms) => {
      const past = pastOf(found(), since({ verb: verb(LOOKED + ms) }));
      expect(past).toBe(ms >= -8_000 ? 'It is from before cycle by ann.' : undefined);
    }),
  );
});

test('another process makes it past: another number, a younger one of the same number, or none', () => {
  const OTHER = 'It is about another QEMU process than the one that runs now.';
  const say = (text: string, afterMs = 9_000) => pastOf(found(), since({ host: status(text, afterMs) }));
  expect(say('status: running\npid: 4242\nuptime: 900 s\n')).toBeUndefined();
  expect(say('status: running\npid: 4243\n')).toBe(OTHER);
  expect(say('status: running\npid: 4242\nuptime: 1 s\n', 5_900)).toBeUndefined();
  expect(say('status: running\npid: 4242\nuptime: 1 s\n', 60_000)).toBe(OTHER);
  expect(say('status: stopped\n')).toBe('The QEMU process that it is about is gone.');
  const stopped = found({ pid: undefined, vmState: 'stopped' });
  const started = status('status: running\npid: 7\nuptime: 3 s\n', 60_000);
  expect(pastOf(stopped, since({ host: started }))).toBe(OTHER);
  expect(pastOf(stopped, since({ host: status('status: stopped\n', 60_000) }))).toBeUndefined();
});

test('a status from before the look, or one that names no process, proves no other one', () => {
  expect(pastOf(found(), since({ host: status('status: running\npid: 1\n', -1_000) }))).toBeUndefined();
  expect(pastOf(found(), since({ host: status('status: running\n', 9_000) }))).toBeUndefined();
  const failed: StatusAnswer = { status: undefined, detail: 'x', how: 'unreachable', reachable: false };
  expect(
    pastOf(found(), since({ host: { value: failed, at: new Date(LOOKED + 9_000).toISOString() } })),
  ).toBeUndefined();
});

test('it is past as long as SSH, or the state of the VM, says something else than it was found by; what is not known says nothing', () => {
  const ssh = (reading: SshReading, afterMs = 9_000) => ({
    value: { answers: reading === 'works', reading, reached: 'nothing' as const, detail: '', ms: 1 },
    at: new Date(LOOKED + afterMs).toISOString(),
  });
  const say = (reading: SshReading, afterMs?: number) =>
    pastOf(found(), since({ ssh: ssh(reading, afterMs) }));
  expect(say('works')).toBe('SSH works now; it did not then.');
  expect(say('silent')).toBeUndefined();
  expect(say('unknown')).toBeUndefined();
  expect(say('works', -1)).toBeUndefined();
  const well = found({ ssh: 'works' });
  expect(pastOf(well, since({ ssh: ssh('silent') }))).toBe('SSH is silent now; it was not then.');
  // Of a recorded one it is not known what SSH said.
  expect(pastOf(found({ ssh: undefined }), since({ ssh: ssh('works') }))).toBeUndefined();
  const paused = status('status: paused\npid: 4242\n', 9_000);
  expect(pastOf(found(), since({ host: paused }))).toBe("The VM's state is paused now; it was running then.");
});

test('after two minutes it must have been confirmed, and after fifteen nothing helps', () => {
  const at = (ms: number, more: Partial<Found> = {}) => pastOf(found(more), since({ nowMs: LOOKED + ms }));
  expect(at(120_000)).toBeUndefined();
  expect(at(120_001)).toMatch(/^It is older than two minutes/);
  expect(at(120_001, { confirmedAtMs: LOOKED + 100_000 })).toBeUndefined();
  expect(at(900_001, { confirmedAtMs: LOOKED + 900_000 })).toBe('It is older than 15 minutes.');
  expect(at(0, { changed: 'It is another.' })).toBe('It is another.');
});

test('it is worth a cheap look before it is past by its age, not at once, and not for one that cannot come back', () => {
  const worth = (ms: number, more: Partial<Found> = {}, now: Partial<Since> = {}) =>
    isWorthConfirming(found(more), since({ nowMs: LOOKED + ms, ...now }));
  expect(worth(60_000)).toBe(false);
  for (const ms of [91_000, 119_000, 600_000]) expect(worth(ms)).toBe(true);
  expect(worth(901_000)).toBe(false);
  expect(worth(91_000, { changed: 'x' })).toBe(false);
  const verb = { verb: 'cycle', by: { name: 'ann' }, beganAtMs: LOOKED } as const;
  for (const ms of [91_000, 600_000]) expect(worth(ms, {}, { verb })).toBe(false);
});
