// How often the model is really asked.
import { expect, test } from 'vitest';
import type { OneAnswer } from '../agent/one-question.ts';
import { askedLately } from './asked-lately.ts';

const ANSWERED: OneAnswer = { type: 'answered', firstMs: 900, model: 'sonnet' };
const TROUBLE: OneAnswer = { type: 'trouble', code: 'model-overloaded', sentence: 'It is overloaded.' };
const BUSY: OneAnswer = { type: 'not-asked', why: 'All agents are in use.' };
const MINUTE_MS = 60_000;

function asking(answer: OneAnswer) {
  const seen = { times: 0, ms: 0, answer };
  const ask = askedLately(
    async () => {
      seen.times++;
      return seen.answer;
    },
    () => seen.ms,
  );
  return { seen, ask: () => ask(new AbortController().signal), askWith: ask };
}

test.each([
  ['an answer serves for ten minutes', ANSWERED, 10 * MINUTE_MS],
  ['a trouble serves for one', TROUBLE, MINUTE_MS],
] as const)('%s', async (_name, answer, lastsMs) => {
  const { seen, ask } = asking(answer);
  expect(await ask()).toEqual(answer);
  seen.ms = lastsMs - 1;
  expect(await ask()).toEqual(answer);
  expect(seen.times).toBe(1);
  seen.ms = lastsMs;
  await ask();
  expect(seen.times).toBe(2);
});

test('what was not asked, or was broken off, is asked the next time', async () => {
  const { seen, ask, askWith } = asking(BUSY);
  await ask();
  await ask();
  expect(seen.times).toBe(2);
  seen.answer = ANSWERED;
  await askWith(AbortSignal.abort());
  await ask();
  expect(seen.times).toBe(4);
});
