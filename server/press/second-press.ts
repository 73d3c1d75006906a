// The second press: a verb that contradicts the finding runs only with a token that was given out for exactly this verb, target,
// person and finding. A token works once and only for a short time, because the state must still be the one that was shown.
import { randomBytes } from 'node:crypto';

export interface Agreement {
  readonly verb: string;
  readonly target: string;
  readonly by: string;
  /** The code of the finding or of the caution. */
  readonly finding: string;
}

export interface SecondPresses {
  issue(what: Agreement): string;
  /** True the first time, if it is in time and for the same thing. */
  redeem(token: string, what: Agreement): boolean;
}

export const CONFIRM_LIFE_MS = 60_000;
const MOST_OPEN = 100;

export function createSecondPresses(nowMs: () => number = () => performance.now()): SecondPresses {
  const open = new Map<string, Agreement & { readonly until: number }>();
  return {
    issue(what) {
      for (const [token, { until }] of open) if (until <= nowMs()) open.delete(token);
      const [oldest] = open.keys();
      if (open.size >= MOST_OPEN && oldest !== undefined) open.delete(oldest);
      const token = randomBytes(16).toString('base64url');
      open.set(token, { ...what, until: nowMs() + CONFIRM_LIFE_MS });
      return token;
    },
    redeem(token, { verb, target, by, finding }) {
      const given = open.get(token);
      open.delete(token);
      return (
        given !== undefined &&
        given.until > nowMs() &&
        given.verb === verb &&
        given.target === target &&
        given.by === by &&
        given.finding === finding
      );
    },
  };
}
