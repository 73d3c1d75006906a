// Runs the verbs of one target: one mutating verb at a time, operations that outlive their requests, and an end for those that a dead
// server left open. It needs no agent and no journal.
import type { Logger } from 'pino';
import { newOperationId, type OperationId, type TargetName } from '../../protocol/ids.ts';
import type { Operation, VerbResult } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { isMutating, type MutatingVerb } from '../../protocol/verbs.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Journal } from '../journal/port.ts';
import { exactVerb, type PowerPath, STATUS_LIMIT_MS } from '../power-host/run-verb.ts';
import type { Readings } from '../readings/readings.ts';
import type { CheckBounds } from './check.ts';
import { readOperation } from './history.ts';
import { LiveOperation } from './live-operation.ts';
import type { LastChange, Power, VerbRequest } from './port.ts';
import { closeOpenOperations } from './recover.ts';
import { runOperation } from './run-operation.ts';

export interface PowerParts {
  readonly target: TargetName;
  readonly host: PowerPath;
  /** Undefined when it cannot be opened. Power works without it. */
  readonly journal: Journal | undefined;
  /** What a verb learns about SSH while it checks its outcome goes here, so that everybody sees it. */
  readonly readings: Pick<Readings, 'probeSsh' | 'sshNow' | 'host' | 'noteHost'>;
  /** Keeps what the host captures. */
  readonly evidence: Pick<Evidence, 'collect' | 'outdated'>;
  readonly bounds?: {
    /** How long a verb is watched. After that the host is asked instead. Default 20 minutes. */
    readonly limitMs?: number;
    /** How long to wait for SSH after start, cycle and reset. Default 60 s. */
    readonly sshWaitMs?: number;
    readonly check?: Partial<CheckBounds>;
  };
  readonly logger: Logger;
  readonly now?: () => Date;
}

const FINISHED_KEPT = 50;
/**
 * Longer than everything that the host allows one verb: 20 s for forensics, 22 for stop and kill, 30 for cleanup, 300 for a start
 * that reads the VM's memory from disk. The host announces each, and a slow one allows more. How long a route waits is up to the route.
 */
const LIMIT_MS = 20 * 60_000;
/** How long mutating verbs are held back by the check of what a dead server left. After that only the host's own lock protects. */
const RECOVERY_GATE_MS = 10_000;

