// Notifications over HTTP: what there is, on and off for a browser, a test, and the answer of a page that somebody looks at.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  LookingBody,
  NotificationTestBody,
  type PushDevice,
  PushSubscriptionBody,
} from '../../protocol/notifications.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import { keyOf } from '../access/identity.ts';
import { type Notify, unknownDevice } from '../notify/notify.ts';
import type { StoredPushDevice } from '../notify/push-file.ts';
import { Allowance, type AllowanceBounds } from './allowance.ts';
import { cameByTls } from './device-cookie.ts';
import { deviceLabel } from './device-label.ts';
import { identityOf, memberOf } from './guard.ts';
import { parse, serve } from './route.ts';

export interface NotificationRouteDeps {
  readonly door: Door;
  /** Undefined in power-only mode. */
  readonly notify: Notify | undefined;
}

/** Each test leaves this machine, and rings. */
const TESTS_OF_ONE: AllowanceBounds = { atOnce: 10, perMinute: 10 };
const TESTS_OF_ALL: AllowanceBounds = { atOnce: 30, perMinute: 30 };

export function notificationRoutes(app: FastifyInstance, { door, notify }: NotificationRouteDeps): void {
  const tests = new Allowance(TESTS_OF_ONE, TESTS_OF_ALL);
  const running = (): Notify => {
    if (notify !== undefined) return notify;
    throw new BreakglassError(
      'power-only',
      'Nobody is notified while the journal is not available. The power buttons work.',
    );
  };
  const shown = ({ id, label, name, endpoint, made_at, device }: StoredPushDevice): PushDevice => {
    const signIn = door.keyring.devices().find((each) => each.id === device);
    return {
      id,
      label,
      name,
      service: new URL(endpoint).host,
      made_at: new Date(made_at).toISOString(),
      until: signIn === undefined ? null : new Date(signIn.expires_at).toISOString(),
    };
  };

  serve(app, 'GET /api/notifications', async (request) => {
    const now = running();
    const whyNot = now.whyNoPush ?? whyNotHere(door, request);
    return {
      channels: [...now.channels()],
      push: { public_key: whyNot === undefined ? now.publicKey() : null, why_not: whyNot ?? null },
      devices: now.push.devices().map(shown),
    };
  });

  serve(app, 'POST /api/notifications/devices', async (request, reply) => {
    const subscription = parse(PushSubscriptionBody, request.body);
    const { name, root, device } = memberOf(request);
    const label = deviceLabel(request.headers['user-agent'] ?? '');
    const owner = { name, root, ...(device === undefined ? {} : { device }) };
    return reply.code(201).send(shown(await running().push.add(subscription, owner, label)));
  });

  serve(app, 'DELETE /api/notifications/devices/{id}', async (request, reply) => {
    if (!running().forget(request.params.id)) throw unknownDevice();
    return reply.code(204).send();
  });

  serve(app, 'POST /api/notifications/test', async (request) => {
    const { channel, device } = parse(NotificationTestBody, request.body);
    tests.take(keyOf(identityOf(request)), 'Too many tests. Wait a minute.');
    return running().test(channel, device);
  });

  // Without anyRole: only an operator can do something about what was asked, so only an operator's look counts.
  serve(app, 'POST /api/looking', async (request, reply) => {
    const { nonce } = parse(LookingBody, request.body);
    running().looked(nonce);
    return reply.code(204).send();
  });
}

/** Browsers allow push only where nobody on the way can change the page. */
function whyNotHere(door: Door, request: FastifyRequest): string | undefined {
  const name = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname ?? '';
  if (cameByTls(door, request) || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(name)) return undefined;
  const named = door.origins.publicUrls.find((url) => url.startsWith('https:'));
  return named === undefined
    ? 'HTTPS is needed: a browser takes notifications only from a page that came over HTTPS.'
    : `HTTPS is needed: open the console at ${named}.`;
}
