// Idempotency keys: a person who sends the same request again, because the answer was lost, gets the operation that it started. A key
// counts for an hour; after that it is like a new one, and every gate is asked again. Keys live in memory: after a restart of the server
// an old key is a new press, with every gate.
import type { TargetName } from '../../protocol/ids.ts';
import type { Actor, Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Verb } from '../../protocol/verbs.ts';

export type IdempotencyKey = string & { readonly __brand: 'IdempotencyKey' };

const KEY_CHARACTERS = 200;

/** Throws `bad-request` when it is empty or too long. It is not cut short, since two keys could become one. */
export function parseIdempotencyKey(text: string): IdempotencyKey {
  if (text.length > 0 && text.length <= KEY_CHARACTERS) return text as IdempotencyKey;
  throw new BreakglassError(
    'bad-request',
    `Idempotency-Key: expected 1 to ${KEY_CHARACTERS} characters, got ${text.length}. Nothing was done.`,
  );
}

export interface Pressed {
  readonly verb: Verb;
  readonly target: TargetName;
  readonly by: Actor;
}

export interface Repeats {
  /**
   * Runs `start`, or returns what it returned before for this person, target and key. Throws `invalid-input` when the key was used
   * for another verb. A start that is refused does not use up the key.
   */
  once(key: IdempotencyKey, pressed: Pressed, start: () => Promise<Operation>): Promise<Operation>;
}

const LIFE_MS = 3_600_000;
const MOST_KEPT = 1_000;

/** @param now gives the operation as it is now, to answer a repeated request */
export function createRepeats(
  now: (started: Operation) => Promise<Operation | undefined>,
  nowMs: () => number = () => performance.now(),
): Repeats {
  const kept = new Map<string, { readonly verb: Verb; readonly started: Promise<Operation>; at: number }>();
  return {
    async once(key, { verb, target, by }, start) {
      for (const [old, { at }] of kept) if (nowMs() - at >= LIFE_MS) kept.delete(old);
      const name = JSON.stringify([target, by.type, by.via, by.name, key]);
      const before = kept.get(name);
      if (before === undefined) {
        const [oldest] = kept.keys();
        if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
        const started = start();
        const entry = { verb, started, at: nowMs() };
        kept.set(name, entry);
        started.catch(() => {
          if (kept.get(name) === entry) kept.delete(name);
        });
        return started;
      }
      if (before.verb !== verb)
        throw new BreakglassError(
          'invalid-input',
          `This Idempotency-Key was used for ${before.verb}: use a new one.`,
        );
      const operation = await before.started;
      return (await now(operation).catch(() => undefined)) ?? operation;
    },
  };
}
