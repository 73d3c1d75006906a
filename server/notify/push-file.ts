// The browsers that get Web Push, and the console's key for it, in one small file for nobody else. The key is made once: with another one
// every browser would have to be turned on again.
import { createECDH, createHash } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { BreakglassError } from '../../protocol/problems.ts';
import { replaceFile } from '../access/replace-file.ts';

const StoredPushDevice = z.object({
  id: z.string(),
  endpoint: z.string(),
  keys: z.object({ p256dh: z.string(), auth: z.string() }),
  label: z.string(),
  name: z.string(),
  /** What its owner came in by: when that is void, so is this. */
  root: z.string(),
  device: z.string().exactOptional(),
  made_at: z.number(),
});
export type StoredPushDevice = z.output<typeof StoredPushDevice>;

const Stored = z.object({
  version: z.literal(1),
  vapid: z.object({ public_key: z.string(), private_key: z.string() }),
  devices: z.array(StoredPushDevice),
});
type Stored = z.output<typeof Stored>;

const FILE_NAME = 'push.json';
/** A browser that is turned on again and again takes the place of the oldest. */
const DEVICES_AT_MOST = 50;

export const pushDeviceId = (endpoint: string): string =>
  createHash('sha256').update(endpoint).digest('base64url').slice(0, 22);

export class PushFile {
  readonly #file: string;
  /** Why what was there could not be read, or undefined. It was moved aside. */
  readonly trouble: string | undefined;
  #stored: Stored;
  #written: boolean;

  constructor(dataDir: string) {
    this.#file = path.join(dataDir, FILE_NAME);
    const { stored, trouble } = read(this.#file);
    this.trouble = trouble;
    this.#written = stored !== undefined;
    this.#stored = stored ?? { version: 1, vapid: newKeys(), devices: [] };
  }

  /** It is on disk before anybody hears of it. Throws `journal-unavailable` when it cannot be. */
  keys(): Stored['vapid'] {
    if (!this.#written) this.#write(this.#stored);
    return this.#stored.vapid;
  }

  devices(): readonly StoredPushDevice[] {
    return this.#stored.devices;
  }

  /** The same endpoint again is the same device. Throws as `keys`. */
  put(device: StoredPushDevice): void {
    const others = this.#stored.devices.filter(({ id }) => id !== device.id);
    this.#write({ ...this.#stored, devices: [...others, device].slice(-DEVICES_AT_MOST) });
  }

  /** False when there was none. Throws as `keys`. */
  remove(id: string): boolean {
    const devices = this.#stored.devices.filter((each) => each.id !== id);
    if (devices.length === this.#stored.devices.length) return false;
    this.#write({ ...this.#stored, devices });
    return true;
  }

  #write(stored: Stored): void {
    try {
      replaceFile(this.#file, `${JSON.stringify(stored, null, 1)}\n`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BreakglassError(
        'journal-unavailable',
        `Nothing was changed: it could not be written to disk (${why}).`,
        { cause: error },
      );
    }
    this.#stored = stored;
    this.#written = true;
  }
}

/** P-256, as RFC 8292 wants it. */
function newKeys(): Stored['vapid'] {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  const privateKey = Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()]).subarray(-32);
  return {
    public_key: pair.getPublicKey().toString('base64url'),
    private_key: privateKey.toString('base64url'),
  };
}

function read(file: string): { readonly stored: Stored | undefined; readonly trouble: string | undefined } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { stored: undefined, trouble: code === 'ENOENT' ? undefined : `${file}: ${message}` };
  }
  try {
    return { stored: Stored.parse(JSON.parse(text)), trouble: undefined };
  } catch {
    const aside = `${file}.unreadable-${Date.now()}`;
    renameSync(file, aside);
    return {
      stored: undefined,
      trouble: `${file} cannot be understood and was moved to ${aside}: notifications must be turned on again on every device.`,
    };
  }
}
