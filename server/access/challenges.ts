// What a passkey signs: a number that only this process can have made, not long ago, for one purpose, and that is good once. It carries its
// own proof, so whoever asks for thousands takes neither memory nor somebody else's place; only those that were used are remembered.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const CHALLENGE_LIFE_MS = 5 * 60_000;
const NONCE_BYTES = 16;
const TIME_BYTES = 8;

export class Challenges {
  readonly #key = randomBytes(32);
  readonly #now: () => number;
  /** Until when each that was used would have been good. */
  readonly #used = new Map<string, number>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @param purpose what it is good for, and for whom */
  make(purpose: string): Uint8Array<ArrayBuffer> {
    const body = Buffer.alloc(NONCE_BYTES + TIME_BYTES);
    randomBytes(NONCE_BYTES).copy(body);
    body.writeBigUInt64BE(BigInt(this.#now() + CHALLENGE_LIFE_MS), NONCE_BYTES);
    return new Uint8Array([...body, ...this.#proof(body, purpose)]);
  }

  /** Whether it is one, as base64url, and still good. */
  isGood(challenge: string, purpose: string): boolean {
    const all = Buffer.from(challenge, 'base64url');
    const body = all.subarray(0, NONCE_BYTES + TIME_BYTES);
    const proof = all.subarray(NONCE_BYTES + TIME_BYTES);
    const expected = this.#proof(body, purpose);
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) return false;
    const until = Number(body.readBigUInt64BE(NONCE_BYTES));
    return until > this.#now() && !this.#used.has(all.toString('base64url'));
  }

  /** Whether it was still good. It is not any more. */
  spend(challenge: string, purpose: string): boolean {
    if (!this.isGood(challenge, purpose)) return false;
    const now = this.#now();
    for (const [each, until] of this.#used) if (until <= now) this.#used.delete(each);
    this.#used.set(Buffer.from(challenge, 'base64url').toString('base64url'), now + CHALLENGE_LIFE_MS);
    return true;
  }

  #proof(body: Buffer, purpose: string): Buffer {
    return createHmac('sha256', this.#key).update(body).update(purpose).digest();
  }
}
