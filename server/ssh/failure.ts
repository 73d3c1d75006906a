// OpenSSH's error messages, read twice: as sentences for a person on a phone at night (what happened, what it means, what to do),
// and as what they say of the far side. A refusal is a sign of life; only silence is a sign of death, and a weak one.
import { readFileSync } from 'node:fs';
import type { HostKey } from '../../protocol/host-keys.ts';
import type { SshReached, SshReading, SshRefusal } from '../../protocol/ssh-reading.ts';
import type { Destination } from './arguments.ts';
import type { SshEnd } from './client-log.ts';
import { pinnedKeys, shownKey } from './known-hosts.ts';

export interface SshFailure {
  readonly reading: Exclude<SshReading, 'works'>;
  /** Of `refused`. */
  readonly refusal?: SshRefusal;
  /** Of the refusal `host-key`, where the host showed another key than before. */
  readonly hostKey?: ChangedHostKey;
}

export interface FailedRun {
  readonly how: SshEnd;
  readonly reached: SshReached;
  /** What the client said about itself, in its log. */
  readonly spoken: string;
  /** The end of its stderr: some of its last words go there. After a login it is the remote command's. */
  readonly stderrTail: string;
}

/** Another key than the pinned ones was shown. */
export interface ChangedHostKey {
  /** Empty when the file cannot be read. */
  readonly known: readonly HostKey[];
  readonly offered: HostKey;
}

function knownKeys({ knownHostsFile, hostKeyAlias }: Destination): readonly HostKey[] {
  try {
    return pinnedKeys(readFileSync(knownHostsFile, 'utf8'), hostKeyAlias).map(shownKey);
  } catch {
    return [];
  }
}

// sshconnect.c, warn_changed_key(). At the beginning of a line: what a server says before its banner is quoted behind other words.
const HOST_KEY_CHANGED = /^@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed/m;
const OFFERED = /^The fingerprint for the (\S+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]{43})/m;

function changedHostKey(said: string, to: Destination): ChangedHostKey | undefined {
  const [, type, fingerprint] = (HOST_KEY_CHANGED.test(said) && OFFERED.exec(said)) || [];
  return type === undefined || fingerprint === undefined
    ? undefined
    : { known: knownKeys(to), offered: { type, fingerprint } };
}

interface Meaning extends SshFailure {
  readonly says: RegExp;
  readonly detail: (where: string, to: Destination, said: string) => string;
}

const refused = (refusal: SshRefusal): SshFailure => ({ reading: 'refused', refusal });

