// The questions of the agent, their answers, and what it may do in one session without asking.
import type { FastifyInstance } from 'fastify';
import { ApprovalBody, PolicyBody } from '../../protocol/bodies.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { SessionRef } from '../sessions/sessions.ts';
import { actorOf } from './guard.ts';
import { parse, serve } from './route.ts';

export interface ApprovalRouteDeps {
  /** Throws `power-only` where there are no sessions. */
  readonly approvals: () => Approvals;
  /** Throws `unknown-session`. */
  readonly known: (id: string) => Promise<SessionRef>;
}

export function approvalRoutes(app: FastifyInstance, { approvals, known }: ApprovalRouteDeps): void {
  serve(app, 'GET /api/approvals', async () => ({ approvals: approvals().waiting() }));

  serve(app, 'POST /api/session/{id}/approvals/{approval}', async (request) => {
    const session = await known(request.params.id);
    const given = parse(ApprovalBody, request.body);
    return approvals().answer(session, request.params.approval.toLowerCase(), given, actorOf(request));
  });

  serve(app, 'GET /api/session/{id}/policy', async (request) =>
    approvals().policies.of(await known(request.params.id)),
  );

  serve(app, 'PUT /api/session/{id}/policy', async (request) => {
    const session = await known(request.params.id);
    return approvals().policies.set(session, parse(PolicyBody, request.body), actorOf(request));
  });

  serve(app, 'DELETE /api/session/{id}/grants/{grant}', async (request, reply) => {
    const session = await known(request.params.id);
    await approvals().policies.endGrant(session, request.params.grant.toLowerCase(), actorOf(request));
    return reply.code(204).send();
  });
}
