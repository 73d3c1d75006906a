// Pins the vocabulary: what Claude Code says, and what becomes of it. Messages as seen from CLI 2.1.331.
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { type AgentEvent, freshTurn, type TranslateState, type Translation, translate } from './translate.ts';
import { endpointOf } from './trouble.ts';

const context = {
  now: 1_000,
  show: { hasObserver: true, vmAlias: 'devvm' },
  endpoint: endpointOf({ ANTHROPIC_API_KEY: 'sk-secret' }),
};
const START = freshTurn('sonnet', 0);

/** Recorded from the wire, where more is said than the type knows. */
const message = (fields: object): SDKMessage =>
  ({ session_id: 's', uuid: 'u', parent_tool_use_id: null, ...fields }) as unknown as SDKMessage;
const say = (fields: object, state: TranslateState = START, now = 1_000): Translation =>
  translate(state, message(fields), { ...context, now });
const bodies = ({ events }: { events: readonly AgentEvent[] }) =>
  events.map((each) => (each.type === 'event' ? each.body : each));

const assistant = (content: readonly object[], more: object = {}) => ({
  type: 'assistant',
  message: { model: 'claude-x', role: 'assistant', content },
  ...more,
});
const delta = (text: string) => ({
  type: 'stream_event',
  event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
});
const result = (more: object) => ({
  type: 'result',
  subtype: 'success',
  is_error: false,
  result: 'Fine.',
  duration_ms: 12.6,
  total_cost_usd: 0.5,
  usage: { input_tokens: 10, output_tokens: 5, cache_creation_input_tokens: 1, cache_read_input_tokens: 2 },
  modelUsage: {},
  ...more,
});

test('running text is a delta, a finished block is text', () => {
  const first = say(delta('Hel'));
  const second = say(delta('lo'), first.state);
  expect([...bodies(first), ...bodies(second)]).toEqual([
    { type: 'delta', text: 'Hel' },
    { type: 'delta', text: 'lo' },
  ]);
  expect(second.state.partial).toBe('Hello');
  const whole = say(assistant([{ type: 'text', text: 'Hello' }]), second.state);
  expect(bodies(whole)).toEqual([{ kind: 'text', text: 'Hello' }]);
  expect(whole.state.partial).toBe('');
});

