import { expect, it } from 'vitest';
import type { ApprovalOutcome } from '../../../protocol/approvals.ts';
import { ApiError } from '../api/http.ts';
import { deliverAnswer } from './approval-answer.ts';

const taken: ApprovalOutcome = { approval_id: 'a', answer: 'approved', by: 'ann', at: '' };

/** Time passes only while it pauses. */
const deliver = async (answers: readonly (ApprovalOutcome | ApiError)[], endsInMs = 600_000) => {
  let now = 0;
  let sent = 0;
  const attempts: number[] = [];
  const end = await deliverAnswer({
    send: async () => {
      const answer = answers[Math.min(sent, answers.length - 1)];
      sent += 1;
      if (answer === undefined || answer instanceof ApiError) throw answer;
      return answer;
    },
    onAgain: (attempt) => attempts.push(attempt),
    endsAtMs: endsInMs,
    nowMs: () => now,
    pause: async (ms) => {
      now += ms;
    },
  });
  return { end, sent, attempts };
};
const silence = new ApiError(0, 'The console does not answer.');

it('an answer that nothing came back to is sent again until it is taken', async () => {
  const { end, attempts } = await deliver([silence, new ApiError(502, 'Bad gateway.'), taken]);
  expect(end).toEqual({ type: 'taken', outcome: taken });
  expect(attempts).toEqual([2, 3]);
});

it('an answer that is never taken is said to be lost, with how often it was sent', async () => {
  const { end, sent } = await deliver([silence]);
  expect(sent).toBeGreaterThan(5);
  expect(end).toMatchObject({ type: 'failed', says: expect.stringContaining(`${sent} times`) });
});

it('an answer is not sent again after its question has ended by itself', async () => {
  const { end, sent } = await deliver([silence], 2_000);
  expect(sent).toBeLessThan(3);
  expect(end.type).toBe('failed');
});

it('the refusal of an answer is told in its own words, and is not sent again', async () => {
  const already = await deliver([new ApiError(409, 'ann has denied this at 03:00:00 UTC.')]);
  expect(already).toMatchObject({
    end: { type: 'over', says: 'ann has denied this at 03:00:00 UTC.' },
    sent: 1,
  });
  const unrecorded = new ApiError(503, 'The answer could not be recorded.', { code: 'journal-unavailable' });
  expect((await deliver([unrecorded])).end).toMatchObject({ type: 'over', says: unrecorded.message });
  expect((await deliver([new ApiError(410, 'Too late.')])).end.type).toBe('over');
  expect((await deliver([new ApiError(503, 'Shutting down.')])).end).toMatchObject({
    type: 'failed',
    says: 'Not answered. Shutting down.',
  });
  expect((await deliver([new ApiError(401, 'Not signed in.')])).end.type).toBe('signed-out');
});
