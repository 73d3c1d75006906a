// The guard of /api: every route behind it knows who is asking. It is a hook of the matched routes, however the URL is spelled.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { type Access, COOKIE, type Identity, isForeign } from '../access/access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | undefined;
  }
}

const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

export const identify = (access: Access, request: FastifyRequest): Identity | undefined =>
  access.identify({
    peer: request.raw.socket.remoteAddress ?? '',
    distinct: distinctHeaders(request.raw.rawHeaders),
    // Cookies are not parsed yet when the URL itself was refused.
    cookie: (request.cookies as typeof request.cookies | undefined)?.[COOKIE],
  });

/** Every value of every header, by its lower-case name. Node joins the values of a header that comes twice. */
function distinctHeaders(raw: readonly string[]): NodeJS.Dict<string[]> {
  const distinct: NodeJS.Dict<string[]> = {};
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]).toLowerCase();
    const values = distinct[name] ?? [];
    values.push(String(raw[i + 1]));
    distinct[name] = values;
  }
  return distinct;
}

/** Requests that change state must not come from another site. */
export function refuseForeign(request: FastifyRequest): void {
  if (SAFE_METHODS.includes(request.method) || !isForeign(request.headers)) return;
  throw new BreakglassError(
    'cross-site',
    'This request came from another site and was refused. Open the console itself and try again.',
  );
}

/** Every route that is registered in this scope afterwards needs an identity. */
export function requireIdentity(scope: FastifyInstance, access: Access): void {
  scope.addHook('onRequest', async (request, reply) => {
    const identity = identify(access, request);
    if (identity === undefined) {
      reply.header('www-authenticate', 'Bearer realm="breakglass"');
      throw new BreakglassError(
        'unauthenticated',
        access.hasToken
          ? 'Sign in with the access token (API_BEARER_TOKEN), or come in through the trusted proxy.'
          : 'Come in through the trusted proxy: this console has no access token.',
      );
    }
    request.identity = identity;
    refuseForeign(request);
  });
}

export function actorOf(request: FastifyRequest): Actor {
  if (request.identity === undefined)
    throw new Error(`no identity on ${request.url}: the route is outside the guard`);
  return { type: 'operator', name: request.identity.name };
}
