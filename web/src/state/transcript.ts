// What the operator sees of a session, put together from its events. Pure: the same events give the same transcript. An event
// that was seen before changes nothing, and an unknown kind is ignored. An event that cannot be read is said to be so, and takes nothing
// else away.

import type { Approval } from '../../../protocol/approvals.ts';
import type {
  CommandEnd,
  EphemeralEvent,
  JournalEvent,
  ToolInput,
  WireEvent,
} from '../../../protocol/events.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import { policyWords, type Question, resolvedWords } from './approval-words.ts';
import {
  closedWords,
  type IncidentView,
  incidentOf,
  type VerdictView,
  verdictOf,
  withAlert,
} from './incident-view.ts';
import { appendCapped, mergeStep, type OperationView } from './operation-view.ts';

export interface ToolResult {
  readonly isError: boolean;
  readonly output: string;
  readonly truncated: boolean;
  readonly exitCode: number | null;
  readonly ended: CommandEnd | undefined;
  readonly farSide: 'proven' | 'unproven' | undefined;
  readonly durationMs: number;
}

export interface ToolItem {
  readonly kind: 'tool';
  readonly key: number;
  readonly at: string;
  readonly callId: string;
  /** All sessions of a target are told of each of its operations. */
  readonly session: string | undefined;
  readonly name: string;
  readonly input: ToolInput;
  /** The output so far, until the result brings all of it. */
  readonly live: string;
  readonly result: ToolResult | null;
  /** The turn ended without a result of this call. */
  readonly abandoned: boolean;
  /** Null: nobody was asked. */
  readonly question: Question | null;
  /** The operation that this call is, if it is a verb and has begun: its output and its outcome are told there. */
  readonly operationId: string | null;
}

type Tone = 'error' | 'stopped' | 'interrupted' | 'note';

export type Item =
  | { readonly kind: 'user' | 'text'; readonly key: number; readonly at: string; readonly text: string }
  | {
      readonly kind: 'remark';
      readonly key: number;
      readonly at: string;
      readonly tone: Tone;
      readonly text: string;
    }
  | { readonly kind: 'finding'; readonly key: number; readonly at: string; readonly report: TriageReport }
  | {
      readonly kind: 'incident';
      readonly key: number;
      readonly at: string;
      readonly incident: IncidentView;
    }
  | { readonly kind: 'verdict'; readonly key: number; readonly at: string; readonly verdict: VerdictView }
  | {
      readonly kind: 'operation';
      readonly key: number;
      readonly at: string;
      readonly operation: OperationView;
    }
  | {
      readonly kind: 'summary';
      readonly key: number;
      readonly at: string;
      readonly costUsd: number | null;
      readonly durationMs: number | null;
    }
  | ToolItem;

export interface Transcript {
  readonly items: readonly Item[];
  readonly lastId: number;
  readonly working: boolean;
  /** When the running turn began (UTC). */
  readonly workingSince: string | null;
  /** Trouble that could not be recorded, so that no event tells of it. */
  readonly alert: string;
  /** The last turn ended because the model or its agent did not answer. */
  readonly modelFailed: boolean;
  /** The text that is being written. */
  readonly runningText: string;
  readonly queued: readonly { readonly id: string; readonly text: string }[];
  /** Questions of this session that wait for a person. */
  readonly approvals: readonly Approval[];
  /** The last question said that nothing separates looking from changing on this target. */
  readonly noObserver: boolean;
  readonly model: string | null;
  readonly costUsd: number;
  readonly turn: { readonly costUsd: number | null; readonly durationMs: number | null };
}

const NO_TURN = { costUsd: null, durationMs: null };

export const emptyTranscript: Transcript = {
  items: [],
  lastId: -1,
  working: false,
  workingSince: null,
  alert: '',
  modelFailed: false,
  runningText: '',
  queued: [],
  approvals: [],
  noObserver: false,
  model: null,
  costUsd: 0,
  turn: NO_TURN,
};

const LIVE_CAP = 64 * 1024;

