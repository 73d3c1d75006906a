import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WireEvent } from '../../../protocol/events.ts';
import { emptyTranscript, reduce, type Transcript } from './transcript.ts';

let nextId = 1;
const journaled = (body: Record<string, unknown>): WireEvent =>
  ({
    id: nextId++,
    at: '2026-01-01T03:00:00.000Z',
    v: 1,
    actor: { type: 'agent', name: 'a' },
    ...body,
  }) as unknown as WireEvent;
const passing = (body: Record<string, unknown>) => body as unknown as WireEvent;
const play = (events: WireEvent[], from: Transcript = emptyTranscript) => events.reduce(reduce, from);
const kinds = (state: Transcript) => state.items.map((item) => item.kind);

const tool = (id: string) =>
  journaled({ kind: 'tool', name: 'ssh', tool_call_id: id, input: { command: 'ssh devvm df -h' } });
const toolResult = (id: string) =>
  journaled({
    kind: 'tool_result',
    tool_call_id: id,
    name: 'ssh',
    is_error: false,
    output: 'all',
    truncated: false,
    exit_code: 0,
    ended: 'exited',
    duration_ms: 5,
  });
const power = (body: Record<string, unknown>) =>
  journaled({ operation_id: 'op', target: 'devvm', verb: 'cycle', ...body });

describe('a turn', () => {
  it('runs from the prompt to turn_end', () => {
    const begun = play([journaled({ kind: 'user', text: 'hi' })]);
    expect(begun.working).toBe(true);
    expect(play([journaled({ kind: 'turn_end' })], begun).working).toBe(false);
  });

  it('shows running text until its block is finished, once', () => {
    const running = play([
      journaled({ kind: 'user', text: 'hi' }),
      passing({ kind: 'text_delta', text: 'Hel' }),
      passing({ kind: 'text_delta', text: 'lo' }),
    ]);
    expect(running.runningText).toBe('Hello');
    const done = play([journaled({ kind: 'text', text: 'Hello' })], running);
    expect(done.runningText).toBe('');
    expect(kinds(done)).toEqual(['user', 'text']);
  });

  it('replaces running text by a snapshot', () => {
    expect(
      play([
        passing({ kind: 'text_delta', text: 'old' }),
        passing({ kind: 'text_delta', text: 'new', snapshot: true }),
      ]).runningText,
    ).toBe('new');
  });

  it('drops running text when the turn ends without it', () => {
    expect(
      play([passing({ kind: 'text_delta', text: 'half' }), journaled({ kind: 'turn_end' })]).runningText,
    ).toBe('');
  });

  it('says an error once, though the result repeats it', () => {
    const state = play([
      journaled({ kind: 'user', text: 'x' }),
      journaled({ kind: 'error', error: 'no API' }),
      journaled({ kind: 'result', is_error: true, result: 'no API', duration_ms: 9 }),
      journaled({ kind: 'turn_end' }),
    ]);
    expect(kinds(state)).toEqual(['user', 'remark', 'summary']);
  });

  it('does not repeat the last text as a result, and sums up cost and time', () => {
    const state = play([
      journaled({ kind: 'text', text: 'done' }),
      journaled({ kind: 'usage', model: 'sonnet', input_tokens: 1, output_tokens: 1, cost_usd: 0.25 }),
      journaled({ kind: 'result', is_error: false, result: 'done', duration_ms: 900 }),
      journaled({ kind: 'turn_end' }),
    ]);
    expect(kinds(state)).toEqual(['text', 'summary']);
    expect(state.costUsd).toBe(0.25);
    expect(state.items.at(-1)).toMatchObject({ costUsd: 0.25, durationMs: 900 });
  });

  it('tells of trouble that no record will hold, until the turn has its end', () => {
    const state = play([
      journaled({ kind: 'user', text: 'x' }),
      passing({ kind: 'error', error: 'disk full' }),
    ]);
    expect(state.alert).toBe('disk full');
    expect(play([journaled({ kind: 'turn_end' })], state).alert).toBe('');
  });

  it('tells what a stop could prove', () => {
    const state = play([
      journaled({ kind: 'cancelled', by: 'anna', note: 'Could not prove that it ended.' }),
    ]);
    expect(state.items[0]).toMatchObject({
      tone: 'stopped',
      text: 'Stopped by anna. Could not prove that it ended.',
    });
  });
});

