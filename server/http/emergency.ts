// The emergency page: the state of each target and the six verbs as plain forms, for whoever signs in. It depends on nothing but the
// power path, so it works when the page, the agent, the streams or the journal do not.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseOperationId } from '../../protocol/ids.ts';
import { BreakglassError, PROBLEMS } from '../../protocol/problems.ts';
import { isMutating } from '../../protocol/verbs.ts';
import { keyOf, type Member } from '../access/identity.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { exactVerb } from '../press/press.ts';
import type { Target } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { emergencyApprovalRoutes } from './emergency-approval.ts';
import { type ConsoleKnows, toldOf } from './emergency-console.ts';
import { type EmergencyForms, emergencyHostKeyRoutes } from './emergency-host-key.ts';
import { asText, frame, page, signInBody } from './emergency-html.ts';
import { listBody, operationBody, type Shown, statePage } from './emergency-page.ts';
import { STYLE } from './emergency-style.ts';
import { confirmBody } from './emergency-verbs.ts';
import { actorFor, type Gate, hangUpOnBody, identify, refuseForeign } from './guard.ts';
import type { Here } from './here.ts';
import { signIn as signInBrowser } from './sign-in.ts';

export interface EmergencyDeps {
  readonly gate: Gate;
  readonly targets: Targets;
  /** Undefined in power-only mode. */
  readonly approvals: Approvals | undefined;
  readonly here: Here;
  readonly knows: ConsoleKnows;
}

/** A form of ours: a token, or a verb with what was shown. */
const FORM_BYTES = 8_192;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A form that somebody sends who is not in yet. */
    readonly signsIn?: true;
  }
}

/**
 * Not 401: that promises a challenge which a browser can answer by itself, and lynx shows nothing of a page that comes with 401 and without
 * one. The way in is in the page.
 */
const NOT_IN = 403;

/** How often the page of a running operation loads itself again. */
const REFRESH_S = 2;

