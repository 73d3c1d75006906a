// The curve of the last hour, as the page draws it: from whatever the host sends.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { knownOrOld } from '../../triage/reading.ts';
import { readHistory } from './history.ts';

const NOW_S = Date.parse('2026-01-31T02:03:00Z') / 1_000;
const minutes = (values: readonly (number | undefined)[]): string =>
  JSON.stringify(
    values.map((diskwrite, n) => ({ time: NOW_S - (values.length - 1 - n) * 60, diskwrite, cpu: 0.1 })),
  );
const hourOf = (json: string) => knownOrOld(readHistory(json, NOW_S * 1_000))?.hour;

test('the last hour is given value by value, rounded, with its time', () => {
  expect(hourOf(minutes([9.6, 4.2, 0, 0]))).toEqual({
    from: '2026-01-31T02:00:00.000Z',
    step_s: 60,
    bytes_per_s: [10, 4, 0, 0],
  });
});

test('of longer than an hour only its last hour is given', () => {
  const hour = hourOf(minutes(Array.from({ length: 300 }, (_, n) => n)));
  expect(hour?.from).toBe('2026-01-31T01:03:00.000Z');
  expect(hour?.bytes_per_s).toEqual(Array.from({ length: 61 }, (_, n) => 239 + n));
});

test('what is not told is a hole and no zero; what was before the first value is left out, and so is what comes after the last', () => {
  expect(hourOf(minutes([undefined, undefined, 5, undefined, 7, undefined]))).toEqual({
    from: '2026-01-31T02:00:00.000Z',
    step_s: 120,
    bytes_per_s: [5, 7],
  });
  expect(hourOf(minutes([1, 2, 3, undefined, undefined, 6, 7]))?.bytes_per_s).toEqual([
    1,
    2,
    3,
    null,
    null,
    6,
    7,
  ]);
});

test('whatever the host sends: at most 70 values, whole and not negative, and nothing is thrown', () => {
  const number = fc.oneof(fc.integer({ min: -1_000, max: 1e9 }), fc.double(), fc.constantFrom('x', null));
  const rows = fc.array(
    fc.record({
      time: fc.oneof(fc.integer({ min: NOW_S - 9_000, max: NOW_S }), fc.double()),
      diskwrite: number,
    }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(rows, (given) => {
      const hour = hourOf(JSON.stringify(given));
      if (hour === undefined) return;
      expect(hour.bytes_per_s.length).toBeLessThanOrEqual(70);
      expect(Date.parse(hour.from)).not.toBeNaN();
      for (const value of hour.bytes_per_s)
        if (value !== null) expect(Number.isInteger(value) && value >= 0).toBe(true);
    }),
  );
});
