// The power path over HTTP: the fixed verb route, and our own with operations. All of them start the same use case; a route
// that waits is only one way to watch it.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseOperationId, type TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation, VerbResult } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { PowerBody, VerbAnswer, VerbsAnswer } from '../../protocol/routes.ts';
import { contradictionOf, type TriageReport } from '../../protocol/triage.ts';
import { isMutating, MUTATING_VERBS, parseVerb, VERBS, type Verb } from '../../protocol/verbs.ts';
import type { Confirmations } from '../power/confirmations.ts';
import { CONFIRM_LIFE_MS } from '../power/confirmations.ts';
import type { Power } from '../power/port.ts';
import type { TriageCause } from '../power/triage-run.ts';
import { sendProblem } from './errors.ts';
import { actorOf } from './guard.ts';
import { plainFrame, SseClient } from './sse.ts';

export interface PowerRouteDeps {
  readonly power: Power;
  readonly target: TargetName;
  readonly triage: (cause: TriageCause) => Promise<TriageReport>;
  /** From the latest signals, within a second. */
  readonly quickTriage: () => Promise<TriageReport>;
  readonly confirmations: Confirmations;
  readonly state: () => Promise<TargetState>;
  readonly verbTimeoutMs: number;
  readonly keepaliveMs: number;
}

type ToTarget = { Params: { target: string } };

const unknownVerb = (text: string): BreakglassError =>
  new BreakglassError(
    'unknown-verb',
    `${JSON.stringify(text.slice(0, 40))} is not a verb. Expected one of ${VERBS.join(', ')}.`,
  );

const verbOf = (text: string): Verb => {
  const verb = parseVerb(text);
  if (verb === undefined) throw unknownVerb(text);
  return verb;
};

