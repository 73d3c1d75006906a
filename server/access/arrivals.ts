// Who came in by a proxy or with a bearer token signs in with every request. The first of twelve hours is what is recorded.
import { type Identity, keyOf } from './identity.ts';

const QUIET_MS = 12 * 3_600_000;
/** Above it the oldest is forgotten, and recorded again when it comes again. */
const KEPT = 2_000;

export class Arrivals {
  readonly #seen = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether this one, from this address, has not been here for long. */
  isNew(identity: Identity, address: string): boolean {
    const key = `${keyOf(identity)} ${address}`;
    const now = this.#now();
    const last = this.#seen.get(key);
    if (last !== undefined && now - last < QUIET_MS) return false;
    this.#seen.delete(key);
    this.#seen.set(key, now);
    if (this.#seen.size > KEPT) this.#seen.delete(this.#seen.keys().next().value ?? '');
    return true;
  }
}
