// The emergency page: identity, target state and the six verbs as plain forms. Depends on nothing but the power path, so it
// works when the page, the agent, the stream or the journal does not.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseOperationId } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { contradictionOf, type TriageReport } from '../../protocol/triage.ts';
import { isMutating, parseVerb } from '../../protocol/verbs.ts';
import type { Access, Identity } from '../access/access.ts';
import type { Power } from '../power/port.ts';
import { setSessionCookie } from './access-routes.ts';
import {
  confirmBody,
  operationBody,
  page,
  type Shown,
  STYLE,
  signInBody,
  stateBody,
} from './emergency-page.ts';
import { identify, refuseForeign } from './guard.ts';

export interface EmergencyDeps {
  readonly access: Access;
  readonly power: Power;
  readonly state: () => Promise<TargetState>;
  readonly quickTriage: () => Promise<TriageReport>;
}

/** A running operation is looked at again this often. */
const REFRESH_S = 2;

export function emergencyRoutes(
  app: FastifyInstance,
  { access, power, state, quickTriage }: EmergencyDeps,
): void {
  // Forms carry a token of this process and this person: an older browser sends no Origin that could be checked.
  const key = randomBytes(32);
  const formToken = (identity: Identity): string =>
    createHmac('sha256', key).update(identity.name).digest('base64url');
  const isGenuine = (identity: Identity, given: string): boolean => {
    const expected = Buffer.from(formToken(identity));
    const actual = Buffer.from(given);
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  };
  const html = (reply: FastifyReply, text: string, status = 200): FastifyReply =>
    reply.code(status).header('cache-control', 'no-store').type('text/html; charset=utf-8').send(text);
  const show = async (identity: Identity): Promise<Shown> => ({
    name: identity.name,
    state: await state(),
    formToken: formToken(identity),
  });
  const signIn = (reply: FastifyReply, note: string): FastifyReply =>
    html(reply, page('Breakglass: sign in', signInBody(note)), 401);
  const whoOr = (request: FastifyRequest, reply: FastifyReply): Identity | undefined => {
    const identity = identify(access, request);
    if (identity === undefined)
      signIn(
        reply,
        access.hasToken
          ? 'Sign in with the access token.'
          : 'Come in through the trusted proxy: this console has no access token.',
      );
    return identity;
  };
  const form = (request: FastifyRequest): URLSearchParams =>
    request.body instanceof URLSearchParams ? request.body : new URLSearchParams();

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 16_384 },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );

  app.get('/emergency.css', async (_request, reply) => reply.type('text/css').send(STYLE));

  app.get('/emergency', async (request, reply) => {
    const identity = whoOr(request, reply);
    if (identity === undefined) return reply;
    return html(reply, page('Breakglass: emergency', stateBody(await show(identity))));
  });

  app.post(
    '/emergency/login',
    { config: { rateLimit: { max: 10, timeWindow: '1 minute' } } },
    async (request, reply) => {
      refuseForeign(request);
      if (!access.isToken(form(request).get('token') ?? ''))
        return signIn(reply, 'That is not the access token.');
      return setSessionCookie(request, reply, access).redirect('/emergency', 303);
    },
  );

  app.post<{ Params: { verb: string } }>('/emergency/power/:verb', async (request, reply) => {
    refuseForeign(request);
    const identity = whoOr(request, reply);
    if (identity === undefined) return reply;
    const verb = parseVerb(request.params.verb);
    if (verb === undefined) throw new BreakglassError('unknown-verb', 'That is not a verb.');
    const shown = await show(identity);
    if (!isGenuine(identity, form(request).get('form') ?? ''))
      return html(reply, page('This form is out of date. Nothing was done.', stateBody(shown)), 403);
    // This page must work when triage does not.
    const finding = isMutating(verb) ? await quickTriage().catch(() => undefined) : undefined;
    const against = finding && isMutating(verb) ? contradictionOf(finding, verb) : undefined;
    // What was agreed to is what was shown: another finding since then is asked about again.
    const agreed =
      form(request).get('sure') === 'yes' &&
      (against === undefined || form(request).get('against') === against.code);
    if (isMutating(verb) && !agreed)
      return html(reply, page(`${verb} ${shown.state.name}?`, confirmBody(verb, shown, against)));
    try {
      const operation = await power.start({
        verb,
        by: { type: 'operator', name: identity.name },
        ...(finding === undefined ? {} : { finding }),
      });
      return reply.redirect(`/emergency/operation/${operation.id}`, 303);
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      return html(reply, page(error.message, stateBody(shown)), 409);
    }
  });

  app.get<{ Params: { id: string } }>('/emergency/operation/:id', async (request, reply) => {
    const identity = whoOr(request, reply);
    if (identity === undefined) return reply;
    const id = parseOperationId(request.params.id);
    const operation = id === undefined ? undefined : await power.get(id);
    if (operation === undefined)
      return html(reply, page('There is no such operation.', '<p><a href="/emergency">Back</a></p>'), 404);
    let output = '';
    // What was printed so far is told at once to whoever begins to watch.
    power.watch(operation.id, (change) => {
      if (change.type === 'output') output += change.text;
    })();
    const over = operation.finished_at !== undefined;
    return html(
      reply,
      page(
        `${operation.verb} ${operation.target}`,
        operationBody(operation, output),
        over ? undefined : REFRESH_S,
      ),
    );
  });
}
