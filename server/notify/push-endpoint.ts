// Where a push may be sent. A browser names the address of its push service, and we send there whatever it is, so it must lead out: no
// name or address of this machine or of its networks, looked at again for every single connection.
import { lookup as resolveName } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Why nothing is sent there; undefined: it may be. @param local also push services on this machine, for tests and the lab */
export function whyNotThere(endpoint: string, local: boolean): string | undefined {
  const url = URL.parse(endpoint);
  if (url === null) return 'it is no URL';
  if (url.username !== '' || url.password !== '') return 'it contains a name or a password';
  if (local && /^https?:$/.test(url.protocol)) return undefined;
  if (url.protocol !== 'https:') return 'it is not https';
  if (url.port !== '') return 'it names a port';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return isPublic(host) ? undefined : 'it is an address of a private network';
  return host.includes('.') && !/\.(local|localhost|internal|home\.arpa)\.?$/i.test(host)
    ? undefined
    : 'it is a name of a private network';
}

/** As `dns.lookup`, without the addresses that lead nowhere out. */
export const publicLookup: LookupFunction = (name, options, callback) => {
  resolveName(name, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0);
    const [first, ...others] = addresses.filter(({ address }) => isPublic(address));
    if (first === undefined) return callback(new Error(`${name} is an address of a private network`), '', 0);
    if (options.all === true) callback(null, [first, ...others]);
    else callback(null, first.address, first.family);
  });
};

/** An IPv4 address in IPv6 clothes is what it is underneath. */
const isPublic = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
