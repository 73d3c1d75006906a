// In which headers the edge names people: the plain one, and the one with a JWT, which is configured as a whole or not at all.
import { ConfigError, notUnderstood, word } from './fields.ts';

export interface SignedIdentityConfig {
  /** In lower case. */
  readonly header: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly claim: string;
}

/** Where the edge tells the groups of its people, and which of them only looks. */
export interface ObserverGroupConfig {
  /** A header in lower case; a claim where the edge signs. */
  readonly in: string;
  readonly group: string;
}

export interface ObserverVariables {
  readonly BREAKGLASS_GROUPS_HEADER?: string | undefined;
  readonly BREAKGLASS_JWT_GROUPS_CLAIM?: string | undefined;
  readonly BREAKGLASS_OBSERVER_GROUP?: string | undefined;
}

export interface SignedVariables {
  readonly BREAKGLASS_JWT_HEADER?: string | undefined;
  readonly BREAKGLASS_JWT_JWKS_URL?: string | undefined;
  readonly BREAKGLASS_JWT_ISSUER?: string | undefined;
  readonly BREAKGLASS_JWT_AUDIENCE?: string | undefined;
  readonly BREAKGLASS_JWT_CLAIM?: string | undefined;
}

export const headerName = (example: string) =>
  word(
    /^[A-Za-z][A-Za-z0-9-]{0,99}$/,
    `the name of a header with letters, digits and dashes, e.g. ${example}`,
  );

/** Headers that every client sends, or that mean something else. */
const NO_IDENTITY: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'host',
  'origin',
  'user-agent',
  'accept',
  'referer',
  'content-type',
  'content-length',
  'connection',
  'x-forwarded-for',
  'x-forwarded-proto',
]);

/** In lower case. */
export function identityHeaderOf(variable: string, header: string, example: string): string {
  const name = header.toLowerCase();
  if (NO_IDENTITY.has(name))
    throw notUnderstood(variable, header, `a header that only the proxy sets, e.g. ${example}`);
  return name;
}

/** @param plainHeader the other one, in lower case */
export function readSigned(read: SignedVariables, plainHeader: string): SignedIdentityConfig | undefined {
  const given = {
    BREAKGLASS_JWT_HEADER: read.BREAKGLASS_JWT_HEADER,
    BREAKGLASS_JWT_JWKS_URL: read.BREAKGLASS_JWT_JWKS_URL,
    BREAKGLASS_JWT_ISSUER: read.BREAKGLASS_JWT_ISSUER,
    BREAKGLASS_JWT_AUDIENCE: read.BREAKGLASS_JWT_AUDIENCE,
  };
  const missing = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [name] : []));
  const {
    BREAKGLASS_JWT_HEADER: text,
    BREAKGLASS_JWT_JWKS_URL: jwksUrl,
    BREAKGLASS_JWT_ISSUER: issuer,
    BREAKGLASS_JWT_AUDIENCE: audience,
  } = given;
  const claim = read.BREAKGLASS_JWT_CLAIM;
  if (text === undefined || jwksUrl === undefined || issuer === undefined || audience === undefined) {
    if (missing.length === Object.keys(given).length && claim === undefined) return undefined;
    throw new ConfigError(
      `${Object.keys(given).join(', ')} go together: set all or none. Not set: ${missing.join(', ')}.`,
    );
  }
  const header = identityHeaderOf('BREAKGLASS_JWT_HEADER', text, 'X-authentik-jwt');
  if (header === plainHeader)
    throw notUnderstood('BREAKGLASS_JWT_HEADER', text, 'another header than BREAKGLASS_IDENTITY_HEADER');
  if (!/^https?:$/.test(URL.parse(jwksUrl)?.protocol ?? ''))
    throw notUnderstood(
      'BREAKGLASS_JWT_JWKS_URL',
      jwksUrl,
      'the address of the keys of your provider, e.g. https://auth.example/application/o/breakglass/jwks/',
    );
  // Cloudflare names people only by their address.
  const usual = header === 'cf-access-jwt-assertion' ? 'email' : 'preferred_username';
  return { header, jwksUrl, issuer, audience, claim: claim ?? usual };
}

/** Half of it would make operators of those who should only look, so it is refused. */
export function readObservers(
  {
    BREAKGLASS_GROUPS_HEADER: text,
    BREAKGLASS_JWT_GROUPS_CLAIM: claim,
    BREAKGLASS_OBSERVER_GROUP: group,
  }: ObserverVariables,
  plainHeader: string,
  signed: SignedIdentityConfig | undefined,
): ObserverGroupConfig | undefined {
  if (text === undefined && claim === undefined && group === undefined) return undefined;
  const [wanted, other] =
    signed === undefined
      ? ['BREAKGLASS_GROUPS_HEADER', 'BREAKGLASS_JWT_GROUPS_CLAIM']
      : ['BREAKGLASS_JWT_GROUPS_CLAIM', 'BREAKGLASS_GROUPS_HEADER'];
  const place = signed === undefined ? text : claim;
  const useless = signed === undefined ? claim : text;
  if (useless !== undefined)
    throw new ConfigError(
      signed === undefined
        ? `${other} is set without BREAKGLASS_JWT_HEADER: nothing signs it here. Set ${wanted}, the header in which the proxy tells groups.`
        : `${other} is set beside BREAKGLASS_JWT_HEADER: a header that nobody signed is not believed then. Set ${wanted}, the claim with the groups.`,
    );
  if (place === undefined || group === undefined)
    throw new ConfigError(
      `${wanted} and BREAKGLASS_OBSERVER_GROUP go together: set both or none. Not set: ${place === undefined ? wanted : 'BREAKGLASS_OBSERVER_GROUP'}.`,
    );
  if (group === '' || group.trim() !== group || /[|,;\p{C}]/u.test(group))
    throw notUnderstood(
      'BREAKGLASS_OBSERVER_GROUP',
      group,
      'the name of one group as the sign-on tells it, without | , or ;',
    );
  if (signed !== undefined) return { in: place, group };
  const header = identityHeaderOf('BREAKGLASS_GROUPS_HEADER', place, 'X-authentik-groups');
  if (header === plainHeader)
    throw notUnderstood('BREAKGLASS_GROUPS_HEADER', place, 'another header than BREAKGLASS_IDENTITY_HEADER');
  return { in: header, group };
}