/** What each kind cannot be shown without. The stream is not checked against its schema here: the schema library is too large for the page. */
const NEEDED: Readonly<Partial<Record<JournalEvent['kind'], Readonly<Record<string, 'string' | 'object'>>>>> =
  {
    user: { text: 'string' },
    text: { text: 'string' },
    tool: { name: 'string', input: 'object', tool_call_id: 'string' },
    tool_result: { output: 'string', tool_call_id: 'string' },
    error: { error: 'string' },
    interrupted: { reason: 'string' },
    queued: { text: 'string', queue_id: 'string' },
    note: { text: 'string' },
    finding: { report: 'object' },
    power_started: { verb: 'string', by: 'object' },
    power_step: { step: 'object' },
    power_output: { text: 'string' },
    power_finished: { state: 'string', steps: 'object' },
    approval_requested: { approval_id: 'string', tool_call_id: 'string', asked: 'object' },
    approval_resolved: { approval_id: 'string', answer: 'string' },
    incident_opened: { incident_id: 'string', title: 'string' },
    incident_alert: { incident_id: 'string' },
    incident_verdict: { incident_id: 'string' },
  };

const isWhole = (event: JournalEvent): boolean =>
  typeof event.at === 'string' &&
  Object.entries(NEEDED[event.kind] ?? {}).every(([field, type]) => {
    const value = (event as unknown as Readonly<Record<string, unknown>>)[field];
    return typeof value === type && value !== null;
  });

const push = (state: Transcript, item: Item): Transcript => ({ ...state, items: [...state.items, item] });

const updateTool = (state: Transcript, callId: string, change: (tool: ToolItem) => ToolItem): Transcript => {
  const index = state.items.findLastIndex((item) => item.kind === 'tool' && item.callId === callId);
  const found = state.items[index];
  return found?.kind === 'tool' ? { ...state, items: state.items.with(index, change(found)) } : state;
};

const updateOperation = (
  state: Transcript,
  id: string | undefined,
  change: (operation: OperationView) => OperationView,
): Transcript => {
  const index = state.items.findLastIndex((item) => item.kind === 'operation' && item.operation.id === id);
  const found = state.items[index];
  if (found?.kind !== 'operation') return state;
  return { ...state, items: state.items.with(index, { ...found, operation: change(found.operation) }) };
};

const updateIncident = (
  state: Transcript,
  id: string,
  change: (incident: IncidentView) => IncidentView,
): Transcript => {
  const index = state.items.findLastIndex((item) => item.kind === 'incident' && item.incident.id === id);
  const found = state.items[index];
  if (found?.kind !== 'incident') return state;
  return { ...state, items: state.items.with(index, { ...found, incident: change(found.incident) }) };
};

const endTurn = (state: Transcript, key: number, at: string): Transcript => {
  const items = state.items.map((item) =>
    item.kind === 'tool' && item.result === null ? { ...item, abandoned: true } : item,
  );
  const ended = {
    ...state,
    items,
    working: false,
    workingSince: null,
    alert: '',
    runningText: '',
    turn: NO_TURN,
  };
  const { costUsd, durationMs } = state.turn;
  return costUsd === null && durationMs === null
    ? ended
    : push(ended, { kind: 'summary', key, at, costUsd, durationMs });
};

/** The last remark of this turn, so that a `result` does not repeat its `error`. */
const lastRemark = (state: Transcript): string | undefined => {
  const item = state.items.at(-1);
  return item?.kind === 'remark' ? item.text : undefined;
};

const cancelledText = (note: string | undefined, by: string | undefined): string =>
  `${by ? `Stopped by ${by}.` : 'Stopped.'}${note ? ` ${note}` : ''}`;

const waitFor = (
  state: Transcript,
  event: Extract<JournalEvent, { kind: 'approval_requested' }>,
): Transcript => {
  const { session_id, target, at } = event;
  if (session_id === undefined || target === undefined) return state;
  const question = { approvalId: event.approval_id, answer: null, by: '', reason: undefined };
  const asked = updateTool(state, event.tool_call_id, (tool) => ({ ...tool, question }));
  return {
    ...asked,
    approvals: [...state.approvals, { ...event, session_id, target, at }],
    noObserver: !event.observer,
  };
};

