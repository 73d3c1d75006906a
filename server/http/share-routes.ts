// Share links of a session over HTTP. They are redeemed as login links are: `POST /api/login`.
import type { FastifyInstance } from 'fastify';
import type { Share } from '../../protocol/access.ts';
import { ShareBody } from '../../protocol/bodies.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import type { StoredShare } from '../access/key-file.ts';
import type { SessionRef } from '../sessions/sessions.ts';
import { actorOf, addressOf, memberOf } from './guard.ts';
import { parse, serve } from './route.ts';

const MINUTES = 60;

/** @param known throws where there is no such session */
export function shareRoutes(
  app: FastifyInstance,
  door: Door,
  known: (id: string) => Promise<SessionRef>,
): void {
  const { shares, record, shareUrl } = door;
  const asShown = ({ id, made_by, made_at, expires_at }: StoredShare): Share => ({
    id,
    made_by,
    made_at: iso(made_at),
    expires_at: iso(expires_at),
    guests: shares.guestsOf(id).map(({ label, seen_at }) => ({ label, seen_at: iso(seen_at) })),
  });

  serve(app, 'POST /api/session/{id}/share', async (request, reply) => {
    const { id: session, target } = await known(request.params.id);
    const { minutes = MINUTES } = parse(ShareBody, request.body);
    const { name, root } = memberOf(request);
    const { share, code } = shares.make({ session, target, by: name, root, lifeMs: minutes * 60_000 });
    record({
      what: 'share_made',
      detail: `${name} made a share link of session ${session} (${target}) for ${minutes} minutes.`,
      by: actorOf(request),
      address: addressOf(door, request),
    });
    const url = shareUrl(session, code, `${request.protocol}://${request.host}`);
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ ...asShown(share), url });
  });

  serve(app, 'GET /api/session/{id}/share', async (request) => {
    const { id } = await known(request.params.id);
    return { shares: shares.of(id).map(asShown) };
  });

  serve(app, 'DELETE /api/session/{id}/share/{share}', async (request, reply) => {
    const { id: session } = await known(request.params.id);
    const guests = shares.guestsOf(request.params.share).length;
    const ended = shares.end(session, request.params.share);
    if (ended === undefined)
      throw new BreakglassError('unknown-share', 'There is no such share link: it may have ended already.');
    record({
      what: 'share_ended',
      detail: `The share link of session ${session}, made by ${ended.made_by}, was ended; browsers that had opened it: ${guests}.`,
      by: actorOf(request),
    });
    return reply.code(204).send();
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();
