// One-time codes for a login link: made by somebody who is in, good once, for ten minutes, and only as long as this process lives.
import { randomInt } from 'node:crypto';
import type { Member } from './identity.ts';
import { digestOf } from './keyring.ts';

export const CODE_LIFE_MS = 10 * 60_000;
/** More at a time are not needed, and the oldest makes way. */
const AT_MOST = 50;
/** Without the letters that are taken for digits, so that a code can be typed: Crockford's base 32. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 100 bits. */
const LENGTH = 20;

export const newCode = (): string =>
  Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** A code as it was made, from how somebody typed it. */
export const asCode = (typed: string): string => typed.toUpperCase().replaceAll(/[\s-]/g, '');

/** For whom a code is: a device that is signed in with it is theirs. */
export type CodeFor = Pick<Member, 'name' | 'role' | 'root'>;

export class LoginCodes {
  readonly #codes = new Map<string, { readonly of: CodeFor; readonly untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  make(of: CodeFor): string {
    const code = newCode();
    this.#codes.set(digestOf(code), { of, untilMs: this.#now() + CODE_LIFE_MS });
    if (this.#codes.size > AT_MOST) this.#codes.delete(this.#codes.keys().next().value ?? '');
    return code;
  }

  /** Spends it. Undefined when it was spent, is too old or never was one. */
  redeem(typed: string): CodeFor | undefined {
    const digest = digestOf(asCode(typed));
    const found = this.#codes.get(digest);
    this.#codes.delete(digest);
    return found === undefined || found.untilMs <= this.#now() ? undefined : found.of;
  }
}
