import { expect, test } from 'vitest';
import { killSeries } from './kills.ts';

test('12 random SIGKILLs in live turns lose nothing, double nothing, leave no orphan and end every turn once', {
  timeout: 1_200_000,
}, async () => {
  const { readyMs, ...report } = await killSeries(12, 20_261_124);
  console.log(
    report,
    `ready again: median ${Math.round(readyMs.toSorted((a, b) => a - b)[6] ?? 0)} ms, worst ${Math.round(Math.max(...readyMs))} ms`,
  );
  expect(report).toMatchObject({ kills: 12, lost: 0, changed: 0, doubled: 0, badEnds: 0, orphans: 0 });
  // A series that never hit a running tool, or saw nothing, would prove nothing.
  expect(report.inToolCall).toBeGreaterThan(2);
  expect(report.eventsSeen).toBeGreaterThan(60);
});
