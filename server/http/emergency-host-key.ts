// A changed host key on the emergency page: the same words as on the page, both fingerprints, and a form that asks before it accepts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HostKeyBody } from '../../protocol/bodies.ts';
import type { HostKeyChange } from '../../protocol/host-keys.ts';
import { BreakglassError, PROBLEMS } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import type { Member } from '../access/identity.ts';
import type { Target } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { page } from './emergency-html.ts';
import { type Shown, statePage } from './emergency-page.ts';
import { confirmHostKeyBody } from './emergency-questions.ts';
import { actorFor } from './guard.ts';
import { acceptHostKey } from './host-key-routes.ts';

export interface EmergencyForms {
  readonly door: Door;
  readonly targets: Targets;
  /** A form of ours, sent by whoever may press it. Undefined: the answer was sent, and says why not. */
  readonly ownForm: (
    request: FastifyRequest,
    reply: FastifyReply,
    target: Target,
  ) => Promise<{ readonly identity: Member; readonly given: URLSearchParams } | undefined>;
  readonly show: (identity: Member, target: Target) => Promise<Shown>;
  readonly html: (reply: FastifyReply, text: string, status?: number) => FastifyReply;
}

export function emergencyHostKeyRoutes(app: FastifyInstance, forms: EmergencyForms): void {
  const { door, targets, html } = forms;
  const pressed = async (request: FastifyRequest, reply: FastifyReply, target: Target) => {
    const sent = await forms.ownForm(request, reply, target);
    if (sent === undefined) return reply;
    const { identity, given } = sent;
    const again = async (title: string, status: number): Promise<FastifyReply> =>
      html(reply, statePage(await forms.show(identity, target), title), status);
    const body = HostKeyBody.safeParse({ side: given.get('side'), fingerprint: given.get('fingerprint') });
    if (!body.success) return again('This form is not understood. Nothing was done.', 422);
    const { side, fingerprint } = body.data;
    if (given.get('sure') !== 'yes') {
      const shown = await forms.show(identity, target);
      const change = changeOf(shown, side);
      if (change?.offered.fingerprint !== fingerprint)
        return html(reply, statePage(shown, 'This is no longer what is offered. Nothing was done.'), 409);
      return html(reply, page('Accept a new host key?', confirmHostKeyBody(change, shown), shown.name));
    }
    try {
      const { detail } = await acceptHostKey(
        door,
        request,
        target,
        { side, fingerprint },
        actorFor(identity),
      );
      return again(detail, 200);
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      return again(error.message, PROBLEMS[error.code].status);
    }
  };
  app.post('/emergency/host-key', (request, reply) => pressed(request, reply, targets.default));
  app.post<{ Params: { target: string } }>('/emergency/t/:target/host-key', (request, reply) =>
    pressed(request, reply, targets.named(request.params.target)),
  );
}

const changeOf = ({ state }: Shown, side: HostKeyChange['side']): HostKeyChange | undefined =>
  state.host_key_changed?.find((each) => each.side === side);