describe('a tool call', () => {
  it('shows live output until the result brings the whole', () => {
    const running = play([
      tool('t'),
      passing({ kind: 'tool_output', tool_call_id: 't', stream: 'stdout', text: 'a' }),
    ]);
    expect(running.items[0]).toMatchObject({ live: 'a', result: null });
    expect(play([toolResult('t')], running).items[0]).toMatchObject({
      live: '',
      result: { output: 'all', exitCode: 0 },
    });
  });

  it('replaces live output by a snapshot and ignores output that comes after the result', () => {
    const snapshot = passing({
      kind: 'tool_output',
      tool_call_id: 't',
      stream: 'stdout',
      text: 'ab',
      snapshot: true,
    });
    const running = play([
      tool('t'),
      passing({ kind: 'tool_output', tool_call_id: 't', stream: 'stdout', text: 'a' }),
      snapshot,
    ]);
    expect(running.items[0]).toMatchObject({ live: 'ab' });
    const done = play([toolResult('t')], running);
    expect(play([snapshot], done)).toEqual(done);
  });

  it('is not left running by a turn that ended', () => {
    expect(
      play([
        tool('t'),
        journaled({ kind: 'interrupted', reason: 'restart' }),
        journaled({ kind: 'turn_end' }),
      ]).items[0],
    ).toMatchObject({ abandoned: true });
  });
});

describe('queued prompts', () => {
  const queued = journaled({ kind: 'queued', text: 'later', queue_id: 'q' });

  it('wait visibly until they start', () => {
    expect(play([queued]).queued).toEqual([{ id: 'q', text: 'later' }]);
    expect(play([queued, journaled({ kind: 'unqueued', queue_id: 'q', reason: 'started' })]).queued).toEqual(
      [],
    );
  });

  it('are not lost in silence', () => {
    const state = play([queued, journaled({ kind: 'unqueued', queue_id: 'q', reason: 'lost' })]);
    expect(state.items[0]).toMatchObject({
      kind: 'remark',
      text: 'Queued prompt lost, send it again: later',
    });
  });
});

describe('an operation', () => {
  const step = { name: 'forensics', at: '2026-01-01T03:00:01.000Z' };
  const events = () => [
    power({ kind: 'power_started', by: { type: 'operator', name: 'anna' } }),
    power({ kind: 'power_step', step }),
    power({ kind: 'power_output', stream: 'stdout', text: 'one\n' }),
    power({ kind: 'power_step', step: { ...step, ms: 900, ok: true } }),
    power({
      kind: 'power_finished',
      state: 'succeeded',
      steps: [{ ...step, ms: 900, ok: true }],
      outcome: { summary: 'running' },
    }),
  ];

  it('is one card with each step once, whoever started it', () => {
    const state = play(events());
    expect(kinds(state)).toEqual(['operation']);
    expect(state.items[0]).toMatchObject({
      operation: {
        by: { name: 'anna' },
        state: 'succeeded',
        output: 'one\n',
        steps: [{ name: 'forensics', ms: 900 }],
        outcome: { summary: 'running' },
      },
    });
  });

  it('that the server lost sight of stays unknown', () => {
    const state = play([
      power({ kind: 'power_started', by: { type: 'server', name: 's' } }),
      power({ kind: 'power_finished', state: 'unknown', steps: [] }),
    ]);
    expect(state.items[0]).toMatchObject({ operation: { state: 'unknown' } });
  });
});

describe('replay', () => {
  it('of the same events changes nothing', () => {
    const events = [
      journaled({ kind: 'user', text: 'x' }),
      tool('r'),
      toolResult('r'),
      power({ kind: 'power_started', by: { type: 'agent', name: 'a' } }),
      power({ kind: 'power_output', stream: 'stdout', text: 'line\n' }),
      journaled({ kind: 'queued', text: 'later', queue_id: 'q2' }),
      journaled({ kind: 'usage', model: 'm', input_tokens: 1, output_tokens: 1, cost_usd: 1 }),
      journaled({ kind: 'turn_end' }),
    ];
    const once = play(events);
    expect(play(events, once)).toEqual(once);
    expect(play(events.slice(3), play(events.slice(0, 5)))).toEqual(once);
  });

  it('ignores kinds it does not know', () => {
    const state = play([journaled({ kind: 'moon_phase' }), passing({ kind: 'sparkle' })]);
    expect(state.items).toEqual([]);
  });
});