/** The answer stands on the card of its call. An answer without a call is a remark. */
const resolve = (
  state: Transcript,
  event: Extract<JournalEvent, { kind: 'approval_resolved' }>,
): Transcript => {
  const { approval_id, answer, by, reason } = event;
  const left = {
    ...state,
    approvals: state.approvals.filter((approval) => approval.approval_id !== approval_id),
  };
  const call = state.items.findLast(
    (item) => item.kind === 'tool' && item.question?.approvalId === approval_id,
  );
  if (call?.kind !== 'tool')
    return push(left, {
      kind: 'remark',
      key: event.id,
      at: event.at,
      tone: 'note',
      text: resolvedWords(event),
    });
  const question = { approvalId: approval_id, answer, by, reason };
  return updateTool(left, call.callId, (tool) => ({ ...tool, question }));
};

/** The call of the agent that this operation is: the last one that has no result yet and says just this verb. */
const callOf = (
  state: Transcript,
  { verb, by, session_id }: Extract<JournalEvent, { kind: 'power_started' }>,
): ToolItem | undefined => {
  if (by.type !== 'agent') return undefined;
  const isCall = (item: Item): item is ToolItem =>
    item.kind === 'tool' &&
    item.session === session_id &&
    item.result === null &&
    item.operationId === null &&
    verbOf(item.input.command) === verb;
  return state.items.findLast(isCall);
};
const verbOf = (command: unknown): string | undefined =>
  typeof command === 'string' ? /^ssh \S+ (\w+)\s*$/.exec(command)?.[1] : undefined;

// Codes of `error`: what the model's side could not do. See server/agent/trouble.ts.
const isOfTheModel = (code: unknown): boolean => typeof code === 'string' && /^(model|agent)-/.test(code);

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** Never throws, whatever comes. */
export const reduce = (state: Transcript, event: WireEvent): Transcript => {
  try {
    return reduceKnown(state, event);
  } catch (error) {
    console.error(error);
    return unreadable(state, event);
  }
};

const unreadable = (state: Transcript, event: unknown): Transcript => {
  const { id, at, kind } = Object(event) as Record<string, unknown>;
  if (typeof id !== 'number') return state;
  return push(
    { ...state, lastId: id },
    {
      kind: 'remark',
      key: id,
      at: typeof at === 'string' ? at : '',
      tone: 'note',
      text: `An event (${String(kind)}) could not be read. All else is shown.`,
    },
  );
};

