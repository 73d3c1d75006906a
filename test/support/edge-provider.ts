// A provider of single sign-on, as far as the console sees it: it signs JWTs and tells its public keys over HTTP. Its moods are those of
// real ones: it rotates keys, fails, hangs, and is not there.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { onTestFinished } from 'vitest';

export const ISSUER = 'https://auth.example/application/o/breakglass/';
export const AUDIENCE = 'breakglass';

export type Mood = 'well' | 'failing' | 'hanging' | 'keyless' | 'not JSON' | 'elsewhere';

/** Undefined: without that claim. */
type Claims = Readonly<Record<string, unknown>>;

export interface Provider {
  readonly jwksUrl: string;
  mood: Mood;
  /** How often it was asked. */
  asked(): number;
  /** Resolves when it was asked so often. */
  wasAsked(times: number): Promise<void>;
  /** From now on it signs with a new key, and tells only that one. */
  rotate(): Promise<void>;
  /** The public key that it signs with, as a text that everybody may know. */
  publicKeyText(): Promise<string>;
  /** Good in every way, but for what is given. */
  sign(claims?: Claims, header?: { readonly kid?: string }): Promise<string>;
}

const newKey = async (number: number) => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  return { ...pair, kid: `key-${number}` };
};

/** @param now in milliseconds */
export async function startProvider(now: () => number = Date.now): Promise<Provider> {
  let key = await newKey(1);
  let keys = 1;
  let asked = 0;
  let heard = (): void => undefined;
  const jwks = async () =>
    JSON.stringify({ keys: [{ ...(await exportJWK(key.publicKey)), kid: key.kid, alg: 'RS256' }] });
  const server = createServer((_request, response) => {
    asked += 1;
    heard();
    void (async () => {
      switch (provider.mood) {
        case 'well':
          return response.setHeader('content-type', 'application/json').end(await jwks());
        case 'failing':
          return response.writeHead(503).end('no upstream');
        case 'keyless':
          return response.end('{}');
        case 'not JSON':
          return response.end('<html>sign in</html>');
        case 'elsewhere':
          return response.writeHead(302, { location: `${provider.jwksUrl}other` }).end();
        case 'hanging':
          return undefined;
        default:
          return provider.mood satisfies never;
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const provider: Provider = {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks/`,
    mood: 'well',
    asked: () => asked,
    async wasAsked(times) {
      while (asked < times)
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
    },
    async rotate() {
      keys += 1;
      key = await newKey(keys);
    },
    publicKeyText: async () => JSON.stringify(await exportJWK(key.publicKey)),
    sign(claims = {}, header = {}) {
      const seconds = Math.floor(now() / 1_000);
      return new SignJWT({
        iss: ISSUER,
        aud: AUDIENCE,
        sub: 'a1b2',
        preferred_username: 'ann',
        iat: seconds,
        exp: seconds + 300,
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header })
        .sign(key.privateKey);
    },
  };
  return provider;
}

/** The parts of a JWT as anybody can write them. */
export const unsigned = (header: object, claims: object, signature = ''): string =>
  [JSON.stringify(header), JSON.stringify(claims)]
    .map((part) => Buffer.from(part).toString('base64url'))
    .concat(signature)
    .join('.');