it('an operation tells what triage said before it, and gets its evidence when that is kept', () => {
  const finding = { finding: { code: 'block-path-stalled' } };
  const state = play([
    power({ kind: 'power_started', by: { type: 'operator', name: 'a' }, finding }),
    power({ kind: 'evidence', evidence_id: 'e1', status: 'complete', summary: 's' }),
  ]);
  expect(state.items).toMatchObject([{ kind: 'operation', operation: { finding, evidence_id: 'e1' } }]);
});

describe('an incident', () => {
  const opened = journaled({
    kind: 'incident_opened',
    incident_id: 'i',
    title: 'SshDown',
    source: 'Alertmanager',
    detail: 'silent',
  });
  const alerted = (status: string, title: string, more = {}) =>
    journaled({ kind: 'incident_alert', incident_id: 'i', status, title, fingerprints: ['x'], ...more });

  it('is one card, in which its alerts and its end are told', () => {
    const state = play([
      opened,
      alerted('firing', 'SshDown'),
      alerted('firing', 'again', { fingerprints: [], times: 9 }),
      alerted('resolved', 'SshDown'),
      journaled({
        kind: 'incident_closed',
        incident_id: 'i',
        title: 'SshDown',
        by: 'breakglass',
        why: 'resolved',
      }),
    ]);
    expect(state.items).toMatchObject([
      {
        kind: 'incident',
        incident: {
          detail: 'silent',
          alerts: [{ status: 'firing' }, { status: 'resolved' }],
          closed: { words: 'All its alerts are resolved.' },
        },
      },
      { kind: 'remark', text: 'The incident is closed. All its alerts are resolved.' },
    ]);
  });

  it('shows the last alerts only, however many come', () => {
    const state = play([opened, ...Array.from({ length: 500 }, (_, n) => alerted('firing', `${n}`))]);
    const [card] = state.items;
    expect(card?.kind === 'incident' && card.incident.alerts.map(({ title }) => title)).toEqual(
      Array.from({ length: 12 }, (_, n) => `${488 + n}`),
    );
  });

  it('has a verdict that names the advised verb, and is the same after a replay', () => {
    const verdict = journaled({
      kind: 'incident_verdict',
      incident_id: 'i',
      title: 'SshDown',
      detail: 'Stalled. Advised: cycle.',
      report: { finding: { advised: 'cycle' } },
      agent: 'nothing-to-look-with',
    });
    const state = play([opened, verdict]);
    expect(state.items[1]).toMatchObject({ kind: 'verdict', verdict: { advised: 'cycle' } });
    expect(play([opened, verdict], state)).toBe(state);
  });
});

describe('a question', () => {
  const asked = (call: string) =>
    journaled({
      kind: 'approval_requested',
      tool_call_id: call,
      approval_id: 'q',
      session_id: 's',
      target: 'devvm',
      asked: { account: 'repair', input: { host: 'devvm', command: 'x' } },
      binding: '',
      expires_at: '2026-01-01T03:10:00.000Z',
      observer: false,
    });
  const denied = () =>
    journaled({
      kind: 'approval_resolved',
      approval_id: 'q',
      answer: 'denied',
      by: 'ann',
      reason: 'not at night',
    });

  it('waits, and stands with its answer on the card of its call', () => {
    const waiting = play([tool('c'), asked('c')]);
    expect(waiting.approvals).toMatchObject([{ approval_id: 'q', session_id: 's', target: 'devvm' }]);
    expect(waiting.noObserver).toBe(true);
    expect(waiting.items).toMatchObject([{ kind: 'tool', question: { answer: null } }]);
    const answered = play([denied()], waiting);
    expect(answered.approvals).toEqual([]);
    expect(answered.items).toMatchObject([
      { kind: 'tool', question: { answer: 'denied', by: 'ann', reason: 'not at night' } },
    ]);
  });

  it('whose call is not here leaves its answer as a remark', () => {
    expect(play([denied()]).items).toMatchObject([{ kind: 'remark', text: 'Denied by ann: not at night' }]);
  });
});

