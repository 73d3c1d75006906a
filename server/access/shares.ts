// Share links: each lets whoever has it watch one session until it ends, and nothing else. A colleague may open it on two machines, so it
// is good until then, unlike a login link. Its guests are no devices, and end with it: by hand, by the clock, or with whoever made it.
// Must stay true: whoever asks is judged by `guestOf` and `hasGuest` alone, so nobody is in between the end of a share and its record.
import { randomUUID } from 'node:crypto';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Guest } from './identity.ts';
import type { KeyFile, StoredGuest, StoredShare } from './key-file.ts';
import { digestOf, type Keyring, newSecret } from './keyring.ts';
import { asCode, newCode } from './login-codes.ts';

const SHARES_AT_MOST = 100;
/** Above it the guest that was seen longest ago makes way. */
const GUESTS_OF_ONE = 50;
/** When a guest was last seen is written down at most this often. */
const SEEN_EVERY_MS = 60_000;
/** The cookie of a guest begins with it, so that one whose share is over can be told so. */
const MARK = 'guest_';

export const isGuestCookie = (cookie: string): boolean => cookie.startsWith(MARK);

export interface NewShare {
  readonly session: SessionId;
  readonly target: TargetName;
  readonly by: string;
  /** See `Identity`. */
  readonly root: string;
  readonly lifeMs: number;
}

export interface SharesParts {
  readonly file: KeyFile;
  readonly keyring: Keyring;
  /** Called when one ended and nobody did it: its time came, or whoever made it may not come in any more. */
  readonly isOver: (share: StoredShare) => void;
  readonly now?: () => number;
  /** A clock that nobody sets. */
  readonly monotonic?: () => number;
}

interface Running {
  readonly share: StoredShare;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

export class Shares {
  readonly #file: KeyFile;
  readonly #keyring: Keyring;
  readonly #isOver: (share: StoredShare) => void;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #whenEnded: (() => void)[] = [];
  #running: readonly Running[];
  #guests: readonly StoredGuest[];

