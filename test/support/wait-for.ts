// How a test waits: for something, never for a time. Each wait has a limit, which is not a claim but ends what hangs: when it is
// reached, the test fails with the name of what did not come.
import { setTimeout as sleep } from 'node:timers/promises';

/** Far more than anything here takes on a machine that has eight other things to do, and less than a test may take. */
const PATIENCE_MS = 120_000;
const BETWEEN_LOOKS_MS = 20;

/** Looks again and again until there is something to see, and gives it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = PATIENCE_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const givenUpAt = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false)
      return seen as Exclude<T, undefined | null | false>;
    if (performance.now() > givenUpAt) throw new Error(`${what}: did not come within ${limitMs / 1_000} s`);
    await sleep(BETWEEN_LOOKS_MS);
  }
}

/** Tries until the claim holds. At the limit the test fails with the last failure of the claim. */
export async function eventually(claim: () => void | Promise<void>, limitMs = PATIENCE_MS): Promise<void> {
  const givenUpAt = performance.now() + limitMs;
  for (;;) {
    try {
      return await claim();
    } catch (error) {
      if (performance.now() > givenUpAt) throw error;
    }
    await sleep(BETWEEN_LOOKS_MS);
  }
}

/** Waits for the promise; fails when it does not settle within the limit. */
export async function within<T>(what: string, promised: Promise<T>, limitMs = PATIENCE_MS): Promise<T> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${what}: did not come within ${limitMs / 1_000} s`)),
    limitMs,
  );
  try {
    return await Promise.race([promised, givenUp]);
  } finally {
    clearTimeout(timer);
  }
}
