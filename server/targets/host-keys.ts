// Accepts the new key of a host that was rebuilt, in place of the pinned ones. Which key counts is decided by its fingerprint, which a
// person saw: the key is looked at again, compared, and the very key that was looked at is written down. So whatever is offered before
// or after that, no key that nobody saw is ever trusted.
import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { HostKey } from '../../protocol/host-keys.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { ChangedHostKey } from '../ssh/failure.ts';
import {
  algorithmsFor,
  isRevoked,
  type PublicKey,
  pinnedKeys,
  shownKey,
  withOnlyKey,
} from '../ssh/known-hosts.ts';

export interface Acceptance {
  readonly ssh: SshConnection;
  /** What the last look said. */
  readonly seen: ChangedHostKey;
  readonly fingerprint: string;
  /** Whose key, for a person: `the VM of devvm`. */
  readonly whose: string;
}

/** All host keys of one console: several targets may share a power host, and all share the file. */
export interface HostKeys {
  /** Its reused connection ends when another key of that host is accepted. */
  add(ssh: SshConnection): SshConnection;
  /**
   * Resolves with what was pinned and what is now. Throws `host-key-refused` when another key is offered by now or none has changed,
   * `host-key-unavailable` when the host cannot be asked or the file cannot be written.
   */
  accept(acceptance: Acceptance): Promise<{ readonly before: readonly HostKey[]; readonly now: HostKey }>;
  /** When a key of this host was last accepted, Unix milliseconds; 0: never. An older look says nothing about its key any more. */
  acceptedAt(alias: string): number;
}

/** How often it is tried when ssh adds another host's key meanwhile. */
const TRIES = 5;

export function createHostKeys(): HostKeys {
  const connections = new Set<SshConnection>();
  const acceptedAt = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();

  const accept = async ({ ssh, seen, fingerprint, whose }: Acceptance) => {
    const { file, alias } = ssh.pin;
    const before = pinnedKeys(await textOf(file), alias);
    const key = await offeredKey(ssh, algorithmsFor(seen.offered.type, before), whose);
    const now = shownKey(key);
    // It may have been accepted, or removed by hand, while the host was asked.
    const text = await textOf(file);
    const pinned = pinnedKeys(text, alias);
    if (pinned.length === 0)
      throw refused(
        `No host key of ${whose} is pinned: the next look pins the one that it finds. Nothing was done.`,
      );
    if (pinned.some(({ blob }) => blob === key.blob))
      throw refused(
        `The key that ${whose} offers, ${now.fingerprint}, is already the accepted one. Somebody else may have accepted it. Nothing was done.`,
      );
    if (now.fingerprint !== fingerprint)
      throw refused(
        `By now ${whose} offers another key, ${now.fingerprint} (${now.type}), and not ${fingerprint}. Nothing was accepted. Look again before you decide.`,
      );
    if (isRevoked(text, alias, key))
      throw refused(
        `The key ${fingerprint} of ${whose} is marked as revoked in ${file}. It was not accepted.`,
      );
    await replace(file, (current) => withOnlyKey(current, alias, key));
    acceptedAt.set(alias, Date.now());
    await Promise.all(
      [...connections].filter(({ pin }) => pin.alias === alias).map((each) => each.dropReused()),
    );
    return { before: pinned.map(shownKey), now };
  };

  return {
    add(ssh) {
      connections.add(ssh);
      return ssh;
    },
    acceptedAt: (alias) => acceptedAt.get(alias) ?? 0,
    // One after the other: whoever comes second is told that it is done.
    accept(acceptance) {
      const accepting = last.then(() => accept(acceptance));
      last = accepting.catch(() => undefined);
      return accepting;
    },
  };
}

const refused = (detail: string): BreakglassError => new BreakglassError('host-key-refused', detail);

const because = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unwritable = (file: string, error: unknown): BreakglassError =>
  new BreakglassError(
    'host-key-unavailable',
    `The new key cannot be written to ${file} (${because(error)}). The old one still counts. Make room or give the console the right to write there, then accept again.`,
  );

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new BreakglassError(
      'host-key-unavailable',
      `The pinned host keys in ${file} cannot be read (${because(error)}). Nothing was done.`,
    );
  }
}

/** The key that the host offers now. ssh writes it into a file of its own, beside the real one, which it does not touch. */
async function offeredKey(
  ssh: SshConnection,
  algorithms: string | undefined,
  whose: string,
): Promise<PublicKey> {
  const { file } = ssh.pin;
  const scratch = `${file}.offered-${randomUUID()}`;
  try {
    await (await open(scratch, 'wx', 0o600)).close();
  } catch (error) {
    throw unwritable(file, error);
  }
  try {
    const look = await ssh.lookAtKey(algorithms, scratch);
    if (look.type === 'offered') return look.key;
    throw new BreakglassError(
      'host-key-unavailable',
      `${whose[0]?.toUpperCase()}${whose.slice(1)} does not show its key now: ${look.why} Nothing was accepted.`,
    );
  } finally {
    await rm(scratch, { force: true });
  }
}

/** Atomically: whoever reads, reads the old file or the new one. A line that ssh adds meanwhile, for another host, is not lost. */
async function replace(file: string, change: (text: string) => string): Promise<void> {
  try {
    // A link stays a link.
    const real = await realpath(file);
    const beside = path.join(path.dirname(real), `known_hosts.new-${randomUUID()}`);
    try {
      for (let tries = 1; ; tries++) {
        const text = await readFile(real, 'utf8');
        await writeSynced(beside, change(text));
        if ((await readFile(real, 'utf8')) === text || tries === TRIES) break;
        await rm(beside);
      }
      await rename(beside, real);
    } finally {
      await rm(beside, { force: true });
    }
  } catch (error) {
    throw unwritable(file, error);
  }
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
