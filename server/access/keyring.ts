// Named tokens and signed-in devices: made, found by their secret, listed and ended. A device is a browser that somebody signed in: the
// cookie is only its secret, so it ends here, whoever copied it.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Role } from './identity.ts';
import type { KeyFile, StoredDevice, StoredToken } from './key-file.ts';

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
  readonly lifeMs: number;
}

/** A page that signs in again and again takes the place of its oldest device. */
const DEVICES_AT_MOST = 500;
const TOKENS_AT_MOST = 200;
/** When something was last used is written down at most this often. */
const USE_EVERY_MS = 60_000;

export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
const newSecret = (): string => randomBytes(32).toString('base64url');

export class Keyring {
  readonly #file: KeyFile;
  readonly #now: () => number;
  #tokens: readonly StoredToken[];
  #devices: readonly StoredDevice[];

  /** @param isGood whether a device with this root may still come in: false where the environment has another token now */
  constructor(file: KeyFile, isGood: (root: string) => boolean, now: () => number = Date.now) {
    this.#file = file;
    this.#now = now;
    this.#tokens = file.stored.tokens;
    const ids = new Set(this.#tokens.map(({ id }) => `token:${id}`));
    this.#devices = file.stored.devices.filter(({ root }) => ids.has(root) || isGood(root));
  }

  tokens(): readonly StoredToken[] {
    return this.#tokens;
  }

  /** Devices that may still come in, the one that was seen last first. */
  devices(): readonly StoredDevice[] {
    const now = this.#now();
    return this.#devices
      .filter(({ expires_at }) => expires_at > now)
      .toSorted((a, b) => b.seen_at - a.seen_at);
  }

  /** The secret is told once, and not kept. Throws `invalid-input` where the name is taken. */
  makeToken({ name, role, lifeMs, by }: NewToken): { readonly token: StoredToken; readonly secret: string } {
    if (this.#tokens.some((other) => other.name === name))
      throw new BreakglassError('invalid-input', `There is a token named ${JSON.stringify(name)} already.`);
    if (this.#tokens.length >= TOKENS_AT_MOST)
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
    this.#keep([...this.#tokens, token], this.#devices);
    return { token, secret };
  }

  /** Devices that were signed in with it end, too. Undefined when there is none. */
  revokeToken(id: string): StoredToken | undefined {
    const token = this.#tokens.find((each) => each.id === id);
    if (token === undefined) return undefined;
    this.#keep(
      this.#tokens.filter((each) => each !== token),
      this.#devices.filter(({ root }) => root !== `token:${id}`),
    );
    return token;
  }

  /** The token with this secret, if it is still good. */
  tokenOf(secret: string): StoredToken | undefined {
    const digest = digestOf(secret);
    const token = this.#tokens.find((each) => each.digest === digest);
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
    this.#keepQuietly(this.#tokens, devices.slice(0, DEVICES_AT_MOST));
    return secret;
  }

  deviceOf(secret: string): StoredDevice | undefined {
    const digest = digestOf(secret);
    const now = this.#now();
    const device = this.#devices.find((each) => each.digest === digest);
    if (device === undefined || device.expires_at <= now || !this.#isGoodStill(device, now)) return undefined;
    if (now - device.seen_at < USE_EVERY_MS) return device;
    const seen = { ...device, seen_at: now };
    this.#keepQuietly(
      this.#tokens,
      this.#devices.map((each) => (each === device ? seen : each)),
    );
    return seen;
  }

  /** Ends the devices for which `which` says so. -> those. Throws `journal-unavailable` when they are out only until the next start. */
  endDevices(which: (device: StoredDevice) => boolean): readonly StoredDevice[] {
    const ended = this.#devices.filter(which);
    if (ended.length === 0) return ended;
    this.#devices = this.#devices.filter((each) => !which(each));
    this.#write(
      this.#tokens,
      this.#devices,
      'Signed out, but only until this console starts again: it could not be written to disk',
    );
    return ended;
  }

  /** A token that expired takes its devices with it. */
  #isGoodStill({ root }: StoredDevice, now: number): boolean {
    const token = this.#tokens.find(({ id }) => root === `token:${id}`);
    return token === undefined || token.expires_at === null || token.expires_at > now;
  }

  #used(token: StoredToken): StoredToken {
    const now = this.#now();
    if (token.used_at !== null && now - token.used_at < USE_EVERY_MS) return token;
    const used = { ...token, used_at: now };
    this.#keepQuietly(
      this.#tokens.map((each) => (each === token ? used : each)),
      this.#devices,
    );
    return used;
  }

  /** What was acknowledged is on disk. Throws `journal-unavailable` when it cannot be: then nothing changed. */
  #keep(tokens: readonly StoredToken[], devices: readonly StoredDevice[]): void {
    this.#write(tokens, devices, 'Nothing was changed: it could not be written to disk');
    this.#tokens = tokens;
    this.#devices = devices;
  }

  #write(tokens: readonly StoredToken[], devices: readonly StoredDevice[], otherwise: string): void {
    try {
      this.#file.write({ version: 1, tokens: [...tokens], devices: [...devices] });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BreakglassError('journal-unavailable', `${otherwise} (${why}).`, { cause: error });
    }
  }

  /** When something was last used is not worth an error. */
  #keepQuietly(tokens: readonly StoredToken[], devices: readonly StoredDevice[]): void {
    this.#tokens = tokens;
    this.#devices = devices;
    try {
      this.#file.write({ version: 1, tokens: [...tokens], devices: [...devices] });
    } catch {
      // A full disk. The next change says so.
    }
  }
}