/** The first that matches what ssh said. Its words: sshconnect.c, sshconnect2.c, kex.c, packet.c. */
const MEANINGS: readonly Meaning[] = [
  {
    says: HOST_KEY_CHANGED,
    ...refused('host-key'),
    detail: (_where, to, said) => {
      const { address, knownHostsFile, hostKeyAlias } = to;
      const changed = changedHostKey(said, to);
      const known = changed?.known.map(({ fingerprint }) => fingerprint).join(' or ') || 'not readable';
      return (
        `The host key of ${hostKeyAlias} (${address.host}) has changed: known is ${known}, offered is ${changed?.offered.fingerprint ?? 'not printed'}. ` +
        `Either the machine was rebuilt or somebody sits in between. If you know that it was rebuilt, accept the new key deliberately, on the page or with ` +
        `ssh-keygen -f ${knownHostsFile} -R ${hostKeyAlias}`
      );
    },
  },
  {
    says: /Host key verification failed/,
    ...refused('host-key'),
    detail: (_where, { address, knownHostsFile, hostKeyAlias }) =>
      `The host key of ${hostKeyAlias} (${address.host}) could not be verified against ${knownHostsFile}.`,
  },
  {
    says: /Too many authentication failures/,
    ...refused('too-many-keys'),
    detail: (where, { keyFile }) =>
      `${where} gave up after too many keys. Give the console the one key that is meant: put it at ${keyFile}`,
  },
  {
    says: /^banner line \d+: /m,
    ...refused('not-now'),
    detail: (where, _to, said) => {
      const word = /^banner line \d+: (.{1,120})/m.exec(said)?.[1]?.trim() ?? '';
      return `The SSH server of ${where} lets nobody in now: "${word}". It lives. Try again in a minute.`;
    },
  },
  {
    says: /Connection refused/,
    ...refused('port-closed'),
    detail: (where) => `${where} refused the connection: the machine is up, but no SSH server listens there.`,
  },
  {
    says: /No route to host|Network is unreachable|Host is down/,
    reading: 'unreachable',
    detail: (where) => `There is no network route to ${where}: the machine or the network is down.`,
  },
  {
    says: /during banner exchange/,
    reading: 'silent',
    detail: (where) =>
      `${where} accepted the connection, but its SSH server did not answer: the machine may be overloaded or its disk stalled.`,
  },
  {
    says: /Unable to negotiate|no matching (?:host key|key exchange|cipher|MAC)|Bad packet length|Protocol major versions differ/,
    ...refused('protocol'),
    detail: (where, _to, said) =>
      `${where} and this console have no SSH algorithm in common: ${lastLine(said)}`,
  },
  {
    says: /kex_exchange_identification|Connection (?:closed|reset) by |Connection reset by peer|Received disconnect from/,
    ...refused('closed'),
    detail: (where) =>
      `${where} accepted the connection and closed it before letting anybody in: no SSH server that works is behind it.`,
  },
  {
    says: /timed out|Operation timed out/,
    reading: 'silent',
    detail: (where) => `${where} does not answer (the connection timed out).`,
  },
  {
    says: /Could not resolve hostname/,
    reading: 'unknown',
    detail: (_where, { address }) =>
      `The name ${address.host} could not be resolved. Use an IP address: an incident must not depend on DNS.`,
  },
  {
    says: /bad permissions|UNPROTECTED PRIVATE KEY/,
    ...refused('key'),
    detail: (_where, { keyFile }) =>
      `The key file ${keyFile} is readable by others, so ssh ignores it: chmod 600 ${keyFile}`,
  },
  {
    says: /Permission denied/,
    ...refused('key'),
    detail: (where, { keyFile }, said) =>
      /Load key .*: (?:invalid format|error in libcrypto)/.test(said)
        ? `The key file ${keyFile} is not a private key that ssh understands.`
        : `${where} did not accept our key. Is the public key in authorized_keys there?`,
  },
];

/** Of a run that no command's end came from. */
export function readFailure(
  { how, reached, spoken, stderrTail }: FailedRun,
  to: Destination,
): { readonly failure: SshFailure; readonly detail: string } {
  const { address } = to;
  const where = `${address.user}@${address.host} port ${address.port}`;
  switch (how) {
    case 'exited':
    case 'aborted':
      return { failure: { reading: 'unknown' }, detail: '' };
    case 'timed_out':
      return { failure: { reading: 'silent' }, detail: '' };
    case 'connection_lost':
      // It had been let in: whatever else is printed is the remote command's, not ssh's. Keepalives that nobody answered are
      // silence; an end of the connection came from something alive.
      return {
        failure: /^Timeout, server .* not responding/m.test(spoken)
          ? { reading: 'silent' }
          : reached === 'nothing'
            ? { reading: 'unknown' }
            : refused('closed'),
        detail: `The connection to ${where} was lost.`,
      };
    case 'unreachable': {
      const said = `${spoken}\n${stderrTail}`;
      const meaning = MEANINGS.find(({ says }) => says.test(said));
      if (meaning === undefined)
        return {
          failure: { reading: 'unknown' },
          detail:
            said.trim() === ''
              ? `The connection to ${where} failed without a word from ssh.`
              : `ssh to ${where} said: ${lastLine(said)}`,
        };
      const { reading, refusal } = meaning;
      const hostKey = changedHostKey(said, to);
      return {
        failure: {
          reading,
          ...(refusal === undefined ? {} : { refusal }),
          ...(hostKey === undefined ? {} : { hostKey }),
        },
        detail: meaning.detail(where, to, said),
      };
    }
    default:
      return how satisfies never;
  }
}

/** Where programs say why they failed, cut for a sentence. */
export const lastLine = (said: string, most = 300): string =>
  said.trim().split('\n').at(-1)?.slice(0, most) ?? '';
