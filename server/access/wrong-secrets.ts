// Counts wrong secrets: tokens, codes, bearer headers. Only what was wrong counts, and a correct one is never held back by it: so nobody
// who guesses behind the same proxy locks the operator out. What is seen goes into the record in bounded pieces: the first at once, the
// rest once a minute with their number.

/** So many wrong ones of an address in a minute are answered as what they are; after that the answer is 429. */
export const ALLOWED = {
  /** By hand. */
  'sign-in': 10,
  /** A script with an old token asks several routes before somebody looks at it. */
  bearer: 100,
} as const;
const WINDOW_MS = 60_000;
/** Addresses that are counted at a time. Above it the oldest is forgotten: memory is bounded, whoever comes from where. */
const ADDRESSES = 5_000;
/** Addresses that get an entry of their own in the record, in one minute. */
const RECORDED = 20;

/** @param times how often since the last time that it was told */
export type TellRefusal = (address: string, times: number) => void;

interface Count {
  readonly sinceMs: number;
  wrong: number;
  told: number;
}

export class WrongSecrets {
  readonly #tell: TellRefusal;
  readonly #now: () => number;
  readonly #counts = new Map<string, Count>();
  #recorded = 0;

  constructor(tell: TellRefusal, now: () => number = Date.now) {
    this.#tell = tell;
    this.#now = now;
  }

  /** -> how long (seconds) whoever sent it should wait; undefined: it is answered as a wrong secret. */
  note(address: string, how: keyof typeof ALLOWED): number | undefined {
    const now = this.#now();
    this.#close(now);
    let count = this.#counts.get(address);
    if (count === undefined) {
      count = { sinceMs: now, wrong: 0, told: 0 };
      this.#counts.set(address, count);
      if (this.#counts.size > ADDRESSES) this.#forgetOldest();
    }
    count.wrong += 1;
    if (count.wrong === 1 && this.#recorded < RECORDED) {
      this.#recorded += 1;
      count.told = 1;
      this.#tell(address, 1);
    }
    return count.wrong <= ALLOWED[how] ? undefined : Math.ceil((count.sinceMs + WINDOW_MS - now) / 1_000);
  }

  /** Tells what was counted in the minutes that are over. Whoever made this calls it now and then. */
  tellPast(): void {
    this.#close(this.#now());
  }

  /** Tells all that has not been told yet, at the end. */
  tellAll(): void {
    this.#close(Number.POSITIVE_INFINITY);
  }

  /** Minutes end in the order in which they began. */
  #close(now: number): void {
    let many = 0;
    for (const [address, count] of this.#counts) {
      if (count.sinceMs + WINDOW_MS > now) break;
      this.#counts.delete(address);
      const untold = count.wrong - count.told;
      if (count.told > 0) this.#recorded -= 1;
      if (untold > 0 && count.told > 0) this.#tell(address, untold);
      else many += untold;
    }
    if (many > 0) this.#tell('many addresses', many);
  }

  #forgetOldest(): void {
    for (const [address, { wrong, told }] of this.#counts) {
      this.#counts.delete(address);
      if (told > 0) this.#recorded -= 1;
      if (wrong > told) this.#tell('many addresses', wrong - told);
      return;
    }
  }
}