const reduceKnown = (state: Transcript, event: WireEvent): Transcript => {
  if (!('id' in event)) return reduceEphemeral(state, event);
  if (typeof event.id !== 'number' || event.id <= state.lastId) return state;
  if (!isWhole(event)) return unreadable(state, event);
  const key: number = event.id;
  const at = event.at;
  const next = { ...state, lastId: key };
  const remark = (tone: Tone, text: string) => push(next, { kind: 'remark', key, at, tone, text });
  switch (event.kind) {
    case 'user':
      return {
        ...push(next, { kind: 'user', key, at, text: event.text }),
        working: true,
        workingSince: at,
        modelFailed: false,
      };
    case 'text':
      return { ...push(next, { kind: 'text', key, at, text: event.text }), runningText: '' };
    case 'tool':
      return push(next, {
        kind: 'tool',
        key,
        at,
        callId: event.tool_call_id,
        session: event.session_id,
        name: event.name,
        input: event.input,
        live: '',
        result: null,
        abandoned: false,
        question: null,
        operationId: null,
      });
    case 'tool_result':
      return updateTool(next, event.tool_call_id, (tool) => ({
        ...tool,
        live: '',
        result: {
          isError: event.is_error,
          output: event.output,
          truncated: event.truncated,
          exitCode: event.exit_code ?? null,
          ended: event.ended,
          farSide: event.far_side,
          durationMs: event.duration_ms,
        },
      }));
    case 'far_side':
      return updateTool(next, event.tool_call_id, (tool) =>
        tool.result ? { ...tool, result: { ...tool.result, farSide: event.far_side } } : tool,
      );
    case 'result': {
      const timed = { ...next, turn: { ...next.turn, durationMs: event.duration_ms } };
      return event.is_error && event.result !== '' && lastRemark(next) !== event.result
        ? push(timed, { kind: 'remark', key, at, tone: 'error', text: event.result })
        : timed;
    }
    case 'error':
      return { ...remark('error', event.error), runningText: '', modelFailed: isOfTheModel(event.code) };
    case 'cancelled':
      return remark('stopped', cancelledText(event.note, event.by));
    case 'interrupted':
      return remark('interrupted', `Interrupted: ${event.reason}`);
    case 'turn_end':
      return endTurn(next, key, at);
    case 'queued':
      return { ...next, queued: [...next.queued, { id: event.queue_id, text: event.text }] };
    case 'unqueued': {
      const lost = next.queued.find((entry) => entry.id === event.queue_id);
      const left = { ...next, queued: next.queued.filter((entry) => entry !== lost) };
      if (event.reason !== 'lost' || !lost) return left;
      return push(left, {
        kind: 'remark',
        key,
        at,
        tone: 'note',
        text: `Queued prompt lost, send it again: ${lost.text}`,
      });
    }
    case 'note':
      return remark('note', event.text);
    case 'session_renamed':
      return remark('note', `${event.by} named this session: ${event.title}`);
    case 'approval_requested':
      return waitFor(next, event);
    case 'approval_resolved':
      return resolve(next, event);
    case 'grant_started':
    case 'grant_ended':
    case 'policy_changed':
      return remark('note', policyWords(event));
    case 'notified':
      return next;
    case 'access':
    case 'configured':
    case 'examined':
    case 'drilled':
      return next; // Of the console, not of a session.
    case 'usage':
      return {
        ...next,
        model: event.model,
        costUsd: next.costUsd + number(event.cost_usd),
        turn: { ...next.turn, costUsd: (next.turn.costUsd ?? 0) + number(event.cost_usd) },
      };
    case 'finding':
      return push(next, { kind: 'finding', key, at, report: event.report });
    case 'incident_opened':
      return push(next, { kind: 'incident', key, at, incident: incidentOf(event) });
    case 'incident_alert':
      return updateIncident(next, event.incident_id, (incident) => withAlert(incident, event, at));
    case 'incident_verdict':
      return push(next, { kind: 'verdict', key, at, verdict: verdictOf(event) });
    case 'incident_closed': {
      const words = closedWords(event);
      const closed = updateIncident(next, event.incident_id, (incident) => ({
        ...incident,
        closed: { at, words },
      }));
      return push(closed, {
        kind: 'remark',
        key,
        at,
        tone: 'note',
        text: `The incident is closed. ${words}`,
      });
    }
    case 'power_started': {
      const id = event.operation_id ?? `event-${key}`;
      const operation: OperationView = {
        id,
        target: event.target ?? '',
        verb: event.verb,
        by: event.by,
        started_at: at,
        state: 'running',
        steps: [],
        output: '',
        ...(event.finding ? { finding: event.finding } : {}),
      };
      const call = callOf(next, event);
      const asked =
        call === undefined ? next : updateTool(next, call.callId, (tool) => ({ ...tool, operationId: id }));
      return push(asked, { kind: 'operation', key, at, operation });
    }
    case 'power_step':
      return updateOperation(next, event.operation_id, (operation) => ({
        ...operation,
        steps: mergeStep(operation.steps, event.step),
      }));
    case 'power_output':
      return updateOperation(next, event.operation_id, (operation) => ({
        ...operation,
        output: appendCapped(operation.output, event.text),
      }));
    case 'power_finished':
      return updateOperation(next, event.operation_id, (operation) => ({
        ...operation,
        state: event.state,
        steps: event.steps,
        finished_at: at,
        ...(event.result ? { result: event.result } : {}),
        ...(event.outcome ? { outcome: event.outcome } : {}),
      }));
    case 'evidence':
      return updateOperation(next, event.operation_id, (operation) => ({
        ...operation,
        evidence_id: event.evidence_id,
      }));
    case 'session':
    case 'session_opened':
      return next;
    default:
      return next;
  }
};

const reduceEphemeral = (state: Transcript, event: EphemeralEvent): Transcript => {
  if ('text' in event && typeof event.text !== 'string') return state;
  switch (event.kind) {
    case 'text_delta':
      return { ...state, runningText: event.snapshot ? event.text : state.runningText + event.text };
    case 'tool_output':
      return updateTool(state, event.tool_call_id, (tool) =>
        tool.result
          ? tool
          : { ...tool, live: event.snapshot ? event.text : appendCapped(tool.live, event.text, LIVE_CAP) },
      );
    case 'error':
      return { ...state, alert: event.error };
    case 'looking': // Of the page, not of what it shows.
    case 'done':
      return state;
    default:
      return state;
  }
};
