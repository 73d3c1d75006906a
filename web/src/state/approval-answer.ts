// One answer on its way to the console: sent again when nothing came back, and never lost in silence. Pure but for the waiting.
import type { ApprovalOutcome } from '../../../protocol/approvals.ts';
import { type ApiError, asApiError } from '../api/http.ts';

/** Behind a hold there is a person who looks; after this they are told, and may hold again. */
const GIVE_UP_MS = 25_000;
const AGAIN_MS = 1_500;

export type AnswerEnd =
  | { readonly type: 'taken'; readonly outcome: ApprovalOutcome }
  /** It has ended another way, as `says` tells. */
  | { readonly type: 'over'; readonly says: string }
  /** It still waits, and this answer does not count. */
  | { readonly type: 'failed'; readonly says: string }
  | { readonly type: 'signed-out' };

/** Nothing came back, or only from a proxy: nobody knows whether the answer arrived. The same again does no harm. */
const isSilence = ({ status }: ApiError): boolean => status === 0 || status === 502 || status === 504;

const endOf = ({ status, message, body }: ApiError): AnswerEnd => {
  if (status === 401) return { type: 'signed-out' };
  const over = status === 404 || status === 409 || status === 410 || body.code === 'journal-unavailable';
  return over ? { type: 'over', says: message } : { type: 'failed', says: `Not answered. ${message}` };
};

interface Sending {
  readonly send: () => Promise<ApprovalOutcome>;
  /** Called before each further attempt. */
  readonly onAgain: (attempt: number) => void;
  /** The question ends by itself then; an attempt after it would be pointless. */
  readonly endsAtMs: number;
  readonly nowMs: () => number;
  readonly pause?: (ms: number) => Promise<void>;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Never rejects. */
export const deliverAnswer = async (sending: Sending): Promise<AnswerEnd> => {
  const { send, onAgain, endsAtMs, nowMs, pause = sleep } = sending;
  const until = Math.min(nowMs() + GIVE_UP_MS, endsAtMs);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { type: 'taken', outcome: await send() };
    } catch (thrown) {
      const error = asApiError(thrown);
      if (!isSilence(error)) return endOf(error);
      if (nowMs() + AGAIN_MS >= until)
        return {
          type: 'failed',
          says: `The console did not answer, ${attempt} times. It is not known whether your answer arrived; the same answer again does no harm.`,
        };
      await pause(AGAIN_MS);
      onAgain(attempt + 1);
    }
  }
};
