// What the agent may do under policy ask, through the real Claude Code CLI: the call waits for a person, and nothing else lets it run.
import { expect, onTestFinished, test, vi } from 'vitest';
import { type AnswerBlock, answer, type Handler, text, toolUse } from '../../lab/model/scripted.ts';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { newSessionId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import type { Approvals, Lives } from '../approvals/approvals.ts';
import {
  ofKind,
  type Rig,
  type RigOptions,
  runTurn,
  startRig,
  target,
  turnContext,
} from './agent.fixture.ts';

const ann: Actor = { type: 'operator', name: 'ann', via: 'token' };

/** Calls the tools one after the other, then says what the last one answered. */
const calls =
  (...all: readonly (readonly [string, Readonly<Record<string, unknown>>])[]): Handler =>
  ({ messages }) => {
    const results = messages.flatMap(({ content }) => content.filter(({ type }) => type === 'tool_result'));
    const next = all[results.length];
    const blocks: AnswerBlock[] =
      next === undefined ? [text('Done.')] : [text('It is stuck.'), toolUse(next[0], next[1])];
    return answer(...blocks);
  };

interface Asking {
  readonly rig: Rig;
  readonly approvals: Approvals;
  readonly session: { readonly id: Rig['session']; readonly target: typeof target };
}

async function asking(
  handler: Handler,
  options: { mode?: PolicyMode; lives?: Lives; rig?: RigOptions } = {},
): Promise<Asking> {
  const approvals = approvalsOn(createMemoryJournal(), options);
  const rig = await startRig(handler, {
    ...options.rig,
    hands: {
      policy: (id) => approvals.policies.reader({ id, target }),
      ask: (question) => approvals.ask(question),
      ...options.rig?.hands,
    },
  });
  onTestFinished(() => rig.close());
  return { rig, approvals, session: { id: rig.session, target } };
}

const repair = (command: string) =>
  ['mcp__breakglass__ssh', { host: 'devvm', command, account: 'repair' }] as const;
const verb = (command: string, more = {}) =>
  ['mcp__breakglass__ssh', { host: 'pve', command, ...more }] as const;

async function next(approvals: Approvals) {
  const [first] = await vi.waitFor(
    () => {
      const waiting = approvals.waiting();
      expect(waiting).not.toEqual([]);
      return waiting;
    },
    { timeout: 30_000 },
  );
  if (first === undefined) throw new Error('none waits');
  return first;
}

const LIMIT = { timeout: 60_000 };

test('a repair waits for a yes, shows the whole input and the reason, and runs once', LIMIT, async () => {
  const { rig, approvals, session } = await asking(
    calls([
      'mcp__breakglass__ssh',
      { host: 'devvm', command: 'sudo tee /etc/x', account: 'repair', stdin: 'a\nb' },
    ]),
  );
  const turn = runTurn(rig.agent, 'fix it');
  const question = await next(approvals);
  expect(question).toMatchObject({
    asked: {
      account: 'repair',
      input: { host: 'devvm', command: 'sudo tee /etc/x', stdin: 'a\nb', timeout_s: 120 },
    },
    said: 'It is stuck.',
    observer: true,
    grant_minutes: 15,
  });
  expect(rig.guest.seen).toEqual([]);
  await approvals.answer(session, question.approval_id, { answer: 'approve' }, ann);
  const events = await turn;
  expect(rig.guest.seen.map(({ command, stdin, account }) => ({ command, stdin, account }))).toEqual([
    { command: 'sudo tee /etc/x', stdin: 'a\nb', account: 'repair' },
  ]);
  const kinds = events.flatMap((event) => (event.type === 'event' ? [event.body.kind] : []));
  expect(kinds.indexOf('approval_requested')).toBeGreaterThan(kinds.indexOf('tool'));
  expect(kinds.indexOf('tool_result')).toBeGreaterThan(kinds.indexOf('approval_resolved'));
});

test(
  'a no is told to the agent with what the person said, and an agent that tries again asks again',
  LIMIT,
  async () => {
    const { rig, approvals, session } = await asking(calls(repair('rm -rf /srv/a'), repair('rm -rf /srv/a')));
    const turn = runTurn(rig.agent, 'fix it');
    for (const reason of ['that is the database', undefined]) {
      const { approval_id } = await next(approvals);
      await approvals.answer(session, approval_id, { answer: 'deny', reason }, ann);
    }
    const results = ofKind(await turn, 'tool_result');
    expect(results.map(({ ended }) => ended)).toEqual(['denied', 'denied']);
    expect(results[0]?.output).toBe('Denied by ann. It was not run. They said: "that is the database"');
    expect(rig.guest.seen).toEqual([]);
  },
);

test('nobody answers: the agent is told so, and not that it was refused', LIMIT, async () => {
  const { rig } = await asking(calls(verb('cycle')), { lives: { verbMs: 50, commandMs: 50 } });
  const [result] = ofKind(await runTurn(rig.agent, 'cycle it'), 'tool_result');
  expect(result?.output).toMatch(/^No answer: nobody answered within .* It was not refused either/);
  expect(rig.power.seen).toEqual([]);
});

test('a Stop while it waits ends the turn in time, and nothing runs', LIMIT, async () => {
  const { rig, approvals, session } = await asking(calls(repair('reboot')));
  const stop = new AbortController();
  const turn = runTurn(rig.agent, 'fix it', undefined, turnContext(stop.signal));
  const { approval_id } = await next(approvals);
  stop.abort();
  const [result] = ofKind(await turn, 'tool_result');
  expect(result).toMatchObject({ ended: 'stopped', output: 'Stopped before it ran.' });
  await expect(approvals.answer(session, approval_id, { answer: 'approve' }, ann)).rejects.toThrow();
  expect(rig.guest.seen).toEqual([]);
});

test('a yes to a verb is not used after a verb that somebody else ran while it waited', LIMIT, async () => {
  const { rig, approvals, session } = await asking(calls(verb('cycle')));
  const turn = runTurn(rig.agent, 'cycle it');
  const { approval_id } = await next(approvals);
  const beganAtMs = Date.parse('2026-01-01T02:13:05Z');
  rig.power.change = { verb: 'reset', by: ann, beganAtMs, endedAtMs: beganAtMs, overAtMs: beganAtMs };
  await approvals.answer(session, approval_id, { answer: 'approve' }, ann);
  const [result] = ofKind(await turn, 'tool_result');
  expect(rig.power.seen).toEqual([]);
  expect(result?.output).toBe('Not done. reset by ann ran at 02:13:05 UTC while this waited. Look again.');
});

test('a grant lets repair commands of this session run without asking, and never a verb', LIMIT, async () => {
  const { rig, approvals, session } = await asking(calls(repair('one'), repair('two'), verb('cycle')));
  const turn = runTurn(rig.agent, 'fix it');
  const first = await next(approvals);
  await approvals.answer(session, first.approval_id, { answer: 'approve', grant_minutes: 15 }, ann);
  const second = await next(approvals);
  expect(second.asked).toMatchObject({ verb: 'cycle' });
  expect(rig.guest.seen.map(({ command }) => command)).toEqual(['one', 'two']);
  await approvals.answer(session, second.approval_id, { answer: 'deny' }, ann);
  await turn;
  expect(rig.power.seen).toEqual([]);
});

test(
  'SSH that is lost after the yes is told as lost, and the same command again is another question',
  LIMIT,
  async () => {
    const { rig, approvals, session } = await asking(calls(repair('reboot'), repair('reboot')));
    rig.guest.answer = () => ({
      ended: 'connection_lost',
      exitCode: null,
      detail: 'broken pipe',
      farSide: 'unproven',
    });
    const turn = runTurn(rig.agent, 'fix it');
    const first = await next(approvals);
    await approvals.answer(session, first.approval_id, { answer: 'approve' }, ann);
    const second = await next(approvals);
    expect(second.approval_id).not.toBe(first.approval_id);
    expect(second.binding).not.toBe(first.binding);
    await approvals.answer(session, second.approval_id, { answer: 'deny' }, ann);
    const results = ofKind(await turn, 'tool_result');
    expect(results[0]).toMatchObject({ ended: 'connection_lost', far_side: 'unproven' });
    expect(rig.guest.seen).toHaveLength(1);
  },
);

test('looking asks nobody, and observe refuses without asking', LIMIT, async () => {
  const { rig, approvals, session } = await asking(
    calls(['mcp__breakglass__ssh', { host: 'devvm', command: 'df' }], verb('status'), repair('x')),
  );
  await approvals.policies.set(session, { mode: 'observe' }, ann);
  const results = ofKind(await runTurn(rig.agent, 'look'), 'tool_result');
  expect(results.map(({ ended, is_error }) => ended ?? (is_error ? 'failed' : 'ok'))).toEqual([
    'exited',
    'ok',
    'denied',
  ]);
  expect(results.at(-1)?.output).toContain('Policy is observe');
  expect(approvals.waiting()).toEqual([]);
});

test('what nobody can read is refused, and nobody is asked', LIMIT, async () => {
  const { rig, approvals } = await asking(
    calls(
      ['mcp__breakglass__ssh', { host: 'devvm', command: 'sh', account: 'repair', stdin: 'x'.repeat(5_000) }],
      repair('y'.repeat(5_000)),
    ),
  );
  const results = ofKind(await runTurn(rig.agent, 'fix it'), 'tool_result');
  expect(results.map(({ output }) => output)).toEqual([
    expect.stringContaining('The stdin has 5000 characters, and a person has to read it'),
    expect.stringContaining('The command has 5000 characters'),
  ]);
  expect(approvals.waiting()).toEqual([]);
  expect(rig.guest.seen).toEqual([]);
});

const STALLED: TriageReport = {
  target,
  at: '2026-01-01T00:00:00.000Z',
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'The block path is stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: 'Cycle.',
    inputs: [],
  },
};

