// Sessions: open, attach, prompt, cancel, list, name, report, and the one-turn chat.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ChatBody, PromptBody, SessionBody, SessionsQuery, TitleBody } from '../../protocol/bodies.ts';
import type { EphemeralEvent } from '../../protocol/events.ts';
import { type EventId, eventId, parseEventId, parseSessionId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import { keyOf } from '../access/identity.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Journal } from '../journal/port.ts';
import type { SessionRef, Sessions } from '../sessions/sessions.ts';
import type { Targets } from '../targets/targets.ts';
import { Allowance, type AllowanceBounds } from './allowance.ts';
import { approvalRoutes } from './approval-routes.ts';
import { attach } from './attach.ts';
import { actorOf, identityOf } from './guard.ts';
import type { Here } from './here.ts';
import { reportRoutes } from './report-routes.ts';
import { parse, serve } from './route.ts';
import { shareRoutes } from './share-routes.ts';
import { plainFrame, type SseClient } from './sse.ts';
import type { Streams } from './streams.ts';

export interface SessionRouteDeps {
  /** Undefined in power-only mode. */
  readonly conversation:
    | { readonly sessions: Sessions; readonly journal: Journal; readonly approvals: Approvals }
    | undefined;
  readonly whyPowerOnly: string | undefined;
  readonly door: Door;
  readonly targets: Targets;
  readonly streams: Streams;
  readonly here: Here;
}

/** Prompts are the largest thing that a client may send. */
const WITH_A_PROMPT = { bodyLimit: 1024 * 1024 };

/** A session is kept for good. Nobody opens so many by hand. */
const SESSIONS_OF_ONE: AllowanceBounds = { atOnce: 60, perMinute: 30 };
const SESSIONS_OF_ALL: AllowanceBounds = { atOnce: 200, perMinute: 60 };

/** `Last-Event-ID`. If it is not a number, everything is replayed. */
const lastEventId = (request: FastifyRequest): EventId => {
  const header = request.headers['last-event-id'];
  if (typeof header !== 'string') return eventId(0);
  // A number that is larger than any id so far is ahead of everything, however many digits it has.
  if (/^\d{16,}$/.test(header)) return eventId(Number.MAX_SAFE_INTEGER);
  return parseEventId(header) ?? eventId(0);
};

export function sessionRoutes(app: FastifyInstance, deps: SessionRouteDeps): void {
  const opening = new Allowance(SESSIONS_OF_ONE, SESSIONS_OF_ALL);
  const mayOpen = (request: FastifyRequest): void =>
    opening.take(
      keyOf(identityOf(request)),
      'Too many new sessions. Use one that is open, or wait a minute.',
    );
  const conversation = (): NonNullable<SessionRouteDeps['conversation']> => {
    if (deps.conversation !== undefined) return deps.conversation;
    throw new BreakglassError(
      'power-only',
      `Chat is off: ${deps.whyPowerOnly ?? 'the journal is not available'}. The power buttons work.`,
    );
  };
  const known = async (text: string): Promise<SessionRef> => {
    const { sessions } = conversation();
    const id = parseSessionId(text);
    const target = id === undefined ? undefined : await sessions.targetOf(id);
    if (id !== undefined && target !== undefined) return { id, target };
    throw new BreakglassError('unknown-session', 'There is no session with this id. Open a new one.');
  };

  approvalRoutes(app, { approvals: () => conversation().approvals, known });
  reportRoutes(app, { journal: () => conversation().journal, known, targets: deps.targets });

  serve(app, 'GET /api/sessions', async (request) => {
    const { sessions, approvals } = conversation();
    const { q, target, before } = parse(SessionsQuery, request.query);
    return sessions.list({ q, target, before }, approvals.waiting());
  });

  serve(app, 'PUT /api/session/{id}/title', async (request) => {
    const session = await known(request.params.id);
    const { title } = parse(TitleBody, request.body);
    return conversation().sessions.rename(session, title, actorOf(request));
  });

  serve(app, 'POST /api/session', async (request) => {
    const { sessions } = conversation();
    const { target } = parse(SessionBody, request.body);
    const { name } = target === undefined ? deps.targets.default : deps.targets.named(target);
    mayOpen(request);
    return { session_id: await sessions.open(actorOf(request), name) };
  });

  serve(
    app,
    'GET /api/session/{id}/stream',
    async (request, reply) => {
      const session = await known(request.params.id);
      const viewer = identityOf(request).role === 'guest' ? 'guest' : 'member';
      const client = deps.streams.open(reply);
      client.onClose(deps.here.attach(session.target, identityOf(request)));
      const source = { ...conversation(), session, viewer } as const;
      await attach(client, source, lastEventId(request)).catch((error: unknown) => {
        // The client already has its 200. Cut it off: it resumes where it was.
        request.log.error({ err: error }, 'a replay failed');
        client.end();
      });
    },
    { forGuests: 'their-session' },
  );
  shareRoutes(app, deps.door, known);

  serve(
    app,
    'POST /api/session/{id}/prompt',
    async (request, reply) => {
      // The session first: if it is unknown, that is the answer even to a bad body.
      const session = await known(request.params.id);
      const { prompt, model, queue } = parse(PromptBody, request.body);
      const accepted = await conversation().sessions.prompt(session, {
        text: prompt,
        model,
        queue,
        by: actorOf(request),
      });
      if (accepted.status === 'started') return { status: 'started' as const };
      return reply.code(202).send({ status: 'queued', queue_id: accepted.queueId });
    },
    WITH_A_PROMPT,
  );

  serve(app, 'POST /api/session/{id}/cancel', async (request) => {
    const { id } = await known(request.params.id);
    return { cancelled: await conversation().sessions.cancel(id, actorOf(request)) };
  });

  serve(
    app,
    'POST /api/chat',
    async (request, reply) => {
      const { sessions, journal } = conversation();
      const body = parse(ChatBody, request.body);
      const id = parseSessionId(body.session_id);
      if (id === undefined) throw new BreakglassError('invalid-input', 'session_id: expected a UUID');
      let target = await sessions.targetOf(id);
      if (target === undefined) {
        mayOpen(request);
        target = deps.targets.default.name;
        await sessions.open(actorOf(request), target, id);
      }
      await chat(
        { sessions, journal },
        { id, target },
        { text: body.prompt, model: body.model, by: actorOf(request) },
        reply,
        deps.streams,
      );
    },
    WITH_A_PROMPT,
  );
}

/** The stream of one turn. It follows before the turn starts, so that no event is missed. A 409 comes before any stream begins. */
async function chat(
  { sessions, journal }: { sessions: Sessions; journal: Journal },
  session: SessionRef,
  prompt: Parameters<Sessions['prompt']>[1],
  reply: FastifyReply,
  streams: Streams,
): Promise<void> {
  streams.makeRoom(reply);
  const held: string[] = [];
  let client: SseClient | undefined;
  let over = false;
  const deliver = (frame: string): void => {
    if (client === undefined) held.push(frame);
    else client.send(frame);
  };
  const finish = (): void => {
    over = true;
    if (client === undefined) return;
    stop();
    client.send(plainFrame({ kind: 'done' }));
    client.end();
  };
  const unfollow = journal.follow({ session: session.id }, (event) => {
    if (event.kind === 'turn_end') finish();
    else if (event.turn_id !== undefined && event.kind !== 'user' && !over) deliver(plainFrame(event));
  });
  const { detach } = sessions.attach(session, (event: EphemeralEvent) => deliver(plainFrame(event)));
  const stop = (): void => {
    unfollow();
    detach();
  };
  try {
    await sessions.prompt(session, prompt);
    client = streams.open(reply);
  } catch (error) {
    stop();
    throw error;
  }
  client.onClose(stop); // The turn goes on.
  for (const frame of held) client.send(frame);
  if (over) finish();
}
