// The trusted proxies: which peers they are, whose name they bring, and for which address they speak.
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Every value of each header of a request, by its lower-case name. */
export type DistinctHeaders = Readonly<NodeJS.Dict<string[]>>;

export interface Proxies {
  readonly isTrusted: (peer: string) => boolean;
  /** The name that a trusted peer brings. */
  readonly nameFrom: (peer: string, headers: DistinctHeaders) => string | undefined;
  /** Where the request came from: the peer, or what the trusted proxy saw. An address counts with its whole IPv6 network. */
  readonly addressOf: (peer: string, headers: DistinctHeaders) => string;
}

/** Whoever has one IPv6 address has 2^64 of them. */
const IPV6_NETWORK_BITS = 64;

/** @param header the name of the header that brings the user's name, in lower case */
export function trustedProxies(blocks: readonly string[], header: string): Proxies {
  const trusted = blocks.map(parseBlock);
  const isTrusted = (peer: string): boolean => {
    const address = parseAddress(peer);
    return (
      address !== undefined &&
      trusted.some(([block, bits]) => block.kind() === address.kind() && address.match(block, bits))
    );
  };
  return {
    isTrusted,
    nameFrom: (peer, headers) => (isTrusted(peer) ? nameIn(headers, header) : undefined),
    addressOf(peer, headers) {
      if (!isTrusted(peer)) return network(peer);
      // The right-most entry that no proxy of ours wrote about itself: what stands to the left of it anybody may have sent.
      const hops = (headers['x-forwarded-for'] ?? [])
        .join(',')
        .split(',')
        .map((hop) => hop.trim());
      const client = hops.findLast((hop) => parseAddress(hop) !== undefined && !isTrusted(hop));
      return network(client ?? peer);
    },
  };
}

/** ::ffff:10.0.0.1 is 10.0.0.1. */
function parseAddress(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

/** The address itself, or its IPv6 network. */
export function network(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return 'unknown';
  if (address.kind() === 'ipv4') return address.toString();
  const start = ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${IPV6_NETWORK_BITS}`);
  return `${start.toString()}/${IPV6_NETWORK_BITS}`;
}

function parseBlock(text: string): [Address, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function nameIn(headers: DistinctHeaders, header: string): string | undefined {
  const value = onlyValueOf(headers, header);
  return value === undefined ? undefined : asName(value);
}

/**
 * A header that occurs twice is not believed, and neither is one beside a look-alike with underscores, which some proxies fold into the
 * same name.
 */
export function onlyValueOf(headers: DistinctHeaders, header: string): string | undefined {
  if (Object.keys(headers).some((other) => other !== header && looksLike(other, header))) return undefined;
  const values = headers[header];
  return values?.length === 1 ? values[0]?.trim() : undefined;
}

/** Whether there is such a header, or one that looks like it. */
export const comesWith = (headers: DistinctHeaders, header: string): boolean =>
  Object.keys(headers).some((other) => looksLike(other, header));

const looksLike = (other: string, header: string): boolean => other.replaceAll('_', '-') === header;

/** What may be a person's name. */
export const asName = (text: string): string | undefined =>
  /^[^\p{C},]{1,200}$/u.test(text) && text.trim() === text ? text : undefined;
