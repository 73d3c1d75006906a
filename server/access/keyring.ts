// Named tokens, signed-in devices and passkeys: made, found, listed and ended. A device is a browser that somebody signed in: the
// cookie is only its secret, so it ends here, whoever copied it.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Role } from './identity.ts';
import type { KeyFile, StoredDevice, StoredPasskey, StoredToken } from './key-file.ts';

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  /** Undefined: it is good until it is revoked. */
  readonly lifeMs: number | undefined;
  readonly by: string;
}

export interface NewDevice {
  readonly name: string;
  readonly role: Role;
  readonly label: string;
  /** See `Identity`. */
  readonly root: string;
  /** The passkey that it came with. */
  readonly passkey?: string;
  readonly lifeMs: number;
}

export type NewPasskey = Omit<StoredPasskey, 'made_at' | 'used_at'>;

/** All that is written. */
interface Ring {
  readonly tokens: readonly StoredToken[];
  readonly devices: readonly StoredDevice[];
  readonly passkeys: readonly StoredPasskey[];
}

/** A page that signs in again and again takes the place of its oldest device. */
const DEVICES_AT_MOST = 500;
const TOKENS_AT_MOST = 200;
const PASSKEYS_AT_MOST = 100;
/** When something was last used is written down at most this often. */
const USE_EVERY_MS = 60_000;

export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
export const newSecret = (): string => randomBytes(32).toString('base64url');

export class Keyring {
  readonly #file: KeyFile;
  readonly #now: () => number;
  readonly #isGood: (root: string) => boolean;
  readonly #whenEnded: (() => void)[] = [];
  #ring: Ring;

  /** @param isGood whether a device or a passkey with this root may still come in: false where the environment has another token now */
  constructor(file: KeyFile, isGood: (root: string) => boolean, now: () => number = Date.now) {
    this.#file = file;
    this.#now = now;
    this.#isGood = isGood;
    const { tokens, devices, passkeys } = file.stored;
    const ids = new Set(tokens.map(({ id }) => `token:${id}`));
    const stays = ({ root }: { readonly root: string }): boolean => ids.has(root) || isGood(root);
    this.#ring = { tokens, devices: devices.filter(stays), passkeys: passkeys.filter(stays) };
  }

  tokens(): readonly StoredToken[] {
    return this.#ring.tokens;
  }

  /** Devices that may still come in, the one that was seen last first. */
  devices(): readonly StoredDevice[] {
    const now = this.#now();
    return this.#ring.devices
      .filter(({ expires_at }) => expires_at > now)
      .toSorted((a, b) => b.seen_at - a.seen_at);
  }

  /** The secret is told once, and not kept. Throws `invalid-input` where the name is taken. */
  makeToken({ name, role, lifeMs, by }: NewToken): { readonly token: StoredToken; readonly secret: string } {
    if (this.#ring.tokens.some((other) => other.name === name))
      throw new BreakglassError('invalid-input', `There is a token named ${JSON.stringify(name)} already.`);
    if (this.#ring.tokens.length >= TOKENS_AT_MOST)
      throw new BreakglassError('invalid-input', `There are ${TOKENS_AT_MOST} tokens already: revoke one.`);
    const secret = `bg_${newSecret()}`;
    const now = this.#now();
    const token: StoredToken = {
      id: randomUUID(),
      name,
      role,
      digest: digestOf(secret),
      made_at: now,
      made_by: by,
      expires_at: lifeMs === undefined ? null : now + lifeMs,
      used_at: null,
    };
    this.#keep({ tokens: [...this.#ring.tokens, token] });
    return { token, secret };
  }

  /** Devices that were signed in with it end, too, and passkeys that were enrolled by those. Undefined when there is none. */
  revokeToken(id: string): StoredToken | undefined {
    const token = this.#ring.tokens.find((each) => each.id === id);
    if (token === undefined) return undefined;
    const stays = ({ root }: { readonly root: string }): boolean => root !== `token:${id}`;
    this.#keep({
      tokens: this.#ring.tokens.filter((each) => each !== token),
      devices: this.#ring.devices.filter(stays),
      passkeys: this.#ring.passkeys.filter(stays),
    });
    this.#tellEnded();
    return token;
  }

