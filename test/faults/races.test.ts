import { expect, test } from 'vitest';
import { raceSeries } from './races.ts';

test('50 requests at once, round after round, through the console and past it: there are never two changes in flight', async () => {
  const report = await raceSeries(6, 50);
  console.log(report);
  expect(report).toMatchObject({ requests: 300, unexplained: [], overlaps: 0 });
  expect(report.accepted).toBeGreaterThanOrEqual(6);
  expect(report.refused).toBeGreaterThan(200);
});
