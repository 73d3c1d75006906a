// Asks the host how a verb ended that nobody saw end, and asks the VM whether SSH answers. Both have limits.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verb } from '../../protocol/verbs.ts';
import type { Guest } from '../guest/port.ts';
import type { PowerPath } from '../power-host/run-verb.ts';
import { askStatus } from '../power-host/run-verb.ts';
import { type Judgement, judgeState } from './outcome.ts';

export interface CheckBounds {
  /** For one question. */
  readonly askMs: number;
  readonly gapMs: number;
  /** How long to go on asking a host that gives no answer. */
  readonly unansweredMs: number;
  /** How long to watch a host that is still working. */
  readonly busyMs: number;
}

/** Resolves with what was found out; after an abort, with what is known then. */
export async function checkHost(
  host: PowerPath,
  verb: Verb,
  startedAt: number,
  bounds: CheckBounds,
  signal: AbortSignal,
): Promise<Judgement> {
  const begun = Date.now();
  let seen: Judgement | undefined;
  let detail = '';
  while (!signal.aborted) {
    const answer = await askStatus(host, bounds.askMs, signal);
    const waited = Date.now() - begun;
    if (answer.status === undefined) {
      detail = answer.detail;
      if (waited >= bounds.unansweredMs) break;
    } else {
      const judged = judgeState(verb, answer.status, (Date.now() - startedAt) / 1_000);
      const busy = answer.status.busy !== undefined;
      // It must say so twice: when we asked first, the host may have heard the verb without having taken its lock.
      if (!busy && seen?.outcome.summary === judged.outcome.summary) return judged;
      seen = judged;
      if (waited >= (busy ? bounds.busyMs : bounds.unansweredMs)) break;
    }
    await sleep(bounds.gapMs, undefined, { signal }).catch(() => undefined);
  }
  return (
    seen ?? {
      state: 'unknown',
      outcome: {
        summary: `How ${verb} ended is not known: the power host could not be asked. ${detail}`.trim(),
      },
    }
  );
}

export interface SshWait {
  readonly answers: boolean;
  readonly seconds: number;
}

/** Asks until SSH answers, the limit is over, or it is aborted. Undefined after an abort: nothing is known then. */
export async function awaitSsh(
  probe: Guest['probe'],
  limitMs: number,
  signal: AbortSignal,
): Promise<SshWait | undefined> {
  const begun = performance.now();
  const elapsed = (): number => performance.now() - begun;
  while (!signal.aborted) {
    const left = limitMs - elapsed();
    if (left <= 0) return { answers: false, seconds: elapsed() / 1_000 };
    const { answers } = await probe(Math.max(1_000, Math.min(5_000, left)), signal).catch(() => ({
      answers: false,
    }));
    if (signal.aborted) break;
    if (answers) return { answers: true, seconds: elapsed() / 1_000 };
    await sleep(Math.min(1_000, Math.max(0, limitMs - elapsed())), undefined, { signal }).catch(
      () => undefined,
    );
  }
  return undefined;
}