  /** The token with this secret, if it is still good. */
  tokenOf(secret: string): StoredToken | undefined {
    const digest = digestOf(secret);
    const token = this.#ring.tokens.find((each) => each.digest === digest);
    if (token === undefined || (token.expires_at !== null && token.expires_at <= this.#now()))
      return undefined;
    return this.#used(token);
  }

  /** -> the secret of the new device. */
  signIn({ lifeMs, ...device }: NewDevice): string {
    const secret = newSecret();
    const now = this.#now();
    const made = { ...device, id: randomUUID(), digest: digestOf(secret), made_at: now, seen_at: now };
    const devices = [{ ...made, expires_at: now + lifeMs }, ...this.devices()];
    // Nobody is kept out because the disk is full: such a device is only forgotten by the next start.
    this.#keepQuietly({ devices: devices.slice(0, DEVICES_AT_MOST) });
    return secret;
  }

  deviceOf(secret: string): StoredDevice | undefined {
    const digest = digestOf(secret);
    const now = this.#now();
    const device = this.#ring.devices.find((each) => each.digest === digest);
    if (device === undefined || device.expires_at <= now || !this.rootHolds(device.root)) return undefined;
    if (now - device.seen_at < USE_EVERY_MS) return device;
    const seen = { ...device, seen_at: now };
    this.#keepQuietly({ devices: this.#ring.devices.map((each) => (each === device ? seen : each)) });
    return seen;
  }

  /** Ends the devices for which `which` says so. -> those. Throws `journal-unavailable` when they are out only until the next start. */
  endDevices(which: (device: StoredDevice) => boolean): readonly StoredDevice[] {
    const ended = this.#ring.devices.filter(which);
    if (ended.length === 0) return ended;
    this.#ring = { ...this.#ring, devices: this.#ring.devices.filter((each) => !which(each)) };
    this.#tellEnded();
    this.#write(
      this.#ring,
      'Signed out, but only until this console starts again: it could not be written to disk',
    );
    return ended;
  }

  /** Passkeys that may still sign somebody in. */
  passkeys(): readonly StoredPasskey[] {
    return this.#ring.passkeys.filter(({ root }) => this.rootHolds(root));
  }

  addPasskey(made: NewPasskey): StoredPasskey {
    if (this.#ring.passkeys.some(({ id }) => id === made.id))
      throw new BreakglassError('invalid-input', 'This passkey is enrolled already.');
    if (this.#ring.passkeys.length >= PASSKEYS_AT_MOST)
      throw new BreakglassError(
        'invalid-input',
        `There are ${PASSKEYS_AT_MOST} passkeys already: remove one.`,
      );
    const passkey: StoredPasskey = { ...made, made_at: this.#now(), used_at: null };
    this.#keep({ passkeys: [...this.#ring.passkeys, passkey] });
    return passkey;
  }

  /** Devices that were signed in with it end, too. Undefined when there is none. */
  removePasskey(id: string): StoredPasskey | undefined {
    const passkey = this.#ring.passkeys.find((each) => each.id === id);
    if (passkey === undefined) return undefined;
    this.#keep({
      passkeys: this.#ring.passkeys.filter((each) => each !== passkey),
      devices: this.#ring.devices.filter((each) => each.passkey !== id),
    });
    this.#tellEnded();
    return passkey;
  }

  /** It signed somebody in, for the time that its counter says. */
  passkeyUsed(id: string, counter: number): void {
    const used_at = this.#now();
    this.#keepQuietly({
      passkeys: this.#ring.passkeys.map((each) => (each.id === id ? { ...each, counter, used_at } : each)),
    });
  }

  /** Whether this device may still come in. */
  hasDevice(id: string): boolean {
    const device = this.#ring.devices.find((each) => each.id === id);
    return device !== undefined && device.expires_at > this.#now() && this.rootHolds(device.root);
  }

  /** Whether what came in by this root may stay: a token that was revoked or expired takes all of that with it. */
  rootHolds(root: string): boolean {
    const token = this.#ring.tokens.find(({ id }) => root === `token:${id}`);
    if (token === undefined) return this.#isGood(root);
    return token.expires_at === null || token.expires_at > this.#now();
  }

  /** Called after something was ended that may have somebody in. */
  whenEnded(listener: () => void): void {
    this.#whenEnded.push(listener);
  }

  #tellEnded(): void {
    for (const listener of this.#whenEnded) listener();
  }

  #used(token: StoredToken): StoredToken {
    const now = this.#now();
    if (token.used_at !== null && now - token.used_at < USE_EVERY_MS) return token;
    const used = { ...token, used_at: now };
    this.#keepQuietly({ tokens: this.#ring.tokens.map((each) => (each === token ? used : each)) });
    return used;
  }

  /** What was acknowledged is on disk. Throws `journal-unavailable` when it cannot be: then nothing changed. */
  #keep(change: Partial<Ring>): void {
    const ring = { ...this.#ring, ...change };
    this.#write(ring, 'Nothing was changed: it could not be written to disk');
    this.#ring = ring;
  }

  #write({ tokens, devices, passkeys }: Ring, otherwise: string): void {
    try {
      this.#file.write({
        tokens: [...tokens],
        devices: [...devices],
        passkeys: [...passkeys],
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BreakglassError('journal-unavailable', `${otherwise} (${why}).`, { cause: error });
    }
  }

  /** When something was last used is not worth an error. */
  #keepQuietly(change: Partial<Ring>): void {
    this.#ring = { ...this.#ring, ...change };
    try {
      this.#write(this.#ring, 'Not written to disk');
    } catch {
      // A full disk. The next change says so.
    }
  }
}
