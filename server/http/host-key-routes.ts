// Accepting the new host key of a machine that was rebuilt. It needs no journal: it may be all that stands between a person and the verbs.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { HostKeyBody } from '../../protocol/bodies.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { Door } from '../access/door.ts';
import type { Target } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { actorOf, addressOf } from './guard.ts';
import { parse, serve } from './route.ts';

export function hostKeyRoutes(app: FastifyInstance, door: Door, targets: Targets): void {
  serve(app, 'POST /api/targets/{target}/host-keys', async (request) => {
    const target = targets.named(request.params.target);
    const wanted = parse(HostKeyBody, request.body);
    return (await acceptHostKey(door, request, target, wanted, actorOf(request))).state;
  });
}

/** Accepts it, and records who did. Throws as `Target.acceptHostKey`. */
export async function acceptHostKey(
  door: Door,
  request: FastifyRequest,
  target: Target,
  { side, fingerprint }: z.output<typeof HostKeyBody>,
  by: Actor,
): ReturnType<Target['acceptHostKey']> {
  const accepted = await target.acceptHostKey(side, fingerprint);
  door.record({
    what: 'host_key_accepted',
    detail: accepted.detail,
    hostKey: accepted.key,
    by,
    address: addressOf(door, request),
  });
  return accepted;
}