  constructor({ file, keyring, isOver, now = Date.now, monotonic = () => performance.now() }: SharesParts) {
    this.#file = file;
    this.#keyring = keyring;
    this.#isOver = isOver;
    this.#now = now;
    this.#monotonic = monotonic;
    // Over a restart only the wall clock knows the time; one that was set back gives no share more than its whole length.
    this.#running = file.stored.shares.map((share) => ({
      share,
      untilMs: monotonic() + Math.min(share.expires_at - now(), share.expires_at - share.made_at),
    }));
    this.#guests = file.stored.guests;
    keyring.whenEnded(() => this.sweep());
  }

  /** The running ones of a session, in the order in which they were made. */
  of(session: SessionId): readonly StoredShare[] {
    return this.#running
      .filter((each) => each.share.session === session && this.#holds(each))
      .map(({ share }) => share);
  }

  guestsOf(share: string): readonly StoredGuest[] {
    return this.#guests.filter((guest) => guest.share === share);
  }

  /** The code is told once, and not kept. Throws `invalid-input` where there are too many, `journal-unavailable` when it cannot be written. */
  make({ session, target, by, root, lifeMs }: NewShare): {
    readonly share: StoredShare;
    readonly code: string;
  } {
    this.sweep();
    if (this.#running.length >= SHARES_AT_MOST)
      throw new BreakglassError('invalid-input', `There are ${SHARES_AT_MOST} share links already: end one.`);
    const code = newCode();
    const made_at = this.#now();
    const share: StoredShare = {
      id: randomUUID(),
      digest: digestOf(code),
      session,
      target,
      made_by: by,
      root,
      made_at,
      expires_at: made_at + lifeMs,
    };
    const running = [...this.#running, { share, untilMs: this.#monotonic() + lifeMs }];
    try {
      this.#write(running, this.#guests);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const sentence = `No link was made: it could not be written to disk (${why}).`;
      throw new BreakglassError('journal-unavailable', sentence, { cause: error });
    }
    this.#running = running;
    return { share, code };
  }

  /** The share whose code this is, and how long it still runs. */
  withCode(typed: string): { readonly share: StoredShare; readonly leftMs: number } | undefined {
    const digest = digestOf(asCode(typed));
    const found = this.#running.find((each) => each.share.digest === digest);
    if (found === undefined || !this.#holds(found)) return undefined;
    return { share: found.share, leftMs: this.#leftMs(found) };
  }

  /** -> the secret of the new guest. */
  letIn(share: StoredShare, label: string): string {
    const secret = `${MARK}${newSecret()}`;
    const guest = {
      id: randomUUID(),
      digest: digestOf(secret),
      share: share.id,
      label,
      seen_at: this.#now(),
    };
    const own = this.guestsOf(share.id).toSorted((a, b) => b.seen_at - a.seen_at);
    const leaving = new Set(own.slice(GUESTS_OF_ONE - 1));
    this.#keepQuietly(this.#running, [...this.#guests.filter((each) => !leaving.has(each)), guest]);
    if (leaving.size > 0) this.#tellEnded();
    return secret;
  }

  guestOf(secret: string): Guest | undefined {
    if (!isGuestCookie(secret)) return undefined;
    const digest = digestOf(secret);
    const guest = this.#guests.find((each) => each.digest === digest);
    const found = this.#running.find(({ share }) => share.id === guest?.share);
    if (guest === undefined || found === undefined || !this.#holds(found)) return undefined;
    const now = this.#now();
    if (now - guest.seen_at >= SEEN_EVERY_MS)
      this.#keepQuietly(
        this.#running,
        this.#guests.map((each) => (each === guest ? { ...guest, seen_at: now } : each)),
      );
    const { id: share, session, target, made_by, root, expires_at } = found.share;
    return {
      name: `guest of ${made_by}`,
      how: 'share',
      role: 'guest',
      guest: guest.id,
      share,
      session,
      target,
      root,
      endsAt: expires_at,
    };
  }

  /** Whether this guest may still watch. */
  hasGuest(id: string): boolean {
    const guest = this.#guests.find((each) => each.id === id);
    return this.#running.some((each) => each.share.id === guest?.share && this.#holds(each));
  }

  /** One guest leaves. */
  leave(id: string): void {
    this.#keepQuietly(
      this.#running,
      this.#guests.filter((each) => each.id !== id),
    );
    this.#tellEnded();
  }

  /**
   * Ends one share of the session, and its guests are out at once. Undefined when there is none. Throws `journal-unavailable` when they are
   * out only until the next start.
   */
  end(session: SessionId, id: string): StoredShare | undefined {
    const share = this.of(session).find((each) => each.id === id);
    if (share === undefined) return undefined;
    try {
      this.#drop(new Set([id]));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BreakglassError(
        'journal-unavailable',
        `It is ended, but only until this console starts again: it could not be written to disk (${why}).`,
        { cause: error },
      );
    }
    return share;
  }

  /** Forgets what is over, and tells it. Whoever made this calls it now and then. */
  sweep(): void {
    const over = this.#running.filter((each) => !this.#holds(each)).map(({ share }) => share);
    if (over.length === 0) return;
    try {
      this.#drop(new Set(over.map(({ id }) => id)));
    } catch {
      // It is over by the clock, also for the next start.
    }
    for (const share of over) this.#isOver(share);
  }

  /** Called after somebody may have been put out. */
  whenEnded(listener: () => void): void {
    this.#whenEnded.push(listener);
  }

  /** By whichever clock is first: a clock that somebody sets back does not prolong it, and one that stood still while the machine slept does not either. */
  #leftMs({ share, untilMs }: Running): number {
    return Math.min(untilMs - this.#monotonic(), share.expires_at - this.#now());
  }

  #holds(running: Running): boolean {
    return this.#leftMs(running) > 0 && this.#keyring.rootHolds(running.share.root);
  }

  #drop(ids: ReadonlySet<string>): void {
    this.#running = this.#running.filter(({ share }) => !ids.has(share.id));
    this.#guests = this.#guests.filter(({ share }) => !ids.has(share));
    this.#tellEnded();
    this.#write(this.#running, this.#guests);
  }

  #tellEnded(): void {
    for (const listener of this.#whenEnded) listener();
  }

  #write(running: readonly Running[], guests: readonly StoredGuest[]): void {
    this.#file.write({ shares: running.map(({ share }) => share), guests: [...guests] });
  }

  /** Nobody is kept out because the disk is full: such a guest is only forgotten by the next start. */
  #keepQuietly(running: readonly Running[], guests: readonly StoredGuest[]): void {
    this.#guests = guests;
    try {
      this.#write(running, guests);
    } catch {
      // A full disk. The next change says so.
    }
  }
}
