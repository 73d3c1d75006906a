// Passkeys over HTTP: enrolled, listed and removed by whoever is in; the sign-in with one, for whoever is not.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Passkey } from '../../protocol/access.ts';
import { NoBody, type PasskeyAssertion, PasskeyBody } from '../../protocol/bodies.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import type { StoredPasskey } from '../access/key-file.ts';
import type { Place } from '../access/passkeys.ts';
import { type RelyingParty, relyingParty } from '../access/relying-party.ts';
import { cameByTls } from './device-cookie.ts';
import { actorOf, addressOf, memberOf, noteWrongSecret } from './guard.ts';
import { parse, serve } from './route.ts';
import { letIn } from './sign-in.ts';

/** Outside the guard. Signing in itself is `POST /api/login`. */
export function passkeyLoginRoutes(app: FastifyInstance, door: Door): void {
  serve(app, 'GET /api/login', async () => ({ passkey: door.keyring.passkeys().length > 0 }));

  serve(app, 'POST /api/login/passkey', async (request, reply) => {
    parse(NoBody, request.body);
    if (door.keyring.passkeys().length === 0)
      throw new BreakglassError('unknown-passkey', 'No passkey is enrolled here. Sign in another way.');
    const options = await door.passkeys.signInOptions(placeOf(door, request));
    return reply.header('cache-control', 'no-store').send({ options });
  });
}

/** Sets the cookie. (It gives no reply back: whoever awaits a reply waits until it is sent.) Throws `unauthenticated` or `too-many-requests` for what is no passkey of ours. */
export async function signInWithPasskey(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { passkey: answer, remember }: { readonly passkey: PasskeyAssertion; readonly remember: boolean },
): Promise<void> {
  const passkey = await door.passkeys.redeem(answer, placeOf(door, request));
  if (passkey === undefined) {
    noteWrongSecret(door, addressOf(door, request), 'sign-in');
    throw new BreakglassError(
      'unauthenticated',
      'This passkey is not enrolled here, or it took too long. Try again, or sign in another way.',
    );
  }
  letIn(door, request, reply, {
    who: passkey,
    way: `the passkey ${passkey.label}`,
    remember,
    passkey: passkey.id,
  });
}

export function passkeyRoutes(app: FastifyInstance, door: Door): void {
  const { keyring, passkeys, record } = door;

  serve(app, 'GET /api/passkeys', async (request) => {
    const place = partyOf(door, request);
    return {
      passkeys: keyring.passkeys().map(passkeyAsShown),
      why_not: place.type === 'works' ? null : place.why,
    };
  });

  serve(app, 'POST /api/passkeys/options', async (request, reply) => {
    parse(NoBody, request.body);
    const options = await passkeys.enrolOptions(memberOf(request), placeOf(door, request));
    return reply.header('cache-control', 'no-store').send({ options });
  });

  serve(app, 'POST /api/passkeys', async (request, reply) => {
    const { name: label, passkey: answer } = parse(PasskeyBody, request.body);
    const made = await passkeys.enrol(memberOf(request), placeOf(door, request), { label, answer });
    record({
      what: 'passkey_added',
      detail: `${made.name} enrolled the passkey ${label} (${made.role}).`,
      by: actorOf(request),
      address: addressOf(door, request),
    });
    return reply.code(201).send(passkeyAsShown(made));
  });

  serve(app, 'DELETE /api/passkeys/{id}', async (request, reply) => {
    const removed = keyring.removePasskey(request.params.id);
    if (removed === undefined)
      throw new BreakglassError(
        'unknown-passkey',
        'There is no such passkey: it may have been removed already.',
      );
    record({
      what: 'passkey_removed',
      detail: `The passkey ${removed.label} of ${removed.name} was removed.`,
      by: actorOf(request),
      address: addressOf(door, request),
    });
    return reply.code(204).send();
  });
}

function partyOf(door: Door, request: FastifyRequest): RelyingParty {
  return relyingParty({
    publicUrls: door.origins.publicUrls,
    host: request.headers.host,
    origin: request.headers.origin,
    tls: cameByTls(door, request),
    proxied: door.proxies.isTrusted(request.raw.socket.remoteAddress ?? ''),
  });
}

/** Throws `not-allowed` where no passkey can work. */
function placeOf(door: Door, request: FastifyRequest): Place {
  const place = partyOf(door, request);
  if (place.type === 'works') return place;
  throw new BreakglassError('not-allowed', place.why);
}

const iso = (ms: number): string => new Date(ms).toISOString();

const passkeyAsShown = ({ id, label, name, role, rp_id, made_at, used_at }: StoredPasskey): Passkey => ({
  id,
  label,
  name,
  role,
  under: rp_id,
  made_at: iso(made_at),
  used_at: used_at === null ? null : iso(used_at),
});
