// Who may enter: somebody with the header of a trusted proxy, with the bearer token, or with the cookie that replaces the token.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import ipaddr from 'ipaddr.js';

export interface Identity {
  readonly name: string;
  readonly how: 'proxy' | 'token';
}

export interface AccessConfig {
  readonly bearerToken: string | undefined;
  readonly trustedProxies: readonly string[];
}

export interface Credentials {
  /** The address at the other end of the socket, never one from a header. */
  readonly peer: string;
  /** Every value of each header, by its lower-case name. */
  readonly distinct: NodeJS.Dict<string[]>;
  readonly cookie: string | undefined;
}

export const COOKIE = 'breakglass';
/** A person with a token signs in again after this long. */
export const COOKIE_LIFE_S = 12 * 3_600;

const EDGE_HEADER = 'x-authentik-username';

export class Access {
  readonly #token: string | undefined;
  readonly #proxies: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][];
  readonly #now: () => number;

  constructor(config: AccessConfig, now: () => number = Date.now) {
    this.#token = config.bearerToken;
    this.#proxies = config.trustedProxies.map(parseBlock);
    this.#now = now;
  }

  identify({ peer, distinct, cookie }: Credentials): Identity | undefined {
    const name = this.isTrusted(peer) ? edgeName(distinct) : undefined;
    if (name !== undefined) return { name, how: 'proxy' };
    const authorization = distinct['authorization'];
    const bearer =
      authorization?.length === 1 ? /^Bearer (.+)$/i.exec(authorization[0] ?? '')?.[1] : undefined;
    if (bearer !== undefined && this.isToken(bearer)) return { name: 'operator', how: 'token' };
    if (cookie !== undefined && this.#isCookie(cookie)) return { name: 'operator', how: 'token' };
    return undefined;
  }

  /** Takes the same time for every token, whatever its length, because digests are compared. */
  isToken(candidate: string): boolean {
    return this.#token !== undefined && timingSafeEqual(digest(candidate), digest(this.#token));
  }

  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** `<expiry>.<mac>`. It needs no store, survives a restart, and is void once the token changes. */
  mintCookie(): string {
    const expiry = String(Math.floor(this.#now() / 1_000) + COOKIE_LIFE_S);
    return `${expiry}.${this.#mac(expiry)}`;
  }

  isTrusted(peer: string): boolean {
    if (!ipaddr.isValid(peer)) return false;
    const address = ipaddr.process(peer); // ::ffff:10.0.0.1 is 10.0.0.1
    return this.#proxies.some(
      ([block, bits]) => block.kind() === address.kind() && address.match(block, bits),
    );
  }

  #isCookie(cookie: string): boolean {
    const [expiry, mac] = cookie.split('.');
    if (this.#token === undefined || expiry === undefined || mac === undefined || !/^\d{1,12}$/.test(expiry))
      return false;
    const genuine = timingSafeEqual(digest(mac), digest(this.#mac(expiry)));
    return genuine && Number(expiry) > this.#now() / 1_000;
  }

  #mac(expiry: string): string {
    return createHmac('sha256', `breakglass cookie ${this.#token}`).update(expiry).digest('base64url');
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function parseBlock(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/**
 * The user name from the proxy's header. A header that occurs twice is not believed, and neither is one beside a look-alike
 * with underscores, which some proxies fold into the same name.
 */
function edgeName(distinct: NodeJS.Dict<string[]>): string | undefined {
  for (const header of Object.keys(distinct)) {
    if (header !== EDGE_HEADER && header.replaceAll('_', '-') === EDGE_HEADER) return undefined;
  }
  const values = distinct[EDGE_HEADER];
  const name = values?.length === 1 ? values[0]?.trim() : undefined;
  return name !== undefined && /^[^\p{C},]{1,200}$/u.test(name) ? name : undefined;
}

/**
 * A browser sends cookies and single sign-on also with requests that another site caused. So a request that changes state
 * must come from our own page, or from a client that is not a browser and sends neither header.
 */
export function isForeign(headers: IncomingHttpHeaders): boolean {
  // A header that was sent twice arrives as one value, joined by a comma.
  if (String(headers['sec-fetch-site'] ?? '').includes('cross-site')) return true;
  const { origin } = headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true; // includes "null"
  // The scheme may differ behind a proxy that ends TLS; host and port may not.
  return new URL(origin).host !== headers.host;
}
