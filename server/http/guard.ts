// The guard of /api: every route behind it knows who is asking, before any body is read. It is a hook of the matched routes, however the
// URL is spelled.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseSessionId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { WRONG } from '../access/access.ts';
import type { Door } from '../access/door.ts';
import { DOCTOR_AGENT } from '../access/edge-traffic.ts';
import type { Guest, Identity, Member } from '../access/identity.ts';
import { type DistinctHeaders, network } from '../access/proxies.ts';
import { isGuestCookie } from '../access/shares.ts';
import type { WrongSecrets } from '../access/wrong-secrets.ts';
import type { Connections } from './connections.ts';
import { cookieOf } from './device-cookie.ts';

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | undefined;
  }
}

/** What a request is judged with. */
export interface Gate {
  readonly door: Door;
  readonly connections: Connections;
}

const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Undefined when nobody can be named. Throws `too-many-requests` when whoever asks has sent too many wrong secrets; a correct one is
 * never held back by that.
 */
export async function identify(
  { door, connections }: Gate,
  request: FastifyRequest,
): Promise<Identity | undefined> {
  const { access, arrivals, record } = door;
  const distinct = distinctHeaders(request.raw.rawHeaders);
  const peer = peerOf(request);
  const identity = await access.identify({ peer, distinct, cookie: cookieOf(door, request) });
  if (identity === undefined) return undefined;
  const address = door.proxies.addressOf(peer, distinct);
  if (identity === WRONG) {
    noteWrongSecret(door, address, 'bearer');
    return undefined;
  }
  connections.admit(request.raw.socket);
  // A device and a guest were recorded when they were let in.
  if (identity.role !== 'guest' && identity.device === undefined && arrivals.isNew(identity, address))
    record({
      what: 'signed_in',
      detail: `${identity.name} comes in ${identity.how === 'proxy' ? 'through the trusted proxy' : 'with a token'}.`,
      by: actorFor(identity),
      address,
    });
  return identity;
}

/** Throws `too-many-requests` where there were too many from there. */
export function noteWrongSecret(
  { wrongSecrets }: Door,
  address: string,
  how: Parameters<WrongSecrets['note']>[1],
): void {
  const waitS = wrongSecrets.note(address, how);
  if (waitS === undefined) return;
  throw new BreakglassError(
    'too-many-requests',
    `Too many wrong secrets from ${address}: the next are looked at in ${waitS} s. A correct one is let in at any time.`,
  );
}

const peerOf = (request: FastifyRequest): string => request.raw.socket.remoteAddress ?? '';

export const addressOf = ({ proxies }: Door, request: FastifyRequest): string =>
  proxies.addressOf(peerOf(request), distinctHeaders(request.raw.rawHeaders));

/** For connections, of which only the peer is known. */
export const networkOf = (peer: string): string => network(peer);

/** Every value of every header, by its lower-case name. Node joins the values of a header that comes twice. */
function distinctHeaders(raw: readonly string[]): DistinctHeaders {
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
export function refuseForeign({ origins }: Door, request: FastifyRequest): void {
  const tls = request.protocol === 'https';
  if (SAFE_METHODS.includes(request.method) || !origins.isForeign(request.headers, tls)) return;
  throw new BreakglassError(
    'cross-site',
    'This request came from another site and was refused. Open the console itself and try again.',
  );
}

/** Only under the names that are configured: a name that somebody else points here is refused. */
export function refuseForeignHost({ origins }: Door, request: FastifyRequest): void {
  if (origins.isOurs(request.headers.host)) return;
  throw new BreakglassError(
    'unknown-host',
    `This console is not reached under that name. Open ${origins.publicUrl ?? 'it by its address'} (BREAKGLASS_PUBLIC_URL lists its names).`,
  );
}

/** Every route that is registered in this scope afterwards needs an identity, and one that may do what the route does. */
export function requireIdentity(scope: FastifyInstance, gate: Gate): void {
  const { door } = gate;
  scope.addHook('onRequest', async (request, reply) => {
    const identity = await identify(gate, request);
    noteArrival(door, request, identity);
    if (identity === undefined) {
      reply.header('www-authenticate', 'Bearer realm="breakglass"');
      hangUpOnBody(request, reply);
      if (isGuestCookie(cookieOf(door, request) ?? ''))
        throw new BreakglassError(
          'share-over',
          'The share link that this browser came in with has ended. Ask for a new one, or sign in.',
        );
      throw new BreakglassError(
        'unauthenticated',
        door.access.hasToken
          ? 'Sign in with the access token (API_BEARER_TOKEN), or come in through the trusted proxy.'
          : 'Come in through the trusted proxy: this console has no access token.',
      );
    }
    request.identity = identity;
    refuseForeign(door, request);
    if (identity.role === 'guest') refuseGuest(identity, request);
    else refuseRole(identity, request);
  });
}

/** Whether the edge's identity arrives. What doctor makes up to see it refused says nothing about that. */
function noteArrival(door: Door, request: FastifyRequest, identity: Identity | undefined): void {
  if (request.headers['user-agent'] === DOCTOR_AGENT || !door.proxies.isTrusted(peerOf(request))) return;
  if (identity === undefined) door.edgeArrivals.stranger();
  else if (identity.how === 'proxy') door.edgeArrivals.named();
  else if (identity.role !== 'guest' && identity.device !== undefined) door.edgeArrivals.unnamedPerson();
}

/** Nobody waits for the rest of a body that is not read. */
export function hangUpOnBody(request: FastifyRequest, reply: FastifyReply): void {
  if (!SAFE_METHODS.includes(request.method)) reply.header('connection', 'close');
}

/** What a guest may is listed at the routes, and what is not listed is refused. The answer is the same for what exists and what does not. */
function refuseGuest({ session, target }: Guest, request: FastifyRequest): void {
  const { id = '', target: named } = request.params as { readonly id?: string; readonly target?: string };
  const { forGuests } = request.routeOptions.config;
  if (forGuests === 'themselves') return;
  if (forGuests === 'their-session' && parseSessionId(id) === session) return;
  if (forGuests === 'their-target' && named === target) return;
  throw new BreakglassError(
    'not-allowed',
    'You watch one session by a share link, and it opens nothing else. Nothing was done.',
  );
}

function refuseRole({ role, name }: Member, request: FastifyRequest): void {
  const { anyRole, delivers } = request.routeOptions.config;
  if (role === 'operator') return;
  // Whoever only delivers alerts may do nothing else, also not what everybody else may.
  if (role === 'alerts' && delivers === true) return;
  if (role === 'observer' && anyRole === true) return;
  if (role === 'observer' && SAFE_METHODS.includes(request.method)) return;
  throw new BreakglassError(
    'not-allowed',
    role === 'observer'
      ? `${name} may look, and change nothing. Nothing was done.`
      : `${name} may only deliver alerts. Nothing was done.`,
  );
}

export const identityOf = (request: FastifyRequest): Identity => {
  if (request.identity === undefined)
    throw new Error(`no identity on ${request.url}: the route is outside the guard`);
  return request.identity;
};

/** Whoever makes something that ends with them. A guest makes nothing. */
export function memberOf(request: FastifyRequest): Member {
  const identity = identityOf(request);
  if (identity.role === 'guest') throw new Error(`a guest came to ${request.url}: the guard refuses them`);
  return identity;
}

export const actorOf = (request: FastifyRequest): Actor => actorFor(identityOf(request));

export const actorFor = ({ name, how }: Identity): Actor => ({ type: 'operator', name, via: how });
