// Signing in, signing out, and asking who one is.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LoginBody } from '../../protocol/bodies.ts';
import type { Me } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { type Access, COOKIE, COOKIE_LIFE_S, type Identity } from '../access/access.ts';
import { refuseForeign } from './guard.ts';
import { parse, serve } from './route.ts';

/** Outside the guard: nobody has an identity yet. Wrong tokens are limited per address. */
export function loginRoute(app: FastifyInstance, access: Access): void {
  serve(
    app,
    'POST /api/login',
    async (request, reply) => {
      refuseForeign(request);
      const { token } = parse(LoginBody, request.body);
      if (!access.isToken(token)) throw new BreakglassError('unauthenticated', 'Wrong token.');
      return setSessionCookie(request, reply, access).code(204).send();
    },
    { rateLimit: { max: 10, timeWindow: '1 minute' } },
  );
}

/** HttpOnly, SameSite=Strict; Secure where the browser came by HTTPS, here or at the trusted proxy. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, access: Access): FastifyReply {
  const secure =
    request.protocol === 'https' ||
    (access.isTrusted(request.raw.socket.remoteAddress ?? '') &&
      request.headers['x-forwarded-proto'] === 'https');
  return reply.setCookie(COOKIE, access.mintCookie(), {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
    maxAge: COOKIE_LIFE_S,
  });
}

export function identityRoutes(app: FastifyInstance, describe: (identity: Identity) => Me): void {
  serve(app, 'POST /api/logout', async (_request, reply) =>
    reply.clearCookie(COOKIE, { path: '/' }).code(204).send(),
  );

  serve(app, 'GET /api/me', async (request) => {
    if (request.identity === undefined)
      throw new Error('unreachable: the guard let nobody through without an identity');
    return describe(request.identity);
  });
}
