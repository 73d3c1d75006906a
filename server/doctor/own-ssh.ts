// How doctor logs in: as the console does, over connections of its own, with a copy of the pinned host keys. A host whose key is not
// pinned writes it into the copy, which is thrown away; the reused connections of the console are neither used nor made.
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HostAddress } from '../config/targets.ts';
import { createSshConnection, type SshConnection, type SshConnectionOptions } from '../ssh/connection.ts';
import { type PublicKey, pinnedKeys, shownKey } from '../ssh/known-hosts.ts';
import { broken, doubtful, type Seen, works } from './link.ts';

export type OwnSshParts = Pick<
  SshConnectionOptions,
  'authSock' | 'controlDir' | 'ownerEnv' | 'searchPath' | 'home' | 'logger'
> & {
  /** The file of pinned host keys, which is only read. */
  readonly knownHostsFile: string;
  readonly keyPath: string;
  readonly alias: string;
};

export interface OwnSsh {
  /** Every command has a connection of its own. */
  to(address: HostAddress): SshConnection;
  /** @param whose for a person: `the VM` @param accept where the new key of a machine that was rebuilt is accepted */
  lookAtHostKey(address: HostAddress, whose: string): Promise<Seen>;
  close(): Promise<void>;
}

/** Nothing is made before something of it is used. */
async function openOwnSsh(parts: OwnSshParts): Promise<OwnSsh> {
  const dir = await mkdtemp(path.join(parts.controlDir ?? tmpdir(), 'doctor-'));
  const copy = path.join(dir, 'known_hosts');
  const pinned = await copyOf(parts.knownHostsFile, copy, parts.alias);
  const connections: SshConnection[] = [];
  const to = (address: HostAddress): SshConnection => {
    const ssh = createSshConnection({
      address,
      keyPath: parts.keyPath,
      authSock: parts.authSock,
      knownHostsFile: copy,
      controlDir: parts.controlDir,
      ownerEnv: parts.ownerEnv,
      searchPath: parts.searchPath,
      home: parts.home,
      logger: parts.logger,
      hostKeyAlias: parts.alias,
    });
    connections.push(ssh);
    return { ...ssh, run: (command) => ssh.run({ ...command, fresh: true }) };
  };
  return {
    to,
    async lookAtHostKey(address, whose) {
      const look = await to(address).lookAtKey(undefined, copy);
      if (look.type === 'none')
        return look.hostKey === undefined
          ? broken(
              `${whose} does not show its host key: ${look.why}`,
              `Look there at the SSH server: systemctl status ssh; sshd -t`,
            )
          : broken(
              look.why,
              `If you know that ${whose} was rebuilt, compare the new fingerprint with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` there, and accept it on the page. If not, somebody sits in between: do nothing.`,
            );
      if (pinned.length > 0) return works(`It shows the pinned key ${pinned.map(nameOf).join(' or ')}.`);
      return doubtful(
        `Its key is not pinned yet. It shows ${nameOf(look.key)}; the first use will pin it.`,
        `Compare it there before that: \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\``,
      );
    },
    async close() {
      await Promise.all(connections.map((ssh) => ssh.close()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const nameOf = (key: PublicKey): string => {
  const { fingerprint, type } = shownKey(key);
  return `${fingerprint} (${type})`;
};

async function copyOf(file: string, copy: string, alias: string): Promise<readonly PublicKey[]> {
  try {
    await copyFile(file, copy);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await writeFile(copy, '', { mode: 0o600 });
  }
  return pinnedKeys(await readFile(copy, 'utf8'), alias);
}

/** One OwnSsh for a chain, opened by the first look that needs it. */
export function shared(parts: OwnSshParts): {
  readonly open: () => Promise<OwnSsh>;
  readonly end: () => Promise<void>;
} {
  let opened: Promise<OwnSsh> | undefined;
  return {
    open: () => (opened ??= openOwnSsh(parts)),
    end: async () => (await opened)?.close(),
  };
}