export function createPower(parts: PowerParts): Power {
  const { target, host, journal, readings, evidence, logger } = parts;
  const now = parts.now ?? (() => new Date());
  const limitMs = parts.bounds?.limitMs ?? LIMIT_MS;
  const bounds: CheckBounds = {
    askMs: STATUS_LIMIT_MS,
    gapMs: 1_500,
    unansweredMs: 30_000,
    busyMs: limitMs,
    ...parts.bounds?.check,
  };
  const closing = new AbortController();
  const known = new Map<OperationId, LiveOperation>();
  const running = new Set<Promise<void>>();
  const followers = new Set<(operation: Operation) => void>();
  let inFlight: LiveOperation | undefined;
  let change: LastChange | undefined;
  let recovering: { readonly until: number; readonly what: () => string } | undefined;
  let superseded = new AbortController();

  function refuse(verb: string, why: string, more: Record<string, unknown> = {}): never {
    const result: VerbResult = { verb, exit_code: null, stdout: '', stderr: why, rejected: true };
    throw new BreakglassError('verb-running', why, { extra: { result, ...more } });
  }

  function checkFree(verb: MutatingVerb): void {
    if (inFlight !== undefined)
      refuse(verb, describe(inFlight.operation, now()), { operation_id: inFlight.operation.id });
    if (recovering !== undefined && Date.now() < recovering.until) refuse(verb, recovering.what());
  }

  /** Synchronous until it has taken the lock, so that of two requests only one passes. */
  async function begin(request: VerbRequest): Promise<Operation> {
    const verb = exactVerb(request.verb);
    if (closing.signal.aborted) throw new BreakglassError('shutting-down', 'The server is shutting down.');
    const { by, session_id, finding } = request;
    const mutating = isMutating(verb);
    if (mutating) checkFree(verb);
    const live = new LiveOperation(
      {
        id: newOperationId(),
        target,
        verb,
        by,
        started_at: now().toISOString(),
        state: 'running',
        steps: [],
        ...(session_id === undefined ? {} : { session_id }),
      },
      { journal, logger, now },
    );
    const beganAtMs = now().getTime();
    if (mutating) {
      inFlight = live;
      change = { verb, by, beganAtMs, endedAtMs: undefined, overAtMs: undefined };
      superseded.abort();
      superseded = new AbortController();
    }
    const onResult = (): void => {
      if (inFlight !== live) return;
      inFlight = undefined;
      if (change !== undefined) change = { ...change, endedAtMs: now().getTime() };
    };
    remember(live);
    const run = async (): Promise<void> => {
      try {
        await runOperation(live, {
          host,
          readings,
          evidence,
          bounds,
          onResult,
          closing: closing.signal,
          superseded: mutating ? superseded.signal : closing.signal,
          limitMs,
          sshWaitMs: parts.bounds?.sshWaitMs ?? 60_000,
        });
      } catch (error) {
        logger.error({ err: error, operation: live.operation.id }, 'operation broke');
        if (closing.signal.aborted) return live.abandon();
        live.setOutcome({ summary: 'An internal error ended the watch over this verb: ask for status.' });
        await live.finish('unknown');
      } finally {
        onResult();
        if (mutating && change?.beganAtMs === beganAtMs) change = { ...change, overAtMs: now().getTime() };
      }
    };
    await live.begin(finding);
    const task = run().finally(() => running.delete(task));
    running.add(task);
    return live.operation;
  }

  function remember(live: LiveOperation): void {
    known.set(live.operation.id, live);
    for (const listener of followers) listener(live.operation);
    live.watch((change) => {
      if (change.type === 'finished') for (const listener of followers) listener(change.operation);
    });
    const finished = [...known.values()].filter(({ operation }) => operation.finished_at !== undefined);
    for (const old of finished.slice(0, Math.max(0, finished.length - FINISHED_KEPT)))
      known.delete(old.operation.id);
  }

  const get = async (id: OperationId): Promise<Operation | undefined> => {
    const live = known.get(id)?.operation;
    if (live !== undefined || journal === undefined) return live;
    return readOperation(journal, id);
  };

  async function waitFor(
    id: OperationId,
    limitMs: number,
    what: (live: LiveOperation) => Promise<void>,
  ): Promise<Operation> {
    const live = known.get(id);
    if (live === undefined) {
      const past = await get(id);
      if (past === undefined) throw new BreakglassError('unknown-operation', `There is no operation ${id}.`);
      return past;
    }
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, limitMs);
    await Promise.race([what(live), limit.promise]).finally(() => clearTimeout(timer));
    return live.operation;
  }

  return {
    start: begin,
    checkFree,
    get,
    wait: (id, limitMs) => waitFor(id, limitMs, (live) => live.ended),
    waitResult: (id, limitMs) => waitFor(id, limitMs, (live) => live.resultKnown),
    watch: (id, listener) => known.get(id)?.watch(listener) ?? (() => {}),
    follow(listener) {
      followers.add(listener);
      return () => followers.delete(listener);
    },
    running: () => inFlight?.operation,
    lastChange: () => change,
    async recover() {
      if (journal === undefined) return;
      const until = Date.now() + RECOVERY_GATE_MS;
      let open: readonly string[] = ['what the last server left'];
      recovering = {
        until,
        what: () =>
          `The server has just started and asks the host about ${open.join(', ')}. Try again in some seconds.`,
      };
      try {
        await closeOpenOperations({
          target,
          host,
          journal,
          evidence,
          logger,
          now,
          bounds,
          closing: closing.signal,
          remember,
          onFound: (operations) => {
            const mutating = operations.filter(({ verb }) => isMutating(verb));
            open = mutating.map(
              (operation) => `${operation.verb} by ${operation.by.name} of ${operation.started_at}`,
            );
            if (mutating.length === 0) recovering = undefined;
          },
        });
      } catch (error) {
        logger.error({ err: error }, 'operations of the last server could not be closed');
      } finally {
        recovering = undefined;
      }
    },
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}

const describe = ({ verb, by, started_at, target, state }: Operation, now: Date): string => {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(started_at)) / 1_000));
  const doing = state === 'unknown' ? 'is being checked (its connection was lost)' : 'is running';
  return `${verb} by ${by.name} (${by.type}) ${doing} on ${target} since ${started_at} (${seconds} s).`;
};
