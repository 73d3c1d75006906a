// The power path over HTTP: the fixed verb route, and our own routes with operations. All of them press in the same way. The fixed
// one then waits for the result; on the others the client watches the operation.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PowerBody, TriageBody } from '../../protocol/bodies.ts';
import { parseOperationId } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation, OperationFrame, VerbResult } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { FoundInShort, StandingFinding } from '../../protocol/triage.ts';
import { MUTATING_VERBS, VERBS, type Verb } from '../../protocol/verbs.ts';
import type { Alerts } from '../alerts/alerts.ts';
import type { Journal } from '../journal/port.ts';
import { exactVerb, type Once, type PressRequest, unknownVerb } from '../press/press.ts';
import { parseIdempotencyKey } from '../press/repeats.ts';
import type { Target } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { sendProblem } from './errors.ts';
import { actorOf, identityOf } from './guard.ts';
import type { Here } from './here.ts';
import { serve } from './route.ts';
import { plainFrame, type SseClient } from './sse.ts';
import type { Streams } from './streams.ts';

export interface PowerRouteDeps {
  readonly targets: Targets;
  readonly alerts: Pick<Alerts, 'openIncident'> | undefined;
  readonly conversation: { readonly journal: Pick<Journal, 'health'> } | undefined;
  readonly verbTimeoutMs: number;
  readonly streams: Streams;
  readonly here: Here;
}

export function powerRoutes(app: FastifyInstance, deps: PowerRouteDeps): void {
  const { targets } = deps;
  const press = (
    request: FastifyRequest,
    target: Target,
    verb: string,
    gates: Pick<PressRequest, 'applies' | 'secondPress'>,
  ): Promise<Operation> =>
    target.press.press({
      verb,
      by: actorOf(request),
      session: undefined,
      permission: { type: 'person' },
      applies: gates.applies,
      secondPress: gates.secondPress,
      once: onceOf(request),
    });

  serve(app, 'GET /api/pve/verbs', async () => ({ verbs: VERBS, mutating: MUTATING_VERBS }));

  serve(app, 'POST /api/pve/{verb}', async (request, reply) => {
    const verb = exactVerb(request.params.verb);
    const target = targets.default;
    let operation: Operation;
    try {
      operation = await press(request, target, verb, {
        applies: { type: 'left-to-the-host' },
        secondPress: { type: 'not-asked' },
      });
    } catch (error) {
      if (error instanceof BreakglassError && error.code === 'verb-running')
        return sendBusy(reply, verb, error.message);
      throw error;
    }
    const ended = await target.power.waitResult(operation.id, deps.verbTimeoutMs);
    return sendResult(reply, ended, deps.verbTimeoutMs);
  });

  // A word that is too long for a parameter, or that contains a slash, is still a word that is not a verb.
  app.post<{ Params: { '*': string } }>('/api/pve/*', async (request) => {
    throw unknownVerb(request.params['*']);
  });

  const withIncident = (state: TargetState): TargetState => {
    const incident = deps.alerts?.openIncident(state.name);
    return incident === undefined ? state : { ...state, incident };
  };
  serve(app, 'GET /api/targets', async () => {
    const list = await targets.list();
    return { ...list, targets: list.targets.map((state) => withIncident(inList(state))) };
  });
  serve(
    app,
    'GET /api/targets/{target}',
    async (request) => {
      const target = targets.named(request.params.target);
      const identity = identityOf(request);
      // Who watches by a share link is there by their stream.
      if (identity.role !== 'guest') {
        deps.here.polls(target.name, identity);
        target.watched();
      }
      const state = await target.state();
      if (identity.role === 'guest') return readingsOf(state);
      const why = deps.conversation?.journal.health();
      return {
        ...withIncident(state),
        here: [...deps.here.at(target.name)],
        ...(why === undefined ? {} : { journal: { writes: false as const, why } }),
      };
    },
    { forGuests: 'their-target' },
  );
  serve(app, 'POST /api/targets/{target}/triage', async (request) => {
    const { longer = false, unasked = false } = bodyOf(TriageBody, request);
    const { diagnosis } = targets.named(request.params.target);
    return diagnosis.triage({ by: actorOf(request), longer, unasked });
  });

  serve(app, 'POST /api/targets/{target}/power/{verb}', async (request, reply) => {
    const target = targets.named(request.params.target);
    const token = confirmOf(request);
    const operation = await press(request, target, request.params.verb, {
      applies: { type: 'refused' },
      secondPress: { type: 'token', token },
    });
    // It runs. Where there is no room for another stream, its state is the answer, and can be asked for again.
    const wantsStream = request.headers.accept?.includes('text/event-stream') === true;
    const client = wantsStream ? deps.streams.openIfRoom(reply) : undefined;
    if (client !== undefined) return stream(request, client, target, operation);
    return reply.code(202).header('location', `/api/operations/${operation.id}`).send(operation);
  });

  const find = async (text: string): Promise<{ target: Target; operation: Operation }> => {
    const id = parseOperationId(text);
    const found = id === undefined ? undefined : await targets.operation(id);
    if (found === undefined)
      throw new BreakglassError('unknown-operation', 'There is no operation with this id.');
    return found;
  };

  serve(app, 'GET /api/operations/{id}', async (request) => (await find(request.params.id)).operation);
  serve(app, 'GET /api/operations/{id}/stream', async (request, reply) => {
    const { target, operation } = await find(request.params.id);
    return stream(request, deps.streams.open(reply), target, operation);
  });

  /** The operation as it is, every change, and the end. Needs no journal. */
  function stream(request: FastifyRequest, client: SseClient, { power }: Target, operation: Operation): void {
    const tell = (now: Operation): void => {
      client.send(plainFrame({ kind: 'operation', operation: now } satisfies OperationFrame));
      // `unknown` may also mean that the host is being asked, so only `finished_at` marks the end.
      if (now.finished_at !== undefined) client.end();
    };
    const unwatch = power.watch(operation.id, (change) => {
      if (change.type === 'output')
        client.send(
          plainFrame({ kind: 'output', stream: change.stream, text: change.text } satisfies OperationFrame),
        );
      else tell(change.operation);
    });
    client.onClose(unwatch);
    power.get(operation.id).then(
      (now = operation) => tell(now),
      (error: unknown) => {
        // The client already has its 200. It gets what was known before, and may ask again.
        request.log.error({ err: error }, 'an operation could not be read');
        tell(operation);
        client.end();
      },
    );
  }
}

