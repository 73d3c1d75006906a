// Signing a browser in, for the page and the emergency page: by a token or a one-time code. What is wrong counts; nothing else does.
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
  const who = whoComes(door, token, code);
  if (who === undefined) {
    noteWrongSecret(door, address, 'sign-in');
    throw new BreakglassError(
      'unauthenticated',
      code === undefined
        ? 'Wrong token.'
        : 'This code is wrong, was used already, or is older than ten minutes.',
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

function whoComes(
  { access, codes }: Door,
  token: string | undefined,
  code: string | undefined,
): CodeFor | undefined {
  if (token !== undefined) return access.withToken(token);
  return code === undefined ? undefined : codes.redeem(code);
}
