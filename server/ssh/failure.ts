// OpenSSH's error messages as sentences for a person on a phone at night: what happened, what it means, what to do.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Destination } from './arguments.ts';
import type { SshEnd } from './client-log.ts';

/** Fingerprint as ssh prints it, of every key that the file holds for the alias. Empty when it cannot be read. */
function knownFingerprints(knownHostsFile: string, alias: string): readonly string[] {
  try {
    return readFileSync(knownHostsFile, 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([names]) => names?.split(',').includes(alias))
      .flatMap(([, type, blob]) =>
        type === undefined || blob === undefined
          ? []
          : [
              `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`,
            ],
      );
  } catch {
    return [];
  }
}

/**
 * @param said what the client printed (its log, and its stderr)
 * @returns one or two sentences
 */
export function explainFailure(said: string, how: SshEnd, to: Destination): string {
  const { address, keyFile, knownHostsFile, hostKeyAlias } = to;
  const where = `${address.user}@${address.host} port ${address.port}`;
  const has = (pattern: RegExp): boolean => pattern.test(said);

  // It had been let in: whatever else is printed is the remote command's, not ssh's.
  if (how === 'connection_lost') return `The connection to ${where} was lost.`;
  if (has(/HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/)) {
    const offered = /SHA256:[A-Za-z0-9+/]+/.exec(said)?.[0] ?? 'not printed';
    const known = knownFingerprints(knownHostsFile, hostKeyAlias).join(' or ') || 'not readable';
    return (
      `The host key of ${hostKeyAlias} (${address.host}) has changed: known is ${known}, offered is ${offered}. ` +
      `Either the machine was rebuilt or somebody sits in between. If you know that it was rebuilt, accept the new key deliberately: ` +
      `ssh-keygen -f ${knownHostsFile} -R ${hostKeyAlias}`
    );
  }
  if (has(/Host key verification failed/))
    return `The host key of ${hostKeyAlias} (${address.host}) could not be verified against ${knownHostsFile}.`;
  if (has(/Connection refused/))
    return `${where} refused the connection: the machine is up, but no SSH server listens there.`;
  if (has(/No route to host|Network is unreachable|Host is down/))
    return `There is no network route to ${where}: the machine or the network is down.`;
  if (has(/during banner exchange|kex_exchange_identification/))
    return `${where} accepted the connection, but its SSH server did not answer: the machine may be overloaded or its disk stalled.`;
  if (has(/timed out|Operation timed out/)) return `${where} does not answer (the connection timed out).`;
  if (has(/Could not resolve hostname/))
    return `The name ${address.host} could not be resolved. Use an IP address: an incident must not depend on DNS.`;
  if (has(/bad permissions|UNPROTECTED PRIVATE KEY/))
    return `The key file ${keyFile} is readable by others, so ssh ignores it: chmod 600 ${keyFile}`;
  if (has(/Permission denied/)) {
    if (has(/Load key .*: (?:invalid format|error in libcrypto)/))
      return `The key file ${keyFile} is not a private key that ssh understands.`;
    return `${where} did not accept our key. Is the public key in authorized_keys there?`;
  }
  const last = said.trim().split('\n').at(-1)?.slice(0, 300);
  return last === undefined || last === ''
    ? `The connection to ${where} failed without a word from ssh.`
    : `ssh to ${where} said: ${last}`;
}
