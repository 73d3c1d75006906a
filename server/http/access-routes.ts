// Signing in and out, and who may enter: devices, named tokens, login links, and who one is oneself.
import type { FastifyInstance } from 'fastify';
import type { Device, Token } from '../../protocol/access.ts';
import { LoginBody, LoginLinkBody, TokenBody } from '../../protocol/bodies.ts';
import type { Me } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import type { Identity } from '../access/identity.ts';
import type { StoredDevice, StoredToken } from '../access/key-file.ts';
import { CODE_LIFE_MS } from '../access/login-codes.ts';
import { clearDeviceCookie } from './device-cookie.ts';
import { actorOf, addressOf, identityOf, memberOf, refuseForeign } from './guard.ts';
import { passkeyLoginRoutes, signInWithPasskey } from './passkey-routes.ts';
import { parse, serve } from './route.ts';
import { signIn } from './sign-in.ts';

/** A token, a code, or what a browser answers for a passkey. */
const LOGIN_BODY_BYTES = 8_192;
const DAY_MS = 24 * 3_600_000;

/** Outside the guard: nobody has an identity yet. */
export function loginRoute(app: FastifyInstance, door: Door): void {
  serve(
    app,
    'POST /api/login',
    async (request, reply) => {
      const { token, code, passkey, remember = false } = parse(LoginBody, request.body);
      if (passkey !== undefined) {
        await signInWithPasskey(door, request, reply, { passkey, remember });
        return reply.code(204).send();
      }
      return signIn(door, request, reply, { token, code, remember }).code(204).send();
    },
    { bodyLimit: LOGIN_BODY_BYTES },
  );
  passkeyLoginRoutes(app, door);
  // Before a body is read.
  app.addHook('onRequest', async (request) => refuseForeign(door, request));
}

export function identityRoutes(app: FastifyInstance, door: Door, describe: (identity: Identity) => Me): void {
  serve(
    app,
    'POST /api/logout',
    async (request, reply) => {
      const identity = identityOf(request);
      const { name } = identity;
      clearDeviceCookie(door, request, reply);
      if (identity.role === 'guest' || identity.device !== undefined) {
        if (identity.role === 'guest') door.shares.leave(identity.guest);
        else door.keyring.endDevices(({ id }) => id === identity.device);
        door.record({
          what: 'signed_out',
          detail: `${name} signed out.`,
          by: actorOf(request),
          address: addressOf(door, request),
        });
      }
      return reply.code(204).send();
    },
    { anyRole: true, forGuests: 'themselves' },
  );
  serve(app, 'GET /api/me', async (request) => describe(identityOf(request)), { forGuests: 'themselves' });
}

export function deviceRoutes(app: FastifyInstance, { keyring, record }: Door): void {
  serve(app, 'GET /api/devices', async (request) => {
    const { device } = memberOf(request);
    return { devices: keyring.devices().map((each) => deviceAsShown(each, device)) };
  });

  serve(app, 'DELETE /api/devices/{id}', async (request, reply) => {
    const [ended] = keyring.endDevices(({ id }) => id === request.params.id);
    if (ended === undefined)
      throw new BreakglassError('unknown-device', 'There is no such device: it may have been ended already.');
    record({
      what: 'device_ended',
      detail: `${ended.label}, signed in by ${ended.name}, was ended.`,
      by: actorOf(request),
    });
    return reply.code(204).send();
  });

  serve(app, 'DELETE /api/devices', async (request) => {
    const { device } = memberOf(request);
    const ended = keyring.endDevices(({ id }) => id !== device).length;
    if (ended > 0)
      record({
        what: 'device_ended',
        detail: `All ${ended} other devices were ended.`,
        by: actorOf(request),
      });
    return { ended };
  });
}

export function tokenRoutes(app: FastifyInstance, { keyring, loginUrl, record }: Door): void {
  serve(app, 'GET /api/tokens', async () => ({ tokens: keyring.tokens().map(tokenAsShown) }));

  serve(app, 'POST /api/tokens', async (request, reply) => {
    const { name, role, days } = parse(TokenBody, request.body);
    const { token, secret } = keyring.makeToken({
      name,
      role,
      lifeMs: days === undefined ? undefined : days * DAY_MS,
      by: identityOf(request).name,
    });
    record({ what: 'token_made', detail: `The token ${name} (${role}) was made.`, by: actorOf(request) });
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ ...tokenAsShown(token), secret });
  });

  serve(app, 'DELETE /api/tokens/{id}', async (request, reply) => {
    const { id: wanted } = request.params;
    const found = keyring.tokens().find(({ id, name }) => id === wanted || name === wanted);
    const revoked = found === undefined ? undefined : keyring.revokeToken(found.id);
    if (revoked === undefined)
      throw new BreakglassError('unknown-token', 'There is no such token: it may have been revoked already.');
    record({ what: 'token_revoked', detail: `The token ${revoked.name} was revoked.`, by: actorOf(request) });
    return reply.code(204).send();
  });

  serve(app, 'POST /api/login-links', async (request, reply) => {
    const { role: wanted } = parse(LoginLinkBody, request.body);
    const { name, role, root } = memberOf(request);
    const url = loginUrl({ name, role: wanted ?? role, root }, `${request.protocol}://${request.host}`);
    record({
      what: 'link_made',
      detail: `${name} made a login link (${wanted ?? role}).`,
      by: actorOf(request),
    });
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ code: url.slice(url.indexOf('=') + 1), url, expires_at: iso(Date.now() + CODE_LIFE_MS) });
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

const deviceAsShown = (
  { id, label, name, role, made_at, seen_at, expires_at }: StoredDevice,
  own: string | undefined,
): Device => ({
  id,
  label,
  name,
  role,
  made_at: iso(made_at),
  seen_at: iso(seen_at),
  expires_at: iso(expires_at),
  this_one: id === own,
});

const tokenAsShown = ({ id, name, role, made_at, made_by, expires_at, used_at }: StoredToken): Token => ({
  id,
  name,
  role,
  made_at: iso(made_at),
  made_by,
  expires_at: expires_at === null ? null : iso(expires_at),
  used_at: used_at === null ? null : iso(used_at),
});
