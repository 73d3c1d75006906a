// Under which name of this console a passkey works. A browser binds it to a name that came over HTTPS, or to localhost; never to an address.
import { isIP } from 'node:net';

export type RelyingParty =
  | { readonly type: 'works'; readonly id: string; readonly origin: string }
  /** A sentence for a person. */
  | { readonly type: 'cannot'; readonly why: string };

export interface Arrival {
  /** Origins such as `https://breakglass.example`. */
  readonly publicUrls: readonly string[];
  readonly host: string | undefined;
  /** As the browser sent it. */
  readonly origin: string | undefined;
  /** TLS ended here, or at a trusted proxy that says so. */
  readonly tls: boolean;
  /** The peer is a trusted proxy, which may have written another `Host`. */
  readonly proxied: boolean;
}

export function relyingParty({ publicUrls, host = '', origin, tls, proxied }: Arrival): RelyingParty {
  const usable = publicUrls.filter(canHavePasskeys);
  const named =
    usable.find((url) => url === origin) ?? usable.find((url) => new URL(url).host === host.toLowerCase());
  if (named !== undefined) return works(named);
  const own = URL.parse(`${tls ? 'https' : 'http'}://${host}`);
  // With public names configured no other name is ours, but localhost always is.
  if (
    own !== null &&
    canHavePasskeys(own.origin) &&
    (publicUrls.length === 0 || own.hostname === 'localhost')
  )
    return works(own.origin);
  const [first] = usable;
  if (first !== undefined && proxied) return works(first);
  return {
    type: 'cannot',
    why:
      first === undefined
        ? 'Passkeys work only where the console has a name and HTTPS (BREAKGLASS_PUBLIC_URL), or as localhost. This address is neither.'
        : `Passkeys work only under ${first}. Open the console there.`,
  };
}

const works = (origin: string): RelyingParty => ({ type: 'works', id: new URL(origin).hostname, origin });

function canHavePasskeys(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  if (hostname === 'localhost') return true;
  return protocol === 'https:' && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) === 0;
}
