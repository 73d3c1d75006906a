import { expect, test } from 'vitest';
import { approvalKillSeries } from './approval-kills.ts';

test('12 random SIGKILLs while questions wait, are answered and run: nothing ran without a yes or twice, and no answer is lost', {
  timeout: 1_200_000,
}, async () => {
  const report = await approvalKillSeries(12, 20_261_127);
  console.log(report);
  expect(report).toMatchObject({ kills: 12, withoutYes: 0, twice: 0, lostAnswers: 0, badEnds: 0 });
  // A series in which nothing waited, or nothing ran, would prove nothing.
  expect(report.whileWaiting).toBeGreaterThan(0);
  expect(report.ran).toBeGreaterThan(0);
});
