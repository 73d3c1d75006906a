// The agent through the real Claude Code CLI, driven by a scripted endpoint.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';
import type { ModelRequest } from '../../lab/model/messages-api.ts';
import { type AnswerBlock, answer, type Handler, text, toolUse } from '../../lab/model/scripted.ts';
import { newSessionId } from '../../protocol/ids.ts';
import {
  bodies,
  kinds,
  ofKind,
  policyOf,
  type Rig,
  runTurn,
  SECRET,
  startRig,
  target,
  turnContext,
} from './agent.fixture.ts';
import { BOUNDS } from './bounds.ts';
import { findTranscript } from './transcripts.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));
const rigged = async (...args: Parameters<typeof startRig>): Promise<Rig> => {
  const rig = await startRig(...args);
  rigs.push(rig);
  return rig;
};

const promptOf = (request: ModelRequest): string | undefined =>
  request.messages
    .flatMap((message) => (message.role === 'user' ? message.content : []))
    .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    .at(-1);
const lastBlock = (request: ModelRequest) => request.messages.at(-1)?.content.at(-1);
/** Calls the tools once, then reports. */
const once =
  (...blocks: readonly AnswerBlock[]): Handler =>
  (request) =>
    lastBlock(request)?.type === 'tool_result' ? answer(text('Done.')) : answer(...blocks);
const ssh = (input: Record<string, unknown>) => toolUse('mcp__breakglass__ssh', input);

test('a turn streams its text, then records it whole, with usage and a result; later turns go to the same process', async () => {
  const rig = await rigged(() => ({
    type: 'answer',
    blocks: [text('The disk is full.')],
    pace: { chars: 4, ms: 5 },
    usage: { input_tokens: 100, output_tokens: 50 },
  }));
  const events = await runTurn(rig.agent, 'hello');
  const deltas = events.flatMap((each) => (each.type === 'delta' ? [each.text] : []));
  expect(deltas.length).toBeGreaterThan(1);
  expect(deltas.join('')).toBe('The disk is full.');
  expect(kinds(events)).toEqual(['text', 'usage', 'result']);
  expect(bodies(events)[0]).toEqual({ kind: 'text', text: 'The disk is full.' });
  expect(ofKind(events, 'result')[0]).toMatchObject({ is_error: false, result: 'The disk is full.' });

  const later = await runTurn(rig.agent, 'and now?');
  expect(kinds(later)).toEqual(['text', 'usage', 'result']);
  // Claude Code counts cumulatively; each turn is told for itself.
  expect(ofKind(later, 'usage')[0]).toEqual(ofKind(events, 'usage')[0]);
  expect(ofKind(later, 'usage')[0]).toMatchObject({ input_tokens: 100, output_tokens: 50 });
});

test('a command in the VM is recorded before it runs, shown as typed, streamed, and comes back with its exit code', async () => {
  const rig = await rigged(
    once(
      text('Looking.'),
      ssh({ host: 'devvm', command: 'df -h' }),
      ssh({ host: 'devvm', command: 'false', account: 'repair', timeout_s: 5 }),
    ),
  );
  rig.guest.answer = ({ command }) =>
    command === 'false' ? { exitCode: 1 } : { output: 'Filesystem 98%\n' };
  const ranTooEarly: unknown[] = [];
  const events = await runTurn(rig.agent, 'look', async (each) => {
    if (each.type !== 'event' || each.body.kind !== 'tool') return;
    await sleep(50); // a slow journal
    const { command } = each.body.input;
    ranTooEarly.push(...rig.guest.seen.filter((ran) => command === `ssh devvm ${ran.command}`));
  });
  expect(ranTooEarly).toEqual([]);
  expect(kinds(events).slice(0, 3)).toEqual(['text', 'tool', expect.any(String)]);
  expect(ofKind(events, 'tool').map(({ name, input }) => ({ name, input }))).toEqual([
    { name: 'ssh', input: { host: 'devvm', command: 'ssh devvm df -h', account: 'observer' } },
    { name: 'ssh', input: { host: 'devvm', command: 'ssh devvm false', account: 'repair', timeout_s: 5 } },
  ]);
  expect(rig.guest.seen.map(({ account, command, timeoutMs }) => ({ account, command, timeoutMs }))).toEqual([
    { account: 'observer', command: 'df -h', timeoutMs: 120_000 },
    { account: 'repair', command: 'false', timeoutMs: 5_000 },
  ]);
  expect(events.some((each) => each.type === 'output' && each.text === 'Filesystem 98%\n')).toBe(true);
  expect(ofKind(events, 'tool_result')).toMatchObject([
    {
      name: 'ssh',
      is_error: false,
      output: 'Filesystem 98%\n',
      exit_code: 0,
      ended: 'exited',
      truncated: false,
    },
    { name: 'ssh', is_error: true, exit_code: 1, ended: 'exited' },
  ]);
  expect(JSON.stringify(rig.model.requests.at(-1)?.messages)).toContain('[exit code 1 after');
});

