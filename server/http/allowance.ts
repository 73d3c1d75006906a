// So much at once, and so much more with time: for one person and for all together. For what costs something and is kept for good.
import { BreakglassError } from '../../protocol/problems.ts';

export interface AllowanceBounds {
  readonly atOnce: number;
  readonly perMinute: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

const PEOPLE = 1_000;

export class Allowance {
  readonly #ofOne: AllowanceBounds;
  readonly #ofAll: AllowanceBounds;
  readonly #now: () => number;
  readonly #all: Bucket;
  readonly #people = new Map<string, Bucket>();

  constructor(ofOne: AllowanceBounds, ofAll: AllowanceBounds, now: () => number = Date.now) {
    this.#ofOne = ofOne;
    this.#ofAll = ofAll;
    this.#now = now;
    this.#all = { left: ofAll.atOnce, atMs: now() };
  }

  /** Throws `too-many-requests` with the sentence. */
  take(person: string, sentence: string): void {
    const own = this.#people.get(person) ?? { left: this.#ofOne.atOnce, atMs: this.#now() };
    this.#people.delete(person);
    this.#people.set(person, own);
    if (this.#people.size > PEOPLE) this.#people.delete(this.#people.keys().next().value ?? '');
    this.#refill(own, this.#ofOne);
    this.#refill(this.#all, this.#ofAll);
    if (own.left < 1 || this.#all.left < 1) throw new BreakglassError('too-many-requests', sentence);
    own.left -= 1;
    this.#all.left -= 1;
  }

  #refill(bucket: Bucket, { atOnce, perMinute }: AllowanceBounds): void {
    const now = this.#now();
    bucket.left = Math.min(atOnce, bucket.left + ((now - bucket.atMs) / 60_000) * perMinute);
    bucket.atMs = now;
  }
}
