// Turns the messages of Claude Code into our events. Pure: (state, message) → (state, events). An unknown message is reported, so
// that the caller can log it. Authority: SDKMessage in @anthropic-ai/claude-agent-sdk.
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { JournaledBody } from '../../protocol/events.ts';
import { toolCallId } from '../../protocol/ids.ts';
import type { LiveText } from './port.ts';
import { plainToolName, type ShowContext, showTool } from './show-tool.ts';
import { headAndTail, RECORD_CAP_CHARS } from './tool-results.ts';
import { explainTrouble, type ModelEndpoint, type TroubleSigns } from './trouble.ts';

/** The state of one turn. `costBefore`: what the session had cost before the turn; undefined when this process does not know. */
export interface TranslateState {
  /** Text of the block that is being written. */
  readonly partial: string;
  readonly calls: Readonly<Record<string, { readonly name: string; readonly at: number }>>;
  readonly costBefore: number | undefined;
  readonly model: string;
  /** What was said so far about trouble with the model, for the error at the end. */
  readonly trouble: TroubleSigns | undefined;
}

export interface TranslateContext {
  /** Monotonic milliseconds, used for differences only. */
  readonly now: number;
  readonly show: ShowContext;
  readonly endpoint: ModelEndpoint;
}

export interface Translation {
  readonly state: TranslateState;
  readonly events: readonly AgentEvent[];
  /** How many characters the model came further; `Infinity` for a whole step. */
  readonly headway: number;
  /** The result of the turn has come. `cost`: what the session has cost so far. */
  readonly end?: { readonly cost: number };
  /** A message of an unknown kind. */
  readonly unknown?: string;
}

export const freshTurn = (model: string, costBefore: number | undefined): TranslateState => ({
  partial: '',
  calls: {},
  costBefore,
  model,
  trouble: undefined,
});

/** One thing that happened, to be recorded or only shown. */
export type AgentEvent = { readonly type: 'event'; readonly body: JournaledBody } | LiveText;

const event = (body: JournaledBody): AgentEvent => ({ type: 'event', body });

type MessageOf<T extends SDKMessage['type']> = Extract<SDKMessage, { type: T }>;

/** Messages that tell an operator nothing. `permission_denied` comes again as a tool_result. */
const SILENT: ReadonlySet<string> = new Set([
  'system/status',
  'system/permission_denied',
  'system/thinking_tokens',
  'system/session_state_changed',
  'system/commands_changed',
  'tool_progress',
]);

export function translate(
  state: TranslateState,
  message: SDKMessage,
  context: TranslateContext,
): Translation {
  if (message.type === 'stream_event') return streamed(state, message);
  if (message.type === 'assistant') return assistant(state, message, context);
  if (message.type === 'user') return toolResults(state, message, context);
  if (message.type === 'result') return result(state, message, context);
  if (message.type === 'system') return system(state, message);
  return silentOrUnknown(state, message.type);
}

const silentOrUnknown = (state: TranslateState, name: string): Translation => ({
  state,
  events: [],
  headway: 0,
  ...(SILENT.has(name) ? {} : { unknown: name }),
});

function system(state: TranslateState, message: MessageOf<'system'>): Translation {
  const nothing: Translation = { state, events: [], headway: 0 };
  if (message.subtype === 'init') return { ...nothing, state: { ...state, model: message.model } };
  if (message.subtype === 'api_retry') {
    const signs = {
      kind: message.error,
      status: message.error_status ?? undefined,
      text: '',
      model: state.model,
    };
    // The attempt begins again, and what it has written so far is not part of the answer.
    const dropped: AgentEvent[] = state.partial === '' ? [] : [{ type: 'delta', text: '', snapshot: true }];
    return { ...nothing, state: { ...state, partial: '', trouble: signs }, events: dropped };
  }
  if (message.subtype === 'compact_boundary') {
    const note = event({ kind: 'note', text: 'The conversation was long: its earlier part was summarised.' });
    return { ...nothing, events: [note] };
  }
  return silentOrUnknown(state, `system/${message.subtype}`);
}

function streamed(state: TranslateState, message: MessageOf<'stream_event'>): Translation {
  const { event: frame } = message;
  const none = { state, events: [], headway: 0 };
  if (frame.type === 'content_block_start')
    return { ...none, state: { ...state, partial: '' }, headway: Number.POSITIVE_INFINITY };
  // All other parts of a message come whole, in an `assistant` message.
  if (frame.type !== 'content_block_delta') return none;
  const { delta } = frame;
  if (delta.type === 'text_delta') {
    const next = { ...state, partial: state.partial + delta.text };
    return { state: next, events: [{ type: 'delta', text: delta.text }], headway: delta.text.length };
  }
  if (delta.type === 'thinking_delta') return { ...none, headway: delta.thinking.length };
  if (delta.type === 'input_json_delta') return { ...none, headway: delta.partial_json.length };
  return none;
}