test(
  'a verb that contradicts the finding is not even asked for, until the agent says that it knows better; then that stands in the question',
  LIMIT,
  async () => {
    const { rig, approvals, session } = await asking(
      calls(verb('reset'), verb('reset', { despite_finding: true })),
      { rig: { finding: STALLED } },
    );
    const turn = runTurn(rig.agent, 'reset it');
    const question = await next(approvals);
    expect(question.asked).toEqual({
      verb: 'reset',
      input: { host: 'pve', command: 'reset', despite_finding: true },
    });
    await approvals.answer(session, question.approval_id, { answer: 'approve' }, ann);
    const results = ofKind(await turn, 'tool_result');
    expect(results[0]?.output).toMatch(/^Not done\./);
    expect(rig.power.seen.map((request) => request.verb)).toEqual(['reset']);
  },
);

test('nobody is asked about a verb that would change nothing', LIMIT, async () => {
  const vm = { state: 'running', monitorAnswers: true, lock: 'none' };
  const { rig, approvals } = await asking(calls(verb('start')), { rig: { vm } });
  const results = ofKind(await runTurn(rig.agent, 'start it'), 'tool_result');
  expect(results[0]).toMatchObject({ is_error: true, ended: 'denied' });
  expect(results[0]?.output).toContain('The VM runs already');
  expect(approvals.waiting()).toEqual([]);
  expect(rig.power.seen).toEqual([]);
});

