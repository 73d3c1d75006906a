// From where a request may come: under which names this console is reached, and whether another site caused a request.
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface Origins {
  /** Whether the `Host` of a request is one of ours. Rebinding needs a name: an address is always ours. */
  readonly isOurs: (host: string | undefined) => boolean;
  /** Whether another site caused the request. @param tls whether TLS ends here */
  readonly isForeign: (headers: IncomingHttpHeaders, tls: boolean) => boolean;
  /** Whether people come to this `Host` over HTTPS, wherever that ends. */
  readonly isHttps: (host: string | undefined) => boolean;
  /** Where people reach us; undefined where that is not configured. */
  readonly publicUrl: string | undefined;
  readonly publicUrls: readonly string[];
}

/** @param publicUrls origins such as `https://breakglass.example`; when there are none, any name is taken for ours */
export function knownOrigins(publicUrls: readonly string[]): Origins {
  const names = new Set(publicUrls.map((url) => new URL(url).host));
  return {
    publicUrl: publicUrls[0],
    publicUrls,
    isHttps: (host) => host !== undefined && publicUrls.includes(`https://${host.toLowerCase()}`),
    isOurs(host) {
      if (names.size === 0 || host === undefined) return true;
      if (names.has(host.toLowerCase())) return true;
      const name = URL.parse(`http://${host}`)?.hostname ?? '';
      return name === 'localhost' || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
    },
    /**
     * A browser sends cookies and single sign-on also with requests that another site caused. So a request that changes state must
     * come from our own page, or from a client that is not a browser and sends neither header.
     */
    isForeign({ host, origin, 'sec-fetch-site': site }, tls) {
      // A header that was sent twice arrives as one value, joined by a comma.
      if (String(site ?? '').includes('cross-site')) return true;
      if (origin === undefined) return false;
      const from = URL.parse(origin);
      if (from === null) return true; // includes "null"
      if (names.has(from.host)) return !publicUrls.includes(from.origin);
      // A proxy may end TLS before us, and then the scheme is its own; where it ends here, a page without TLS is not ours.
      if (tls && from.protocol !== 'https:') return true;
      return from.host !== host;
    },
  };
}