function assistant(
  state: TranslateState,
  message: MessageOf<'assistant'>,
  context: TranslateContext,
): Translation {
  // Claude Code reports trouble with the API as the text of a synthetic message and again in the result. The result is used.
  if (message.error !== undefined || message.message.model === '<synthetic>') {
    const text = message.message.content.map((block) => (block.type === 'text' ? block.text : '')).join(' ');
    const signs = { kind: message.error ?? 'unknown', status: undefined, text, model: state.model };
    return {
      state: { ...state, trouble: { ...signs, status: state.trouble?.status } },
      events: [],
      headway: 0,
    };
  }
  const events: AgentEvent[] = [];
  const calls: Record<string, { name: string; at: number }> = { ...state.calls };
  for (const block of message.message.content) {
    if (block.type === 'text' && block.text !== '') events.push(event({ kind: 'text', text: block.text }));
    if (block.type === 'tool_use') {
      const shown = showTool(block.name, block.input, context.show);
      calls[block.id] = { name: shown.name, at: context.now };
      events.push(event({ kind: 'tool', ...shown, tool_call_id: toolCallId(block.id) }));
    }
  }
  const next = { ...state, calls, partial: '', trouble: undefined, model: message.message.model };
  return { state: next, events, headway: Number.POSITIVE_INFINITY };
}

function toolResults(
  state: TranslateState,
  message: MessageOf<'user'>,
  context: TranslateContext,
): Translation {
  const events: AgentEvent[] = [];
  const content = typeof message.message.content === 'string' ? [] : message.message.content;
  for (const block of content) {
    if (block.type !== 'tool_result') continue;
    const call = state.calls[block.tool_use_id];
    const kept = headAndTail(textOf(block.content), RECORD_CAP_CHARS);
    events.push(
      event({
        kind: 'tool_result',
        tool_call_id: toolCallId(block.tool_use_id),
        name: plainToolName(call?.name ?? 'unknown'),
        is_error: block.is_error === true,
        output: kept.text,
        truncated: kept.truncated,
        duration_ms: call === undefined ? 0 : Math.max(0, Math.round(context.now - call.at)),
      }),
    );
  }
  return { state, events, headway: Number.POSITIVE_INFINITY };
}

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content.replace(/^<tool_use_error>(.*)<\/tool_use_error>$/s, '$1');
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) =>
      typeof block === 'object' && block !== null && 'text' in block && typeof block.text === 'string'
        ? block.text
        : '',
    )
    .join('\n');
};

function result(state: TranslateState, message: MessageOf<'result'>, context: TranslateContext): Translation {
  const duration_ms = Math.round(message.duration_ms);
  const events: AgentEvent[] = [];
  if (message.is_error) {
    const said = message.subtype === 'success' ? message.result : message.errors.join(' ');
    const status = 'api_error_status' in message ? (message.api_error_status ?? undefined) : undefined;
    const kind = state.trouble?.kind ?? message.terminal_reason;
    const signs = { kind, status: status ?? state.trouble?.status, text: said, model: state.model };
    const { code, sentence } = explainTrouble(signs, context.endpoint);
    events.push(
      ...unfinishedText(state).map(event),
      event({ kind: 'error', error: sentence, code }),
      ...usage(state, message),
    );
    events.push(event({ kind: 'result', is_error: true, result: sentence, duration_ms }));
  } else {
    events.push(...usage(state, message));
    const text = message.subtype === 'success' ? message.result : '';
    events.push(event({ kind: 'result', is_error: false, result: text, duration_ms }));
  }
  return {
    state: { ...state, partial: '' },
    events,
    headway: Number.POSITIVE_INFINITY,
    end: { cost: message.total_cost_usd },
  };
}

/** The part of a block that will never be finished. It is kept because the operator has read it. */
export const unfinishedText = (state: TranslateState): JournaledBody[] =>
  state.partial.trim() === '' ? [] : [{ kind: 'text', text: state.partial }];

function usage(state: TranslateState, message: MessageOf<'result'>): AgentEvent[] {
  const { usage: tokens } = message;
  const cost =
    state.costBefore === undefined ? costSinceLast(message) : message.total_cost_usd - state.costBefore;
  const input = tokens.input_tokens + tokens.cache_creation_input_tokens + tokens.cache_read_input_tokens;
  if (input === 0 && tokens.output_tokens === 0) return [];
  return [
    event({
      kind: 'usage',
      model: state.model,
      input_tokens: input,
      output_tokens: tokens.output_tokens,
      cost_usd: Math.max(0, Number(cost.toFixed(6))),
    }),
  ];
}

/** The total of a resumed conversation includes what its transcript had saved. This (untyped) field has only the new part. */
function costSinceLast(message: MessageOf<'result'>): number {
  const field: unknown = Reflect.get(message, 'model_usage_since_last_result');
  if (typeof field !== 'object' || field === null) return message.total_cost_usd;
  return Object.values(field).reduce((sum: number, model: unknown) => {
    const cost: unknown = typeof model === 'object' && model !== null ? Reflect.get(model, 'costUSD') : 0;
    return sum + (typeof cost === 'number' ? cost : 0);
  }, 0);
}