describe('an event that cannot be read', () => {
  const kinds = [
    'user',
    'text',
    'tool',
    'tool_result',
    'far_side',
    'result',
    'error',
    'cancelled',
    'interrupted',
    'turn_end',
    'queued',
    'unqueued',
    'note',
    'approval_requested',
    'approval_resolved',
    'grant_started',
    'policy_changed',
    'usage',
    'finding',
    'incident_opened',
    'incident_alert',
    'incident_verdict',
    'incident_closed',
    'power_started',
    'power_step',
    'power_output',
    'power_finished',
    'evidence',
    'text_delta',
    'tool_output',
    'moon_phase',
  ];
  const fields = [
    'at',
    'text',
    'name',
    'input',
    'tool_call_id',
    'output',
    'error',
    'reason',
    'by',
    'queue_id',
    'verb',
    'operation_id',
    'step',
    'steps',
    'state',
    'report',
    'approval_id',
    'answer',
    'asked',
    'incident_id',
    'fingerprints',
    'status',
    'cost_usd',
    'target',
    'session_id',
    'why',
    'result',
    'snapshot',
  ];
  const value = fc.oneof(fc.constantFrom(null, 0, '', 'op', 'cycle', [], {}, true), fc.jsonValue());
  const malformed = fc
    .tuple(fc.constantFrom(...kinds), fc.dictionary(fc.constantFrom(...fields), value), fc.boolean())
    .map(([kind, rest, kept]) => ({ kept, body: { ...rest, kind } }));

  it('takes nothing else away, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(malformed, { maxLength: 30 }), (events) => {
        const broken = events.map(
          ({ kept, body }) => (kept ? { id: nextId++, ...body } : body) as unknown as WireEvent,
        );
        const state = play([
          journaled({ kind: 'text', text: 'before' }),
          ...broken,
          journaled({ kind: 'text', text: 'after' }),
        ]);
        expect(state.items[0]).toMatchObject({ text: 'before' });
        expect(state.items.at(-1)).toMatchObject({ text: 'after' });
        expect(Number.isFinite(state.costUsd)).toBe(true);
      }),
    );
  });

  it('is said, and not read again in a replay', () => {
    const broken = journaled({ kind: 'text' });
    const state = play([broken]);
    expect(state.items).toMatchObject([
      { kind: 'remark', text: 'An event (text) could not be read. All else is shown.' },
    ]);
    expect(play([broken], state)).toBe(state);
    for (const none of [null, 'x', 7, []])
      expect(play([none as unknown as WireEvent])).toEqual(emptyTranscript);
  });
});

describe('a verb of the agent', () => {
  const call = (id: string, command: string) =>
    journaled({ kind: 'tool', name: 'ssh', tool_call_id: id, input: { host: 'pve', command } });
  const started = (verb: string, by = 'agent') =>
    journaled({
      kind: 'power_started',
      verb,
      operation_id: 'op',
      target: 'devvm',
      by: { type: by, name: 'x' },
    });

  it('is the operation that begins after its call, whatever else was called', () => {
    const state = play([
      call('a', 'ssh pve status'),
      toolResult('a'),
      call('b', 'ssh pve status'),
      tool('c'),
      started('status'),
    ]);
    expect(state.items.map((item) => item.kind === 'tool' && item.operationId)).toEqual([
      null,
      'op',
      null,
      false,
    ]);
  });

  it('is none of the agent of another session, of which this one is told, too', () => {
    const mine = { ...call('a', 'ssh pve cycle'), session_id: 's' } as WireEvent;
    const theirs = { ...started('cycle'), session_id: 't' } as WireEvent;
    const ours = { ...started('cycle'), session_id: 's' } as WireEvent;
    expect(play([mine, theirs]).items[0]).toMatchObject({ operationId: null });
    expect(play([mine, ours]).items[0]).toMatchObject({ operationId: 'op' });
  });

  it('is none that a person began, nor one of another verb', () => {
    for (const event of [started('cycle', 'operator'), started('reset')])
      expect(play([call('a', 'ssh pve cycle'), event]).items[0]).toMatchObject({ operationId: null });
  });
});

it('a turn that ended for want of the model is known as that, until the next prompt', () => {
  const failed = play([journaled({ kind: 'error', error: 'no API', code: 'model-unreachable' })]);
  expect(failed.modelFailed).toBe(true);
  expect(play([journaled({ kind: 'user', text: 'again' })], failed).modelFailed).toBe(false);
  expect(play([journaled({ kind: 'error', error: 'too long', code: 'turn-limit' })]).modelFailed).toBe(false);
});