test('where there is no observer account the question says so', LIMIT, async () => {
  const { rig, approvals, session } = await asking(
    calls(['mcp__breakglass__ssh', { host: 'devvm', command: 'df' }]),
  );
  Object.defineProperty(rig.guest, 'hasObserver', { value: false });
  const turn = runTurn(rig.agent, 'look');
  const question = await next(approvals);
  expect(question).toMatchObject({ observer: false, asked: { account: 'repair' } });
  await approvals.answer(session, question.approval_id, { answer: 'deny' }, ann);
  await turn;
});

test('forensics of the agent: one a minute', LIMIT, async () => {
  const { capturePaces } = await import('./capture-pace.ts');
  const { rig } = await asking(calls(verb('forensics'), verb('forensics')), {
    rig: { hands: { captures: capturePaces() } },
  });
  rig.power.stdout = 'qmp: answers\nevidence: e1\n';
  const results = ofKind(await runTurn(rig.agent, 'look'), 'tool_result');
  expect(results.map(({ is_error }) => is_error)).toEqual([false, false]);
  expect(results[1]?.output).toContain('one a minute');
  expect(rig.power.seen).toHaveLength(1);
});

test(
  'forensics soon after that of another session costs no capture, and shows what that one printed',
  LIMIT,
  async () => {
    const { capturePaces } = await import('./capture-pace.ts');
    const { rig } = await asking(calls(verb('forensics')), { rig: { hands: { captures: capturePaces() } } });
    rig.power.stdout = 'qmp: answers\nevidence: e1\n';
    await runTurn(rig.agent, 'look');
    const [result] = ofKind(await runTurn(rig.driver.open(newSessionId(), target), 'look'), 'tool_result');
    expect(result).toMatchObject({ is_error: false });
    expect(result?.output).toContain('evidence: e1');
    expect(rig.power.seen).toHaveLength(1);
  },
);

test('forensics that kept nothing spends no minute', LIMIT, async () => {
  const { capturePaces } = await import('./capture-pace.ts');
  const { rig } = await asking(calls(verb('forensics'), verb('forensics')), {
    rig: { hands: { captures: capturePaces() } },
  });
  rig.power.stdout = 'evidence: none\n';
  await runTurn(rig.agent, 'look');
  expect(rig.power.seen).toHaveLength(2);
});

test('forensics from before a verb is no answer to whoever captures after it', LIMIT, async () => {
  const { capturePaces } = await import('./capture-pace.ts');
  const { rig } = await asking(calls(verb('forensics')), { rig: { hands: { captures: capturePaces() } } });
  rig.power.stdout = 'evidence: e1\n';
  await runTurn(rig.agent, 'look');
  const beganAtMs = Date.now();
  rig.power.change = { verb: 'reset', by: ann, beganAtMs, endedAtMs: beganAtMs, overAtMs: beganAtMs };
  await runTurn(rig.driver.open(newSessionId(), target), 'look');
  expect(rig.power.seen).toHaveLength(2);
});

test('longer looks of the agent, which capture twice: one a minute', LIMIT, async () => {
  const { capturePaces } = await import('./capture-pace.ts');
  const look = ['mcp__breakglass__triage', { longer_look: true }] as const;
  const { rig } = await asking(calls(look, look, ['mcp__breakglass__triage', {}]), {
    rig: { hands: { captures: capturePaces() } },
  });
  const results = ofKind(await runTurn(rig.agent, 'look'), 'tool_result');
  expect(results.map(({ is_error }) => is_error)).toEqual([false, true, false]);
  expect(results[1]?.output).toContain('one a minute');
});
