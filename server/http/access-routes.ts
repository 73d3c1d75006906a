// Signing in and out, and who one is.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Me } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { LoginBody } from '../../protocol/routes.ts';
import { type Access, COOKIE, COOKIE_LIFE_S, type Identity } from '../access/access.ts';
import { refuseForeign } from './guard.ts';

/** Outside the guard: nobody has an identity yet. Wrong tokens are limited per address. */
export function loginRoute(app: FastifyInstance, access: Access): void {
  app.post(
    '/api/login',
    { config: { rateLimit: { max: 10, timeWindow: '1 minute' } } },
    async (request, reply) => {
      refuseForeign(request);
      const body = LoginBody.safeParse(request.body ?? {});
      if (!body.success) throw new BreakglassError('invalid-input', 'token: expected the access token');
      if (!access.isToken(body.data.token))
        throw new BreakglassError('unauthenticated', 'That is not the access token.');
      return setSessionCookie(request, reply, access).code(204).send();
    },
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
  app.post('/api/logout', async (_request, reply) =>
    reply.clearCookie(COOKIE, { path: '/' }).code(204).send(),
  );

  app.get('/api/me', async (request): Promise<Me> => {
    if (request.identity === undefined)
      throw new Error('unreachable: the guard let nobody through without an identity');
    return describe(request.identity);
  });
}