export function emergencyRoutes(
  app: FastifyInstance,
  { gate, targets, approvals, here, knows }: EmergencyDeps,
): void {
  const { door } = gate;
  // Each form carries a token that is valid in this process, for this person and this target: older browsers send no Origin to check.
  const key = randomBytes(32);
  const formToken = (identity: Member, target: Target): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([keyOf(identity), target.name]))
      .digest('base64url');
  const isGenuine = (identity: Member, target: Target, given: string): boolean => {
    const expected = Buffer.from(formToken(identity, target));
    const actual = Buffer.from(given);
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  };
  // lynx keeps a page that says only no-store, and shows it again as if it were read anew.
  const html = (reply: FastifyReply, text: string, status = 200): FastifyReply =>
    reply
      .code(status)
      .headers({ 'cache-control': 'no-cache, no-store', pragma: 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(text);
  const baseOf = (target: Target): string =>
    target === targets.default ? '/emergency' : `/emergency/t/${target.name}`;
  const show = async (identity: Member, target: Target): Promise<Shown> => {
    const told = toldOf(target.name, knows);
    return {
      name: identity.name,
      state: { ...(await target.state()), here: [...here.at(target.name)], ...told.state },
      formToken: formToken(identity, target),
      base: baseOf(target),
      others: targets.all.length > 1,
      waiting: (approvals?.waiting() ?? []).filter((each) => each.target === target.name),
      doctor: told.doctor,
    };
  };
  const signIn = (reply: FastifyReply, note: string, status = NOT_IN): FastifyReply =>
    html(reply, page('Sign in', signInBody(note)), status);
  const whoOr = async (request: FastifyRequest, reply: FastifyReply): Promise<Member | undefined> => {
    // A form was judged before its body was read.
    const identity = request.identity ?? (await identify(gate, request));
    if (identity?.role === 'guest') {
      signIn(reply, 'This browser only watches one session, by a share link. Sign in with the access token.');
      return undefined;
    }
    if (identity?.role === 'alerts') {
      signIn(reply, 'This token delivers alerts and opens nothing. Sign in with the access token.');
      return undefined;
    }
    if (identity === undefined)
      signIn(
        reply,
        door.access.hasToken
          ? 'Sign in with the access token.'
          : 'Come in through the trusted proxy: this console has no access token.',
      );
    return identity;
  };
  const form = (request: FastifyRequest): URLSearchParams =>
    request.body instanceof URLSearchParams ? request.body : new URLSearchParams();

  // Only forms are read here, and only of whoever is in; before a byte of the body. The others are told to sign in.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'POST') return;
    refuseForeign(door, request);
    if (request.routeOptions.config.signsIn === true) return;
    hangUpOnBody(request, reply);
    request.identity = await whoOr(request, reply);
    if (request.identity === undefined) return reply;
    reply.removeHeader('connection');
  });

  const ownForm: EmergencyForms['ownForm'] = async (request, reply, target) => {
    const identity = await whoOr(request, reply);
    if (identity === undefined) return undefined;
    const given = form(request);
    const against =
      identity.role !== 'operator'
        ? `${identity.name} may only look. Nothing was done.`
        : isGenuine(identity, target, given.get('form') ?? '')
          ? undefined
          : 'This form is out of date. Nothing was done.';
    if (against === undefined) return { identity, given };
    html(reply, statePage(await show(identity, target), against), 403);
    return undefined;
  };

  app.get('/emergency.css', async (_request, reply) => reply.type('text/css').send(STYLE));

  const showTarget = async (request: FastifyRequest, reply: FastifyReply, name?: string) => {
    const identity = await whoOr(request, reply);
    if (identity === undefined) return reply;
    const target = name === undefined ? targets.default : targets.named(name);
    here.polls(target.name, identity);
    target.watched();
    return html(reply, statePage(await show(identity, target)));
  };

  app.get('/emergency', (request, reply) => showTarget(request, reply));
  app.get('/emergency/targets', async (request, reply) => {
    const identity = await whoOr(request, reply);
    if (identity === undefined) return reply;
    const { targets: states } = await targets.list();
    return html(reply, page('All targets', listBody(states), identity.name));
  });

  app.get<{ Params: { target: string } }>('/emergency/t/:target', (request, reply) =>
    showTarget(request, reply, request.params.target),
  );

  app.post('/emergency/login', { config: { signsIn: true } }, async (request, reply) => {
    const given = (form(request).get('token') ?? '').trim();
    // One field for both: a code is what is no token.
    const isCode = /^[0-9A-Za-z -]{20,24}$/.test(given) && door.access.withToken(given) === undefined;
    const what = isCode ? { token: undefined, code: given } : { token: given, code: undefined };
    try {
      signInBrowser(door, request, reply, { ...what, remember: form(request).get('remember') === 'yes' });
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      const { status } = PROBLEMS[error.code];
      return signIn(reply, error.message, status === 401 ? NOT_IN : status);
    }
    return reply.redirect('/emergency', 303);
  });

  const pressed = async (request: FastifyRequest, reply: FastifyReply, word: string, name?: string) => {
    const verb = exactVerb(word);
    const target = name === undefined ? targets.default : targets.named(name);
    const sent = await ownForm(request, reply, target);
    if (sent === undefined) return reply;
    const { identity, given } = sent;
    const shown = await show(identity, target);
    const confirm = async (): Promise<FastifyReply> =>
      html(
        reply,
        page(
          `${verb} ${target.name}?`,
          confirmBody(verb, shown, await target.press.against(verb)),
          shown.name,
        ),
      );
    if (isMutating(verb) && given.get('sure') !== 'yes') {
      const useless = await target.press.whyNot(verb);
      return useless === undefined
        ? confirm()
        : html(reply, statePage(shown, `${useless} Nothing was done.`), 409);
    }
    try {
      const operation = await target.press.press({
        verb,
        by: actorFor(identity),
        session: undefined,
        permission: { type: 'person' },
        applies: { type: 'refused' },
        secondPress: { type: 'shown', code: given.get('against') ?? undefined },
        once: { type: 'no-key' },
      });
      return reply.redirect(`/emergency/operation/${operation.id}`, 303);
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      if (error.code === 'contradicts-finding') return confirm();
      return html(reply, statePage(shown, error.message), 409);
    }
  };

  app.post<{ Params: { verb: string } }>('/emergency/power/:verb', (request, reply) =>
    pressed(request, reply, request.params.verb),
  );
  app.post<{ Params: { target: string; verb: string } }>(
    '/emergency/t/:target/power/:verb',
    (request, reply) => pressed(request, reply, request.params.verb, request.params.target),
  );

  if (approvals !== undefined) emergencyApprovalRoutes(app, { targets, approvals, ownForm, show, html });
  emergencyHostKeyRoutes(app, { door, targets, ownForm, show, html });

  app.get<{ Params: { id: string } }>('/emergency/operation/:id', async (request, reply) => {
    const identity = await whoOr(request, reply);
    if (identity === undefined) return reply;
    const id = parseOperationId(request.params.id);
    const found = id === undefined ? undefined : await targets.operation(id);
    if (found === undefined)
      return html(reply, page('There is no such operation.', '<p><a href="/emergency">Back</a></p>'), 404);
    const { operation, target } = found;
    let output = '';
    // Whoever begins to watch gets at once what was printed so far.
    target.power.watch(operation.id, (change) => {
      if (change.type === 'output') output += change.text;
    })();
    const title = `${operation.verb} ${operation.target}`;
    return html(
      reply,
      frame({
        title,
        heading: asText(title),
        name: identity.name,
        body: operationBody(operation, output, baseOf(target)),
        ...(operation.finished_at === undefined ? { refreshS: REFRESH_S } : {}),
      }),
    );
  });
}
