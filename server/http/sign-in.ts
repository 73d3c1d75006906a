// Signing a browser in, for the page and the emergency page: by a token, a one-time code, or the code of a share link. What is wrong counts; nothing else does.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BreakglassError } from '../../protocol/problems.ts';
import { DEVICE_LIFE_MS, REMEMBERED_LIFE_MS } from '../access/access.ts';
import type { Door } from '../access/door.ts';
import type { CodeFor } from '../access/login-codes.ts';
import { setDeviceCookie } from './device-cookie.ts';
import { deviceLabel } from './device-label.ts';
import { addressOf, noteWrongSecret } from './guard.ts';

export interface SignIn {
  readonly token: string | undefined;
  readonly code: string | undefined;
  /** For 90 days, and not only for this night. */
  readonly remember: boolean;
}

/** Sets the cookie. Throws `unauthenticated` or `too-many-requests` for what is wrong, `not-allowed` for a token that opens no page. */
export function signIn(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, code, remember }: SignIn,
): FastifyReply {
  const address = addressOf(door, request);
  const share = code === undefined ? undefined : door.shares.withCode(code);
  if (share !== undefined) return letGuestIn(door, request, reply, share);
  const who = whoComes(door, token, code);
  if (who === undefined) {
    noteWrongSecret(door, address, 'sign-in');
    throw new BreakglassError(
      'unauthenticated',
      code === undefined
        ? 'Wrong token.'
        : 'This code is wrong, was used already, or is over: a login link is good for ten minutes, a share link until it ends.',
    );
  }
  if (who.role === 'alerts')
    throw new BreakglassError('not-allowed', 'This token may only deliver alerts: it opens no page.');
  return letIn(door, request, reply, {
    who,
    way: code === undefined ? 'a token' : 'a login link',
    remember,
  });
}

export interface LetIn {
  readonly who: CodeFor;
  /** With what, in words. */
  readonly way: string;
  readonly remember: boolean;
  readonly passkey?: string;
}

/** Makes a device of this browser. */
export function letIn(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { who: { name, role, root }, way, remember, passkey }: LetIn,
): FastifyReply {
  const lifeMs = remember ? REMEMBERED_LIFE_MS : DEVICE_LIFE_MS;
  const label = deviceLabel(request.headers['user-agent'] ?? '');
  const device = { name, role, root, label, lifeMs };
  const secret = door.keyring.signIn(passkey === undefined ? device : { ...device, passkey });
  door.record({
    what: 'signed_in',
    detail: `${name} signed in on ${label} with ${way}${remember ? ', to be remembered for 90 days' : ''}.`,
    by: { type: 'operator', name, via: 'token' },
    address: addressOf(door, request),
  });
  return setDeviceCookie(door, request, reply, { secret, lifeMs });
}

/** The cookie outlives the share by so long, so that the page can still say what happened. */
const SAYS_OVER_MS = 24 * 3_600_000;

/** Makes a guest of this browser. */
function letGuestIn(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { share, leftMs }: NonNullable<ReturnType<Door['shares']['withCode']>>,
): FastifyReply {
  const label = deviceLabel(request.headers['user-agent'] ?? '');
  const secret = door.shares.letIn(share, label);
  door.record({
    what: 'signed_in',
    detail: `A guest watches session ${share.session} on ${label}, by the share link of ${share.made_by}.`,
    by: { type: 'operator', name: `guest of ${share.made_by}`, via: 'share' },
    address: addressOf(door, request),
  });
  return setDeviceCookie(door, request, reply, { secret, lifeMs: leftMs + SAYS_OVER_MS });
}

function whoComes(
  { access, codes }: Door,
  token: string | undefined,
  code: string | undefined,
): CodeFor | undefined {
  if (token !== undefined) return access.withToken(token);
  return code === undefined ? undefined : codes.redeem(code);
}