/** A list is asked for again and again, of many targets, on a phone: what only the page of one target shows is left out. */
const inList = (state: TargetState): TargetState => ({
  ...readingsOf(state),
  ...(state.verbs === undefined ? {} : { verbs: state.verbs }),
  ...(state.finding === undefined ? {} : { found: inShort(state.finding) }),
});

function inShort({ report: { finding }, at, past }: StandingFinding): FoundInShort {
  const { code, summary, headline, word, advised } = finding;
  return {
    at,
    code,
    summary,
    ...(headline === undefined ? {} : { headline }),
    ...(word === undefined ? {} : { word }),
    advised,
    ...(past === undefined ? {} : { past }),
  };
}

/** All that a guest may see, who watches one session: a list of its own, so that what is added to the state stays hidden. */
function readingsOf(state: TargetState): TargetState {
  const { name, title, vm, ssh, qmp, guest_agent, warnings, host_key_changed, operation } = state;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    vm,
    ssh,
    qmp,
    guest_agent,
    warnings,
    ...(host_key_changed === undefined ? {} : { host_key_changed }),
    operation,
  };
}

/** Throws `bad-request` for a malformed key. */
function onceOf(request: FastifyRequest): Once {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return { type: 'no-key' };
  return { type: 'key', key: parseIdempotencyKey(String(key)) };
}

/** Throws `bad-request` for a malformed body, so that nothing is started. */
function bodyOf<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  const body = schema.safeParse(request.body ?? {});
  if (body.success) return body.data;
  throw new BreakglassError(
    'bad-request',
    `The body is not understood: ${body.error.issues.map(({ message }) => message).join('; ')}. Nothing was done.`,
  );
}

/** The token of a second press, from the header or the body. Throws `bad-request` for anything malformed. */
function confirmOf(request: FastifyRequest): string | undefined {
  const body = bodyOf(PowerBody, request);
  const header = request.headers['confirm'];
  if (header === undefined) return body.confirm;
  const parsed = PowerBody.safeParse({ confirm: header });
  if (!parsed.success)
    throw new BreakglassError('bad-request', 'confirm: expected the token of the answer. Nothing was done.');
  return parsed.data.confirm;
}

function sendResult(reply: FastifyReply, operation: Operation, limitMs: number): FastifyReply {
  const { verb, id, state, result, limit } = operation;
  if (result === undefined) {
    const stderr =
      state === 'running'
        ? `No result within ${Math.round(limitMs / 1_000)} s.${limit === undefined ? '' : ` The power host allows it ${limit.seconds} s from ${limit.at} on.`} The operation goes on: ${id}`
        : `The outcome is not known: ${operation.outcome?.summary ?? 'the connection to the power host was lost'} Operation ${id}`;
    return reply
      .code(502)
      .send({ verb, exit_code: null, stdout: '', stderr, rejected: false } satisfies VerbResult);
  }
  if (operation.outcome?.refused === 'busy') return sendBusy(reply, verb, result.stderr);
  return reply.code(result.exit_code === 0 ? 200 : 502).send(result);
}

/** 409 with the result of a verb and the problem in one object, so that old and new clients find what they read. */
const sendBusy = (reply: FastifyReply, verb: Verb, holder: string): FastifyReply =>
  sendProblem(reply, 'verb-running', holder, {
    verb,
    exit_code: null,
    stdout: '',
    stderr: holder,
    rejected: true,
  });
