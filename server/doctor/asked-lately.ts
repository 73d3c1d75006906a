// The question to the model costs money and a program of several hundred megabytes: what was answered serves the examinations that come
// soon after, which a page that checks by itself every 15 s makes many of.
import type { OneAnswer } from '../agent/one-question.ts';

type Ask = (signal: AbortSignal) => Promise<OneAnswer>;

/** A credential or a model changes only with a restart, so an answer holds longer than a trouble, which may pass or be cured outside. */
const LASTS_MS = { answered: 10 * 60_000, trouble: 60_000, 'not-asked': 0 } as const;

/** @param now monotonic milliseconds */
export function askedLately(ask: Ask, now = (): number => performance.now()): Ask {
  let last: { readonly answer: OneAnswer; readonly atMs: number } | undefined;
  return async (signal) => {
    if (last !== undefined && now() - last.atMs < LASTS_MS[last.answer.type]) return last.answer;
    const answer = await ask(signal);
    // What was broken off says nothing of the model.
    last = signal.aborted ? undefined : { answer, atMs: now() };
    return answer;
  };
}
