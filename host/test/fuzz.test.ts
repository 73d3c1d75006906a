// Slices of what bench/fuzz-words and bench/cut-cycles do at length.
import { expect, test } from 'vitest';
import { cutCycles } from './support/cut-cycles.ts';
import { dispatchAll, hostileStrings, WORDS } from './support/fuzz-words.ts';

test('of 5,000 hostile strings only the words themselves get past the script', () => {
  const strings = hostileStrings(5000, 20_261_124);
  const taken = dispatchAll(strings);
  expect(taken).toHaveLength(strings.length);
  const wrong = strings.filter((text, index) => WORDS.includes(text) !== (taken[index] !== 'rejected'));
  expect(wrong).toEqual([]);
  expect(taken.filter((branch) => branch !== 'rejected').length).toBeGreaterThan(20);
});

test('a connection cut at four random moments of a cycle leaves the VM running, cycled or untouched', async () => {
  const report = await cutCycles(4, 7);
  expect(report).toMatchObject({ cuts: 4, halfDone: 0 });
  expect(report.completed + report.untouched).toBe(4);
});
