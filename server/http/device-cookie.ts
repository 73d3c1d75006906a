// The cookie of a signed-in device: HttpOnly, SameSite=Strict, without an end beyond that of the device. Over HTTPS its name begins with
// __Host-, so that no other host of the domain can set or overwrite it, and a copy without TLS is not taken for it.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Door } from '../access/door.ts';

const PLAIN = 'breakglass';
const OVER_TLS = '__Host-breakglass';

/** Here, or before us. */
export function cameByTls({ proxies, origins }: Door, request: FastifyRequest): boolean {
  if (request.protocol === 'https' || origins.isHttps(request.headers.host)) return true;
  return (
    proxies.isTrusted(request.raw.socket.remoteAddress ?? '') &&
    request.headers['x-forwarded-proto'] === 'https'
  );
}

const nameFor = (door: Door, request: FastifyRequest): string =>
  cameByTls(door, request) ? OVER_TLS : PLAIN;

/** Cookies are not parsed yet when the URL itself was refused. */
export const cookieOf = (door: Door, request: FastifyRequest): string | undefined =>
  (request.cookies as typeof request.cookies | undefined)?.[nameFor(door, request)];

export function setDeviceCookie(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { secret, lifeMs }: { readonly secret: string; readonly lifeMs: number },
): FastifyReply {
  return reply.setCookie(nameFor(door, request), secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: cameByTls(door, request),
    maxAge: Math.floor(lifeMs / 1_000),
  });
}

export const clearDeviceCookie = (door: Door, request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  reply.clearCookie(nameFor(door, request), { path: '/', secure: cameByTls(door, request) });
