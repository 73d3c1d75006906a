// An edge that signs what it says (Authentik, Cloudflare Access): a JWT in a header. Where it is configured the plain header alone names
// nobody. The signature is pinned to one issuer, one audience, and algorithms with a public key.
import type { JWTPayload } from 'jose';
import { type Edge, type Named, NOBODY } from './edge.ts';
import type { EdgeKeys } from './edge-keys.ts';
import { type ObserverGroup, roleInClaims } from './observer-group.ts';
import { asName, comesWith, type DistinctHeaders, onlyValueOf, type Proxies } from './proxies.ts';

export interface SignedIdentity {
  /** The header that brings the JWT, in lower case. */
  readonly header: string;
  /** Where the provider tells its public keys. */
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** The claim with the user's name. */
  readonly claim: string;
}

export interface SignedEdgeParts {
  readonly config: SignedIdentity;
  readonly proxies: Proxies;
  /** In a claim. */
  readonly observers: ObserverGroup | undefined;
  /** The plain header, in lower case: it may stand beside the signed one, and must then say the same. */
  readonly plainHeader: string;
  readonly keys: EdgeKeys;
  /** Told why somebody was not believed; a sentence out of a few. */
  readonly refused: (why: string) => void;
}

/** None with a shared secret: the public key would be one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCKS_DIFFER_S = 30;

export function signedEdge({
  config,
  proxies,
  observers,
  plainHeader,
  keys,
  refused,
}: SignedEdgeParts): Edge {
  const refuse = (why: string): Named => {
    refused(why);
    return NOBODY;
  };

  const personIn = (payload: JWTPayload, headers: DistinctHeaders): Named => {
    const claimed = payload[config.claim];
    const name = typeof claimed === 'string' ? asName(claimed) : undefined;
    if (name === undefined) return refuse(`its claim ${config.claim} is no name (BREAKGLASS_JWT_CLAIM)`);
    if (comesWith(headers, plainHeader) && !saysTheSame(onlyValueOf(headers, plainHeader), name))
      return refuse(`the header ${plainHeader} beside it names somebody else (BREAKGLASS_IDENTITY_HEADER)`);
    return { type: 'person', name, role: roleInClaims(observers, payload) };
  };

  const verify = async (token: string, headers: DistinctHeaders, mayAsk: boolean): Promise<Named> => {
    const { errors, jwtVerify } = await import('jose');
    const known = await keys.known();
    try {
      if (known === undefined) throw new errors.JWKSNoMatchingKey();
      const { payload } = await jwtVerify(token, known, {
        algorithms: ALGORITHMS,
        issuer: config.issuer,
        audience: config.audience,
        requiredClaims: ['exp'],
        clockTolerance: CLOCKS_DIFFER_S,
      });
      return personIn(payload, headers);
    } catch (error) {
      if (mayAsk && error instanceof errors.JWKSNoMatchingKey)
        return { type: 'key-unknown', ask: () => keys.ask().then(() => verify(token, headers, false)) };
      return refuse(whyNot(error));
    }
  };

  return {
    async nameFrom(peer, headers) {
      if (!proxies.isTrusted(peer)) return NOBODY;
      const token = onlyValueOf(headers, config.header);
      if (token !== undefined) return verify(token, headers, true);
      if (comesWith(headers, config.header)) return refuse('its header came twice, or beside a look-alike');
      return comesWith(headers, plainHeader)
        ? refuse(`${plainHeader} came without ${config.header} (BREAKGLASS_JWT_HEADER)`)
        : NOBODY;
    },
  };
}

/** Node reads a header's bytes as Latin-1; a proxy may have meant UTF-8. */
const saysTheSame = (plain: string | undefined, name: string): boolean =>
  plain !== undefined && (plain === name || Buffer.from(plain, 'latin1').toString('utf8') === name);

/** For the log of whoever configures it. */
function whyNot(error: unknown): string {
  const { code = '', claim } = error as { readonly code?: string; readonly claim?: string };
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'it has expired (or the clock of this machine is wrong)';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      if (claim === 'iss') return 'its issuer is another one (BREAKGLASS_JWT_ISSUER)';
      if (claim === 'aud') return 'it is meant for somebody else (BREAKGLASS_JWT_AUDIENCE)';
      if (claim === 'nbf') return 'it is not good yet (or the clock of this machine is wrong)';
      return 'it does not say until when it is good';
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return 'its algorithm has no public key';
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'its signature is wrong';
    case 'ERR_JWKS_NO_MATCHING_KEY':
      return 'the provider does not tell the key that signed it (BREAKGLASS_JWT_JWKS_URL)';
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'it does not say which of the keys signed it';
    default:
      return 'it is no JWT that can be read';
  }
}
