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
