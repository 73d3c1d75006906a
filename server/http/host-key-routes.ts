// Accepting the new host key of a machine that was rebuilt. It needs no journal: it may be all that stands between a person and the verbs.
import type { FastifyInstance } from 'fastify';
import { HostKeyBody } from '../../protocol/bodies.ts';
import type { Door } from '../access/door.ts';
import type { Targets } from '../targets/targets.ts';
import { actorOf, addressOf } from './guard.ts';
import { parse, serve } from './route.ts';

export function hostKeyRoutes(app: FastifyInstance, door: Door, targets: Targets): void {
  serve(app, 'POST /api/targets/{target}/host-keys', async (request) => {
    const target = targets.named(request.params.target);
    const { side, fingerprint } = parse(HostKeyBody, request.body);
    const { detail, state } = await target.acceptHostKey(side, fingerprint);
    door.record({
      what: 'host_key_accepted',
      detail,
      by: actorOf(request),
      address: addressOf(door, request),
    });
    return state;
  });
}
