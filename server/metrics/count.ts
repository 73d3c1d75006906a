// What each event, operation and append adds to the counters. It never throws: whoever tells it goes on whatever becomes of a counter.
import type { Logger } from 'pino';
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Append } from '../journal/port.ts';
import type { ALERT_SOURCES, Instruments, OPERATION_OUTCOMES, TURN_OUTCOMES } from './instruments.ts';

export const COUNTED_KINDS = [
  'session_opened',
  'error',
  'cancelled',
  'interrupted',
  'result',
  'turn_end',
  'approval_resolved',
  'notified',
  'incident_opened',
  'incident_alert',
] as const satisfies readonly JournaledKind[];

type Counted = Extract<JournalEvent, { readonly kind: (typeof COUNTED_KINDS)[number] }>;
const isCounted = (event: JournalEvent): event is Counted =>
  (COUNTED_KINDS as readonly JournaledKind[]).includes(event.kind);

type TurnOutcome = (typeof TURN_OUTCOMES)[number];

export interface Count {
  readonly event: (event: JournalEvent) => void;
  readonly operation: (operation: Operation) => void;
  readonly append: (append: Append) => void;
  /** Operations that are under way, by target. */
  running(): ReadonlyMap<string, number>;
}

export function createCount(instruments: Instruments, logger: Logger): Count {
  /** How the turns that are under way would end now, where that is known. */
  const ends = new Map<string, TurnOutcome>();
  const endsAs = (turn: string | undefined, outcome: TurnOutcome): void => {
    if (turn !== undefined) ends.set(turn, outcome);
  };
  const underWay = new Map<string, Operation>();

  function countEvent(event: JournalEvent): void {
    if (!isCounted(event)) return;
    const { sessions, turns, approvals, notifications, alerts, incidents } = instruments;
    const { turn_id: turn, target = '' } = event;
    switch (event.kind) {
      case 'session_opened':
        sessions.inc();
        break;
      case 'error':
        endsAs(turn, 'failed');
        break;
      case 'result':
        // What went wrong before, and did not keep the model from its answer, is no failure of the turn.
        endsAs(turn, event.is_error ? 'failed' : 'completed');
        break;
      case 'cancelled':
        endsAs(turn, 'stopped');
        break;
      case 'interrupted':
        endsAs(turn, 'interrupted');
        break;
      case 'turn_end':
        turns.inc({ outcome: ends.get(turn ?? '') ?? 'completed' });
        ends.delete(turn ?? '');
        break;
      case 'approval_resolved':
        approvals.inc({ answer: event.answer });
        break;
      case 'notified':
        notifications.inc({ channel: event.channel, result: event.result });
        break;
      case 'incident_opened':
        incidents.inc({ target, source: sourceOf(event.source) });
        break;
      case 'incident_alert':
        alerts.inc({ target, status: event.status }, event.times ?? 1);
        break;
    }
  }

  function countOperation(operation: Operation): void {
    const { id, target, verb, started_at, finished_at } = operation;
    if (finished_at === undefined) {
      underWay.set(id, operation);
      return;
    }
    underWay.delete(id);
    const outcome = outcomeOf(operation);
    instruments.operations.inc({ target, verb, outcome });
    // A clock that was set back must not make it negative.
    const seconds = Math.max(0, Date.parse(finished_at) - Date.parse(started_at)) / 1_000;
    instruments.operationSeconds.observe({ verb, outcome }, seconds);
  }

  function countAppend({ tookMs, written }: Append): void {
    if (written) instruments.appendSeconds.observe(tookMs / 1_000);
    else instruments.appendsRefused.inc();
  }

  const safely =
    <T>(count: (what: T) => void) =>
    (what: T): void => {
      try {
        count(what);
      } catch (error) {
        logger.error({ err: error }, 'something was not counted for the metrics');
      }
    };
  return {
    event: safely(countEvent),
    operation: safely(countOperation),
    append: safely(countAppend),
    running() {
      const running = new Map<string, number>();
      for (const { target } of underWay.values()) running.set(target, (running.get(target) ?? 0) + 1);
      return running;
    },
  };
}

function outcomeOf({ state, outcome }: Operation): (typeof OPERATION_OUTCOMES)[number] {
  if (outcome?.refused !== undefined) return 'refused';
  return state === 'succeeded' || state === 'failed' ? state : 'unknown';
}

function sourceOf(source: string): (typeof ALERT_SOURCES)[number] {
  if (source === 'Alertmanager') return 'alertmanager';
  return source === 'Uptime Kuma' ? 'uptime-kuma' : 'other';
}