export function powerRoutes(app: FastifyInstance, deps: PowerRouteDeps): void {
  const { power } = deps;
  const checkTarget = (name: string): void => {
    if (name === deps.target) return;
    throw new BreakglassError(
      'unknown-target',
      `There is no target ${JSON.stringify(name.slice(0, 40))}. Known: ${deps.target}.`,
    );
  };
  const keyOf = (request: FastifyRequest): string | undefined => {
    const key = request.headers['idempotency-key'];
    return typeof key === 'string' && key !== '' ? key.slice(0, 200) : undefined;
  };
  const begin = (request: FastifyRequest, verb: Verb, finding?: TriageReport): Promise<Operation> => {
    const key = keyOf(request);
    return power.start({
      verb,
      by: actorOf(request),
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(finding === undefined ? {} : { finding }),
    });
  };

  /** What triage says now; throws when it speaks against the verb and this is not the second press. */
  const agreed = async (request: FastifyRequest, verb: Verb): Promise<TriageReport | undefined> => {
    const key = keyOf(request);
    // The same request again, after a lost answer, starts nothing.
    if (!isMutating(verb) || (key !== undefined && power.knows?.(key) === true)) return undefined;
    const report = await deps.quickTriage();
    const against = contradictionOf(report, verb);
    if (against === undefined) return report;
    const what = { verb, target: deps.target, by: actorOf(request).name, finding: against.code };
    const token = confirmOf(request);
    if (token !== undefined && deps.confirmations.redeem(token, what)) return report;
    throw new BreakglassError(
      'contradicts-finding',
      `${against.text} To do it all the same, confirm once more.`,
      {
        extra: {
          verb,
          finding: report.finding,
          cautions: report.cautions,
          contradiction: against.code,
          confirm: deps.confirmations.issue(what),
          confirm_within_s: CONFIRM_LIFE_MS / 1_000,
        },
      },
    );
  };

  app.get('/api/pve/verbs', { schema: { response: { 200: VerbsAnswer } } }, async () => ({
    verbs: [...VERBS],
    mutating: [...MUTATING_VERBS],
  }));

  app.post<{ Params: { verb: string } }>(
    '/api/pve/:verb',
    { schema: { response: { 200: VerbAnswer, 502: VerbAnswer } } },
    async (request, reply) => {
      const verb = verbOf(request.params.verb);
      let operation: Operation;
      try {
        operation = await begin(request, verb);
      } catch (error) {
        if (error instanceof BreakglassError && error.code === 'verb-running')
          return sendBusy(reply, verb, error.message);
        throw error;
      }
      const ended = await power.waitResult(operation.id, deps.verbTimeoutMs);
      return sendResult(reply, ended, deps.verbTimeoutMs);
    },
  );

  // Too long for a parameter, or with a slash in it: still a word that is none of the six.
  app.post<{ Params: { '*': string } }>('/api/pve/*', async (request) => {
    throw unknownVerb(request.params['*']);
  });

  app.get('/api/targets', async () => ({ targets: [{ name: deps.target }] }));

  app.get<ToTarget>('/api/targets/:target', async (request) => {
    checkTarget(request.params.target);
    return deps.state();
  });

  app.post<ToTarget>('/api/targets/:target/triage', async (request) => {
    checkTarget(request.params.target);
    return deps.triage({ by: actorOf(request) });
  });

  app.post<{ Params: { target: string; verb: string } }>(
    '/api/targets/:target/power/:verb',
    async (request, reply) => {
      checkTarget(request.params.target);
      const verb = verbOf(request.params.verb);
      const operation = await begin(request, verb, await agreed(request, verb));
      if (request.headers.accept?.includes('text/event-stream') === true) return stream(reply, operation);
      return reply.code(202).header('location', `/api/operations/${operation.id}`).send(operation);
    },
  );

  const find = async (text: string): Promise<Operation> => {
    const id = parseOperationId(text);
    const operation = id === undefined ? undefined : await power.get(id);
    if (operation === undefined)
      throw new BreakglassError('unknown-operation', 'There is no operation with this id.');
    return operation;
  };

  app.get<{ Params: { id: string } }>('/api/operations/:id', async (request) => find(request.params.id));
  app.get<{ Params: { id: string } }>('/api/operations/:id/stream', async (request, reply) =>
    stream(reply, await find(request.params.id)),
  );

  /** The operation as it is, every change, and the end. Needs no journal. */
  function stream(reply: FastifyReply, operation: Operation): void {
    const client = new SseClient(reply, deps.keepaliveMs);
    const unwatch = power.watch(operation.id, (change) => {
      client.send(
        plainFrame(
          change.type === 'output'
            ? { kind: 'output', stream: change.stream, text: change.text }
            : { kind: 'operation', operation: change.operation },
        ),
      );
      if (change.type === 'finished') client.end();
    });
    client.onClose(unwatch);
    void power.get(operation.id).then((now = operation) => {
      client.send(plainFrame({ kind: 'operation', operation: now }));
      // `unknown` may also mean that the host is being asked: only `finished_at` is the end.
      if (now.finished_at !== undefined) client.end();
    });
  }
}

/** In the header or in the body. */
function confirmOf(request: FastifyRequest): string | undefined {
  const header = request.headers['confirm'];
  if (typeof header === 'string' && header !== '') return header;
  return PowerBody.parse(request.body)?.confirm;
}

function sendResult(reply: FastifyReply, operation: Operation, limitMs: number): FastifyReply {
  const { verb, id, state, result } = operation;
  if (result === undefined) {
    const stderr =
      state === 'running'
        ? `No result within ${Math.round(limitMs / 1_000)} s. The operation goes on: ${id}`
        : `The outcome is not known: ${operation.outcome?.summary ?? 'the connection to the power host was lost'} Operation ${id}`;
    return reply
      .code(502)
      .send({ verb, exit_code: null, stdout: '', stderr, rejected: false } satisfies VerbResult);
  }
  if (result.rejected) return sendBusy(reply, verb, result.stderr);
  return reply.code(result.exit_code === 0 ? 200 : 502).send(result);
}

/** 409: the verb shape merged into the problem, so that both old and new clients find what they read. */
const sendBusy = (reply: FastifyReply, verb: Verb, holder: string): FastifyReply =>
  sendProblem(reply, 'verb-running', holder, {
    verb,
    exit_code: null,
    stdout: '',
    stderr: holder,
    rejected: true,
  });