test('a large output is kept whole, and reaches the model as head and tail', async () => {
  const rig = await rigged(once(ssh({ host: 'devvm', command: 'journalctl' })));
  const output = `FIRST${'x'.repeat(100_000)}LAST\n`;
  rig.guest.answer = () => ({ output });
  const events = await runTurn(rig.agent, 'read the log');
  expect(ofKind(events, 'tool_result')[0]).toMatchObject({ output, truncated: false });
  const result = rig.model.requests.at(-1)?.messages.at(-1)?.content[0];
  const seen = result?.type === 'tool_result' ? result.text : '';
  expect(seen.length).toBeLessThan(17_000);
  expect(seen).toMatch(/^FIRST.*characters left out here.*LAST\n\[exit code 0/s);
});

test('when the call cannot be recorded it does not run, and nothing runs afterwards', async () => {
  const rig = await rigged((request) =>
    promptOf(request) === 'next'
      ? answer(text('Fine.'))
      : answer(ssh({ host: 'devvm', command: 'rm -rf /x' })),
  );
  const failing = runTurn(rig.agent, 'free it', (each) => {
    if (each.type === 'event' && each.body.kind === 'tool') throw new Error('disk I/O error');
  });
  await expect(failing).rejects.toThrow('disk I/O error');
  await sleep(500);
  expect(rig.guest.seen).toEqual([]);
  expect(rig.model.requests.length).toBe(1);
  expect(kinds(await runTurn(rig.agent, 'next'))).toEqual(['text', 'usage', 'result']);
});

test('a verb that contradicts the finding is refused with the text of the finding; when the agent insists, it runs', async () => {
  const finding = {
    target: 'devvm',
    at: 'x',
    cautions: [],
    finding: {
      code: 'block-path-stalled',
      summary: 'Stalled.',
      confidence: 0.9,
      advised: 'cycle' as const,
      warned: ['reset'] as const,
      advice: 'Cycle.',
      inputs: [],
    },
  };
  const rig = await rigged(
    once(
      ssh({ host: 'pve', command: 'reset' }),
      ssh({ host: 'pve', command: 'reset', despite_finding: true }),
    ),
    { finding },
  );
  const events = await runTurn(rig.agent, 'reset it');
  expect(ofKind(events, 'tool_result')[0]).toMatchObject({ is_error: true, ended: 'denied' });
  expect(ofKind(events, 'tool_result')[0]?.output).toContain('block-path-stalled');
  expect(rig.power.seen).toMatchObject([
    { verb: 'reset', finding: { finding: { code: 'block-path-stalled' } } },
  ]);
});

test('a verb that would change nothing is refused, also where the agent says that it knows better', async () => {
  const vm = { state: 'running', monitorAnswers: true, lock: 'none' };
  const rig = await rigged(
    once(
      ssh({ host: 'pve', command: 'start' }),
      ssh({ host: 'pve', command: 'start', despite_finding: true }),
    ),
    { vm },
  );
  const results = ofKind(await runTurn(rig.agent, 'start it'), 'tool_result');
  for (const result of results) expect(result.output).toContain('Not done. The VM runs already');
  expect(results).toHaveLength(2);
  expect(rig.power.seen).toEqual([]);
});

test('a verb goes through power as the agent, and its result and outcome come back', async () => {
  const rig = await rigged(
    once(ssh({ host: 'pve', command: 'status' }), toolUse('mcp__breakglass__triage', {})),
  );
  const events = await runTurn(rig.agent, 'what is it?');
  expect(rig.power.seen).toMatchObject([
    { verb: 'status', by: { type: 'agent', name: 'claude' }, session_id: rig.session },
  ]);
  expect(ofKind(events, 'tool')[0]?.input).toEqual({ host: 'pve', command: 'ssh pve status' });
  expect(ofKind(events, 'tool_result')[0]).toMatchObject({ is_error: false, exit_code: 0 });
  expect(ofKind(events, 'tool_result')[0]?.output).toContain('status: running');
  expect(
    kinds(events)
      .filter((kind) => kind !== 'tool')
      .slice(0, 3),
  ).toEqual(['tool_result', 'finding', 'tool_result']);
});

test('what policy denies or asks about does not run, and the reason reaches the operator and the model', async () => {
  const rig = await rigged(
    once(
      ssh({ host: 'devvm', command: 'sudo rm x', account: 'repair' }),
      ssh({ host: 'pve', command: 'cycle' }),
      ssh({ host: 'devvm', command: 'uptime' }),
    ),
    { hands: { policy: policyOf('observe') } },
  );
  const events = await runTurn(rig.agent, 'fix it');
  expect(rig.guest.seen.map((each) => each.command)).toEqual(['uptime']);
  expect(rig.power.seen).toEqual([]);
  const results = ofKind(events, 'tool_result');
  expect(results.map((each) => each.ended)).toEqual(['denied', 'denied', 'exited']);
  expect(results[1]?.output).toContain('Policy is observe');
});

test('a spent budget makes the agent ask a person', async () => {
  const asked: unknown[] = [];
  const rig = await rigged(once(ssh({ host: 'pve', command: 'cycle' })), {
    hands: {
      ask: async (question) => {
        asked.push(question.asked);
        return { type: 'denied', by: 'ann', reason: undefined };
      },
      verbBudget: () => Promise.resolve({ spentAt: [Date.now() - 60_000], now: Date.now() }),
    },
  });
  const events = await runTurn(rig.agent, 'cycle it');
  expect(asked).toEqual([{ verb: 'cycle', input: { host: 'pve', command: 'cycle' } }]);
  expect(rig.power.seen).toEqual([]);
  expect(ofKind(events, 'tool_result')[0]?.output).toContain('Denied by ann');
});

test.each(['-x --version', '/help', '/clear', '@/etc/passwd', '@disk-full.md look', '!id', '#note'])(
  'the prompt %j is only a prompt',
  async (prompt) => {
    const rig = rigs[0] ?? (await rigged(() => answer(text('ok'))));
    const events = await runTurn(rig.agent, prompt);
    expect(kinds(events)).toEqual(['text', 'usage', 'result']);
    const request = rig.model.requests.at(-1);
    expect(request === undefined ? '' : promptOf(request)).toBe(prompt);
    expect(request?.raw).not.toContain('root:x:0');
    expect(request?.raw).not.toContain('# A runbook');
  },
);
test('a prompt may name a model for its turn; what is not the name of a model is refused', async () => {
  const rig = await rigged(() => answer(text('ok')));
  await runTurn(rig.agent, 'one', undefined, turnContext(undefined, 'claude-other-9'));
  await runTurn(rig.agent, 'two');
  // Claude Code asks the endpoint about a model that it does not know; that request is not streamed.
  const turns = rig.model.requests.filter((each) => each.stream);
  expect(turns.map((each) => each.model)).toEqual(['claude-other-9', expect.stringContaining('sonnet')]);
  const events = await runTurn(rig.agent, 'three', undefined, turnContext(undefined, '--model x'));
  expect(kinds(events)).toEqual(['error', 'result']);
  expect(rig.model.requests.filter((each) => each.stream).length).toBe(2);
});

test('a model that the endpoint does not serve is one error that names it, and the next prompt runs on the configured one', async () => {
  const rig = await rigged((request) =>
    request.model.includes('other') ? { type: 'status', status: 404 } : answer(text('ok')),
  );
  const events = await runTurn(rig.agent, 'one', undefined, turnContext(undefined, 'claude-other-9'));
  expect(kinds(events)).toEqual(['error', 'result']);
  expect(ofKind(events, 'error')[0]).toMatchObject({
    code: 'model-unknown',
    error: expect.stringContaining('claude-other-9'),
  });
  expect(kinds(await runTurn(rig.agent, 'two'))).toEqual(['text', 'usage', 'result']);
  expect(rig.model.requests.at(-1)?.model).toContain('sonnet');
});

test('the model is offered our tools and three readers, and the credential is in no request', async () => {
  const rig = await rigged(() => answer(text('ok')));
  await runTurn(rig.agent, 'hello');
  const request = rig.model.requests[0];
  const offered = request?.toolNames.filter((name) => name !== 'DeferredToolPlaceholder').sort();
  expect(offered).toEqual(['Glob', 'Grep', 'Read', 'mcp__breakglass__ssh', 'mcp__breakglass__triage']);
  expect(request?.raw).not.toContain(SECRET);
  expect(request?.system).toContain('You are the agent of Breakglass');
});

test('a process that is killed in the middle of a turn is one error; the next prompt has the conversation so far', async () => {
  const rig = await rigged((request) => {
    const last = lastBlock(request);
    return last?.type === 'text' && last.text.includes('hang')
      ? { type: 'hang', at: 'text' }
      : answer(text('The answer is 42.'));
  });
  await runTurn(rig.agent, 'first');
  const events = await runTurn(rig.agent, 'hang', (each) => {
    if (each.type === 'delta') process.kill(pidOf(rig), 'SIGKILL');
  });
  expect(kinds(events)).toEqual(['text', 'error', 'result']);
  expect(ofKind(events, 'error')[0]?.error).toContain('SIGKILL');
  const next = await runTurn(rig.agent, 'again');
  expect(kinds(next)).toEqual(['text', 'usage', 'result']);
  expect(rig.model.requests.at(-1)?.raw).toContain('The answer is 42.');
});

const pidOf = (rig: Rig): number => {
  const pid: unknown = Reflect.get(rig.agent, 'pid');
  if (typeof pid !== 'number') throw new Error('no live process');
  return pid;
};

test('a new server resumes the conversation by id, and never runs an old call again', async () => {
  const rig = await rigged(once(ssh({ host: 'devvm', command: 'touch /tmp/once' })));
  await runTurn(rig.agent, 'remember the word plum');
  await rig.driver.close();
  const events = await runTurn(rig.again().open(rig.session, target), 'which word?');
  expect(kinds(events)).not.toContain('note');
  expect(rig.model.requests.at(-1)?.raw).toContain('remember the word plum');
  expect(rig.guest.seen.filter((each) => each.command === 'touch /tmp/once').length).toBeLessThanOrEqual(2);
});

test('a conversation that cannot be loaded is begun anew under the same id, and the operator is told', async () => {
  const rig = await rigged(() => answer(text('ok')));
  await runTurn(rig.agent, 'remember the word plum');
  await rig.driver.close();
  const transcript = findTranscript(path.join(rig.dir, 'agent', 'claude'), rig.session);
  writeFileSync(transcript ?? '', '');
  const events = await runTurn(rig.again().open(rig.session, target), 'which word?');
  expect(kinds(events)).toEqual(['note', 'text', 'usage', 'result']);
  expect(existsSync(transcript ?? '')).toBe(true);
  expect(readdirSync(path.dirname(transcript ?? '')).some((name) => name.includes('unreadable'))).toBe(true);
});

test('an idle process is parked, the one that has been idle longest first if there are too many, and the next prompt resumes it', async () => {
  const rig = await rigged(() => answer(text('ok')), { bounds: { memoryMb: 450, parkAfterMs: 60_000 } });
  await runTurn(rig.agent, 'plum');
  const first = pidOf(rig);
  for (let more = 0; more < 2; more += 1) await runTurn(rig.driver.open(newSessionId(), target), 'hello');
  await sleep(300);
  expect(() => process.kill(first, 0)).toThrow();
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
  expect(rig.model.requests.at(-1)?.raw).toContain('plum');
});

test('without a credential or a definition nothing is started, and one sentence says what to set', async () => {
  const rig = await rigged(() => answer(text('ok')), { credentials: {} });
  expect(rig.driver.unavailable()).toContain('ANTHROPIC_API_KEY');
  const events = await runTurn(rig.agent, 'hello');
  expect(kinds(events)).toEqual(['error', 'result']);
  expect(rig.model.requests).toEqual([]);
});

test('when its directories cannot be made the agent says so, and the rest of the console works', async () => {
  const rig = await rigged(() => answer(text('ok')), { deps: { dataDir: '/dev/null' } });
  expect(rig.driver.unavailable()).toMatch(
    /directories cannot be made below \/dev\/null\/agent .*ENOTDIR.*power buttons/,
  );
  expect(kinds(await runTurn(rig.agent, 'hello'))).toEqual(['error', 'result']);
});

test('a process that is under SIGSTOP wedges nothing: the turn ends, and the next prompt resumes the conversation', async () => {
  const rig = await rigged((request) =>
    promptOf(request) === 'wedge' ? { type: 'hang', at: 'text' } : answer(text('Fine.')),
  );
  await runTurn(rig.agent, 'remember the word plum');
  const stop = new AbortController();
  const events = await runTurn(
    rig.agent,
    'wedge',
    (each) => {
      if (each.type !== 'delta') return;
      process.kill(pidOf(rig), 'SIGSTOP');
      stop.abort();
    },
    turnContext(stop.signal),
  );
  expect(kinds(events)).toEqual(['text']);
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
  expect(rig.model.requests.at(-1)?.raw).toContain('plum');
});

test('a session that nobody needs any more is parked and forgotten, and goes on when it is opened again', async () => {
  const rig = await rigged(() => answer(text('ok')), { bounds: { parkReleasedAfterMs: 1 } });
  await runTurn(rig.agent, 'plum');
  expect(rig.driver.counts()).toEqual({ known: 1, live: 1 });
  rig.agent.release();
  await vi.waitFor(() => expect(rig.driver.counts()).toEqual({ known: 0, live: 0 }), { timeout: 30_000 });
  const again = rig.driver.open(rig.session, target);
  expect(kinds(await runTurn(again, 'again'))).toEqual(['text', 'usage', 'result']);
  expect(rig.model.requests.at(-1)?.raw).toContain('plum');
});

test('whoever comes back before a released session is parked keeps its process: the short limit counts no more', async () => {
  const rig = await rigged(() => answer(text('ok')));
  await runTurn(rig.agent, 'plum');
  const before = pidOf(rig);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    rig.agent.release();
    rig.driver.open(rig.session, target);
    await vi.advanceTimersByTimeAsync(BOUNDS.parkReleasedAfterMs + 1);
  } finally {
    vi.useRealTimers();
  }
  await runTurn(rig.agent, 'again');
  expect(pidOf(rig)).toBe(before);
});