test('thinking is headway and is not shown', () => {
  const thinking = say({
    type: 'stream_event',
    event: { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hmm' } },
  });
  expect(thinking).toMatchObject({ events: [], headway: 3 });
  expect(bodies(say(assistant([{ type: 'thinking', thinking: 'hmm' }])))).toEqual([]);
});

test('a call of ours is shown as one would type it', () => {
  const input = { host: 'devvm', command: 'df -h' };
  const said = say(assistant([{ type: 'tool_use', id: 't1', name: 'mcp__breakglass__ssh', input }]));
  expect(bodies(said)).toEqual([
    {
      kind: 'tool',
      name: 'ssh',
      input: { host: 'devvm', command: 'ssh devvm df -h', account: 'observer' },
      tool_call_id: 't1',
    },
  ]);
});

test('a built-in call and its result are paired, with the time between', () => {
  const called = say(assistant([{ type: 'tool_use', id: 't1', name: 'Read', input: { file_path: 'a.md' } }]));
  expect(bodies(called)).toEqual([
    { kind: 'tool', name: 'Read', input: { file_path: 'a.md' }, tool_call_id: 't1' },
  ]);
  const content = [
    {
      type: 'tool_result',
      tool_use_id: 't1',
      content: [
        { type: 'text', text: 'one' },
        { type: 'text', text: 'two' },
      ],
    },
  ];
  const answered = say({ type: 'user', message: { role: 'user', content } }, called.state, 1_250);
  expect(bodies(answered)).toEqual([
    {
      kind: 'tool_result',
      tool_call_id: 't1',
      name: 'Read',
      is_error: false,
      output: 'one\ntwo',
      truncated: false,
      duration_ms: 250,
    },
  ]);
});

test('a refusal by Claude Code itself is an error result without its markup', () => {
  const content = [
    {
      type: 'tool_result',
      tool_use_id: 't1',
      is_error: true,
      content: '<tool_use_error>Error: No such tool available: Bash.</tool_use_error>',
    },
  ];
  expect(bodies(say({ type: 'user', message: { role: 'user', content } }))).toMatchObject([
    { is_error: true, output: 'Error: No such tool available: Bash.' },
  ]);
});

test('words that Claude Code adds as the user are not shown', () => {
  expect(
    bodies(
      say({
        type: 'user',
        message: { role: 'user', content: [{ type: 'text', text: '[Request interrupted by user]' }] },
      }),
    ),
  ).toEqual([]);
});

test('the end of a turn is its usage and its result; the cost is the difference of cumulative totals', () => {
  const said = say(result({}), { ...freshTurn('claude-x', 0.2) });
  expect(bodies(said)).toEqual([
    { kind: 'usage', model: 'claude-x', input_tokens: 13, output_tokens: 5, cost_usd: 0.3 },
    { kind: 'result', is_error: false, result: 'Fine.', duration_ms: 13 },
  ]);
  expect(said.end).toEqual({ cost: 0.5 });
});

test('after a resume the earlier total is not known, and the cost is what was added since', () => {
  const said = say(
    result({ model_usage_since_last_result: { a: { costUSD: 0.01 }, b: { costUSD: 0.02 } } }),
    freshTurn('claude-x', undefined),
  );
  expect(bodies(said)[0]).toMatchObject({ kind: 'usage', cost_usd: 0.03 });
});

test('trouble with the API becomes one error and no text: the synthetic message does not come from the agent', () => {
  const synthetic = say({
    ...assistant([{ type: 'text', text: 'API Error: 500 …' }], { error: 'server_error' }),
    message: { model: '<synthetic>', content: [{ type: 'text', text: 'API Error' }] },
  });
  expect(bodies(synthetic)).toEqual([]);
  const none = {
    usage: { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
  const said = say(
    result({
      ...none,
      is_error: true,
      terminal_reason: 'api_error',
      api_error_status: 500,
      result: 'API Error: 500 key sk-secret',
    }),
    synthetic.state,
  );
  expect(bodies(said).map((body) => ('kind' in body ? body.kind : body.type))).toEqual(['error', 'result']);
  expect(JSON.stringify(bodies(said))).not.toContain('sk-secret');
  expect(bodies(said)[0]).toMatchObject({ code: 'model-failed' });
});

test('an unknown failure is reported in the words of Claude Code, without the credential', () => {
  const said = say(
    result({ subtype: 'error_during_execution', is_error: true, errors: ['strange thing with sk-secret'] }),
  );
  expect(bodies(said)[0]).toMatchObject({
    kind: 'error',
    code: 'agent-failed',
    error: expect.stringContaining('strange thing with [credential]'),
  });
});

test('a retry drops the unfinished text; without any there is nothing to drop', () => {
  const retry = {
    type: 'system',
    subtype: 'api_retry',
    attempt: 1,
    max_retries: 1,
    retry_delay_ms: 500,
    error_status: 529,
    error: 'overloaded',
  };
  const said = say(retry, { ...START, partial: 'Half' });
  expect(bodies(said)).toEqual([{ type: 'delta', text: '', snapshot: true }]);
  expect(said.state.partial).toBe('');
  expect(said.headway).toBe(0);
  expect(bodies(say(retry))).toEqual([]);
});

test.each(['status', 'thinking_tokens', 'session_state_changed', 'permission_denied'])(
  'system/%s is known and says nothing',
  (subtype) => {
    expect(say({ type: 'system', subtype })).toEqual({ state: START, events: [], headway: 0 });
  },
);

test('a message of an unknown kind is reported, not dropped silently', () => {
  expect(say({ type: 'system', subtype: 'brand_new' }).unknown).toBe('system/brand_new');
  expect(say({ type: 'brand_new' }).unknown).toBe('brand_new');
});
