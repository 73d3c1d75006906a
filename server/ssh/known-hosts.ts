// The file in which host keys are pinned, as OpenSSH reads it: names, key type, key on a line, before them perhaps a marker (sshd(8),
// "SSH_KNOWN_HOSTS FILE FORMAT"; hostfile.c). ssh itself adds a key at first use. We read it, and replace the keys of one name. Pure.
import { createHash, createHmac } from 'node:crypto';
import type { HostKey } from '../../protocol/host-keys.ts';

/** A key as the file holds it. */
export interface PublicKey {
  /** As in the protocol, e.g. `ssh-ed25519`. */
  readonly algorithm: string;
  /** Base64. */
  readonly blob: string;
}

interface Line {
  /** `@cert-authority` or `@revoked`; empty for a key of the host itself. */
  readonly marker: string;
  readonly names: string;
  readonly key: PublicKey;
}

function lineOf(text: string): Line | undefined {
  const words = text.trim().split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') === true ? (words.shift() ?? '') : '';
  const [names, algorithm, blob] = words;
  if (names === undefined || names.startsWith('#') || algorithm === undefined || blob === undefined)
    return undefined;
  return { marker, names, key: { algorithm, blob } };
}

// ssh writes and looks up names in lower case.
const isHashOf = (names: string, alias: string): boolean => {
  const [, type, salt, hash] = names.split('|');
  if (type !== '1' || salt === undefined || hash === undefined) return false;
  return (
    createHmac('sha1', Buffer.from(salt, 'base64')).update(alias.toLowerCase()).digest('base64') === hash
  );
};

const matches = (pattern: string, alias: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[\\^$+.()|[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    'i',
  ).test(alias);

/** Whether a list of patterns means this name: one of them does, and none excludes it. */
function means(names: string, alias: string): boolean {
  if (names.startsWith('|')) return isHashOf(names, alias);
  const patterns = names.split(',');
  if (patterns.some((each) => each.startsWith('!') && matches(each.slice(1), alias))) return false;
  return patterns.some((each) => !each.startsWith('!') && matches(each, alias));
}

const linesFor = (text: string, alias: string): readonly Line[] =>
  text.split('\n').flatMap((each) => {
    const line = lineOf(each);
    return line !== undefined && means(line.names, alias) ? [line] : [];
  });

/** The host's own keys that are pinned under the name. Those of certificate authorities are not among them. */
export const pinnedKeys = (text: string, alias: string): readonly PublicKey[] =>
  linesFor(text, alias)
    .filter(({ marker }) => marker === '')
    .map(({ key }) => key);

export const isRevoked = (text: string, alias: string, { blob }: PublicKey): boolean =>
  linesFor(text, alias).some(({ marker, key }) => marker === '@revoked' && key.blob === blob);

/**
 * The file with this as the only key of the host. A rebuilt machine has new keys of every type, so all old ones go: ssh would ask for a
 * type that it knows before the one that was accepted. What stands there for other names stays as it is, also on a line that several
 * share, and so do authorities and revoked keys.
 */
export function withOnlyKey(text: string, alias: string, { algorithm, blob }: PublicKey): string {
  const kept = text
    .split('\n')
    .filter((each, index, all) => each !== '' || index < all.length - 1)
    .flatMap((each) => {
      const line = lineOf(each);
      if (line === undefined || line.marker !== '' || !means(line.names, alias)) return [each];
      const names = namesWithout(line.names, alias);
      return names === undefined ? [] : [each.replace(line.names, () => names)];
    });
  return [...kept, `${alias.toLowerCase()} ${algorithm} ${blob}`, ''].join('\n');
}

/** Undefined when no other name is left. */
function namesWithout(names: string, alias: string): string | undefined {
  if (names.startsWith('|')) return undefined;
  const others = names.split(',').filter((each) => each.toLowerCase() !== alias.toLowerCase());
  if (others.every((each) => each.startsWith('!'))) return undefined;
  // A pattern stays for the others that it means.
  return means(others.join(','), alias) ? [...others, `!${alias.toLowerCase()}`].join(',') : others.join(',');
}

export const shownKey = ({ algorithm, blob }: PublicKey): HostKey => ({
  type: typeName(algorithm),
  fingerprint: `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`,
});

/** The algorithms of the protocol, by the names that ssh has for the types in its messages (sshkey.c). */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  ED25519: ['ssh-ed25519'],
  ECDSA: ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  RSA: ['rsa-sha2-512', 'rsa-sha2-256'],
  'ED25519-SK': ['sk-ssh-ed25519@openssh.com'],
  'ECDSA-SK': ['sk-ecdsa-sha2-nistp256@openssh.com'],
};

const typeName = (algorithm: string): string =>
  algorithm === 'ssh-rsa'
    ? 'RSA'
    : (Object.entries(ALGORITHMS).find(([, names]) => names.includes(algorithm))?.[0] ?? algorithm);

/**
 * What to ask a host for, to be shown the key of this type that ssh was shown: as ssh does, what is known comes first. Undefined for a
 * type that we do not know: then ssh's own order.
 */
export function algorithmsFor(type: string, known: readonly PublicKey[]): string | undefined {
  const isKnown = (name: string): boolean => known.some(({ algorithm }) => algorithm === name);
  return ALGORITHMS[type]?.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a))).join(',');
}
