import { expect, test } from 'vitest';
import { streamVerdict } from './doctor-stream.ts';

const SENT = [0, 250, 500, 750, 1000, 1250, 1500, 1750];

/** The clock of the receiver is a day ahead: that must not matter. */
const arrived = (received: readonly number[], sent = SENT) =>
  received.map((at, i) => ({ sentAtMs: sent[i] ?? 0, receivedAtMs: at + 86_400_000 }));

test('ticks that arrive as they were sent come through, whatever the two clocks say', () => {
  expect(streamVerdict(arrived(SENT), 8)).toMatchObject({ state: 'works' });
});

test('a slow way delays every tick alike, and that is no fault', () => {
  expect(streamVerdict(arrived(SENT.map((at) => at + 3000)), 8).state).toBe('works');
});

test('a busy machine that lets two ticks arrive together is no fault', () => {
  expect(streamVerdict(arrived([0, 250, 790, 795, 1000, 1250, 1500, 1750]), 8).state).toBe('works');
});

test('all at once at the end is an edge that keeps streams back', () => {
  const verdict = streamVerdict(arrived([1750, 1750, 1751, 1751, 1751, 1752, 1752, 1752]), 8);
  expect(verdict).toMatchObject({ state: 'broken', detail: expect.stringContaining('in heaps (1)') });
  expect(verdict.remedy).toContain('proxy_buffering off');
});

test('heaps of four are kept back as well', () => {
  expect(streamVerdict(arrived([750, 750, 750, 751, 1750, 1750, 1751, 1751]), 8).state).toBe('broken');
});

test('pairs are doubtful', () => {
  expect(streamVerdict(arrived([250, 251, 750, 751, 1250, 1251, 1750, 1751]), 8).state).toBe('doubtful');
});

test('a stream that ends early was cut, and one that brings nothing is broken', () => {
  expect(streamVerdict(arrived(SENT.slice(0, 3)), 8)).toMatchObject({
    state: 'broken',
    detail: '3 of 8 ticks arrived: the stream was cut.',
  });
  expect(streamVerdict([], 8).state).toBe('broken');
});
