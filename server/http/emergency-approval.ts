// The questions of the agent on the emergency page: an answer as a form. The approval is bound to what was shown, so a form that is older
// than the question answers nothing.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApprovalBody } from '../../protocol/bodies.ts';
import { parseSessionId } from '../../protocol/ids.ts';
import { BreakglassError, PROBLEMS } from '../../protocol/problems.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Target } from '../targets/target.ts';
import type { EmergencyForms } from './emergency-host-key.ts';
import { statePage } from './emergency-page.ts';
import { actorFor } from './guard.ts';

export interface ApprovalForms extends Omit<EmergencyForms, 'door'> {
  readonly approvals: Approvals;
}

export function emergencyApprovalRoutes(app: FastifyInstance, forms: ApprovalForms): void {
  const { approvals, targets, html } = forms;
  const answered = async (request: FastifyRequest, reply: FastifyReply, target: Target) => {
    const sent = await forms.ownForm(request, reply, target);
    if (sent === undefined) return reply;
    const { identity, given } = sent;
    const again = async (title: string, status: number): Promise<FastifyReply> =>
      html(reply, statePage(await forms.show(identity, target), title), status);
    const session = parseSessionId(given.get('session') ?? '');
    const reason = given.get('reason');
    const body = ApprovalBody.safeParse({
      answer: given.get('answer'),
      ...(given.get('answer') === 'deny' && reason !== null ? { reason } : {}),
    });
    if (session === undefined || !body.success)
      return again('This form is not understood. Nothing was done.', 422);
    if (body.data.answer === 'approve' && given.get('sure') !== 'yes')
      return again('Not approved yet: read it to its end and tick the box.', 200);
    try {
      const { answer, by } = await approvals.answer(
        { id: session, target: target.name },
        given.get('approval') ?? '',
        body.data,
        actorFor(identity),
      );
      return again(
        answer === 'approved' ? `Approved by ${by}. It runs now.` : `Denied by ${by}. It is not run.`,
        200,
      );
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      return again(error.message, PROBLEMS[error.code].status);
    }
  };
  app.post('/emergency/approval', (request, reply) => answered(request, reply, targets.default));
  app.post<{ Params: { target: string } }>('/emergency/t/:target/approval', (request, reply) =>
    answered(request, reply, targets.named(request.params.target)),
  );
}
