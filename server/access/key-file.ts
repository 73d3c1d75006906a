// The one file of who may enter besides the environment: named tokens, signed-in devices, passkeys, share links and their guests. Secrets are
// kept only as digests. It is small, so each change writes all of it: beside, to disk, then in its place. Without a data directory
// everything lives as long as the process.
import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import { replaceFile } from './replace-file.ts';

const role = z.enum(['operator', 'observer', 'alerts']);
const instant = z.number().describe('milliseconds since 1970');

const StoredToken = z.object({
  id: z.string(),
  name: z.string(),
  role,
  digest: z.string(),
  made_at: instant,
  made_by: z.string(),
  expires_at: instant.nullable(),
  used_at: instant.nullable(),
});
export type StoredToken = z.output<typeof StoredToken>;

const StoredDevice = z.object({
  id: z.string(),
  digest: z.string(),
  label: z.string(),
  name: z.string(),
  role,
  /** What brought it in: when that is void, so is the device. */
  root: z.string(),
  /** The passkey that signed it in, if one did: it ends together with that. */
  passkey: z.string().exactOptional(),
  made_at: instant,
  seen_at: instant,
  expires_at: instant,
});
export type StoredDevice = z.output<typeof StoredDevice>;

const StoredPasskey = z.object({
  /** That of WebAuthn, as base64url. */
  id: z.string(),
  public_key: z.string().describe('COSE, as base64url'),
  /** How often it signed, where it counts: one that goes back is a copy. */
  counter: z.number(),
  transports: z.array(z.string()),
  label: z.string(),
  name: z.string(),
  role,
  /** As with a device. */
  root: z.string(),
  rp_id: z.string().describe('the name of the console under which it was made'),
  made_at: instant,
  used_at: instant.nullable(),
});
export type StoredPasskey = z.output<typeof StoredPasskey>;

const StoredShare = z.object({
  id: z.string(),
  digest: z.string(),
  session: z.guid().transform((id) => id as SessionId),
  target: z.string().transform((name) => name as TargetName),
  made_by: z.string(),
  /** Of whoever made it, as with a device. */
  root: z.string(),
  made_at: instant,
  expires_at: instant,
});
export type StoredShare = z.output<typeof StoredShare>;

/** A browser that a share link let in. It is no device: an older version, which knows no guests, must not take it for one. */
const StoredGuest = z.object({
  id: z.string(),
  digest: z.string(),
  /** The id of its share, with which it ends. */
  share: z.string(),
  label: z.string(),
  seen_at: instant,
});
export type StoredGuest = z.output<typeof StoredGuest>;

const Stored = z.object({
  version: z.literal(1),
  tokens: z.array(StoredToken),
  devices: z.array(StoredDevice),
  /** A file of before there were any has none. */
  passkeys: z.array(StoredPasskey).default([]),
  shares: z.array(StoredShare).default([]),
  guests: z.array(StoredGuest).default([]),
});
export type Stored = z.output<typeof Stored>;

export const FILE_NAME = 'access.json';

export interface KeyFile {
  readonly stored: Stored;
  /** Why what was there could not be read, or undefined. It was moved aside, and nobody comes in by it. */
  readonly trouble: string | undefined;
  /** Writes it with these parts in place of what was written last; the others stay. Throws when it cannot be written. */
  write(change: Partial<Omit<Stored, 'version'>>): void;
}

const NOTHING: Stored = { version: 1, tokens: [], devices: [], passkeys: [], shares: [], guests: [] };

export const inMemory = (): KeyFile => ({ stored: NOTHING, trouble: undefined, write: () => undefined });

export function openKeyFile(dataDir: string): KeyFile {
  const file = path.join(dataDir, FILE_NAME);
  const found = read(file);
  let written = found.stored;
  return {
    ...found,
    write(change) {
      const next: Stored = { ...written, ...change };
      replaceFile(file, `${JSON.stringify(next, null, 1)}\n`);
      written = next;
    },
  };
}

function read(file: string): Pick<KeyFile, 'stored' | 'trouble'> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { stored: NOTHING, trouble: code === 'ENOENT' ? undefined : `${file}: ${message}` };
  }
  const parsed = Stored.safeParse(jsonOf(text));
  if (parsed.success) return { stored: parsed.data, trouble: undefined };
  const aside = `${file}.unreadable-${Date.now()}`;
  renameSync(file, aside);
  return {
    stored: NOTHING,
    trouble: `${file} cannot be understood and was moved to ${aside}: named tokens, signed-in devices, passkeys and share links are void.`,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
