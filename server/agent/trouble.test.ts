// Whatever the model API does, a turn ends with one error that says what to do, and the session goes on.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { answer, type Reply, text, toolUse } from '../../lab/model/scripted.ts';
import { kinds, ofKind, type Rig, runTurn, SECRET, startRig, turnContext } from './agent.fixture.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));
const rigged = async (...args: Parameters<typeof startRig>): Promise<Rig> => {
  const rig = await startRig(...args);
  rigs.push(rig);
  return rig;
};

/** Shorter than in earnest. Claude Code does not take less than 10 s for a silent stream: the watchdog is faster here. */
const QUICK = { apiTimeoutMs: 2_000, byteIdleMs: 2_000 };
const WATCHED = { ...QUICK, silence: { ms: 3_000, chars: 20 } };

const TROUBLES: readonly (readonly [string, Reply, string, RegExp])[] = [
  [
    'status 401',
    { type: 'status', status: 401, message: `bad key ${SECRET}` },
    'model-credential-rejected',
    /rejected the credential.*ANTHROPIC_API_KEY/,
  ],
  ['status 403', { type: 'status', status: 403 }, 'model-credential-rejected', /rejected the credential/],
  [
    'status 404',
    { type: 'status', status: 404 },
    'model-unknown',
    /does not know the model.*BREAKGLASS_MODEL/,
  ],
  [
    'status 429',
    { type: 'status', status: 429, headers: { 'retry-after': '3600' } },
    'model-rate-limited',
    /rate limiting/,
  ],
  ['status 500', { type: 'status', status: 500 }, 'model-failed', /failed with status 500/],
  ['status 529', { type: 'status', status: 529 }, 'model-overloaded', /overloaded/],
  ['a connection closed without a byte', { type: 'hang-up' }, 'model-unreachable', /cannot be reached/],
  [
    'a stream cut in mid-word',
    { type: 'cut', text: 'Half a wo' },
    'model-unreachable',
    /broke the connection/,
  ],
  ['garbage instead of a stream', { type: 'garbage' }, 'model-garbled', /not the Messages API/],
];

test('every failure of the endpoint is one error with its own sentence, and the next prompt works', async () => {
  let trouble: Reply = answer(text('ok'));
  const rig = await rigged(() => trouble, { bounds: QUICK });
  for (const [name, reply, code, sentence] of TROUBLES) {
    trouble = reply;
    const events = await runTurn(rig.agent, name);
    const errors = ofKind(events, 'error');
    expect(errors.length, name).toBe(1);
    expect(errors[0]?.code, name).toBe(code);
    expect(errors[0]?.error, name).toMatch(sentence);
    expect(errors[0]?.error, name).toContain('The power buttons');
    expect(JSON.stringify(events), name).not.toContain(SECRET);
    expect(kinds(events).at(-1), name).toBe('result');
    expect(ofKind(events, 'result')[0], name).toMatchObject({ is_error: true, result: errors[0]?.error });
    trouble = answer(text('ok'));
    expect(kinds(await runTurn(rig.agent, 'again')), name).toEqual(['text', 'usage', 'result']);
  }
});

test('an endpoint that refuses connections is named', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const rig = await rigged(() => answer(text('ok')), {
    bounds: QUICK,
    credentials: { ANTHROPIC_API_KEY: SECRET, ANTHROPIC_BASE_URL: `http://user:${SECRET}@127.0.0.1:${port}` },
  });
  const events = await runTurn(rig.agent, 'hello');
  expect(kinds(events)).toEqual(['error', 'result']);
  expect(ofKind(events, 'error')[0]?.error).toContain(`http://127.0.0.1:${port}`);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

test.each<readonly [string, Reply]>([
  ['never answers', { type: 'hang', at: 'headers' }],
  ['sends headers and nothing more', { type: 'hang', at: 'body' }],
  ['stops in the middle of a text', { type: 'hang', at: 'text', text: 'I was about to' }],
  ['drips a character now and then', { type: 'drip', text: 'x'.repeat(500), everyMs: 400 }],
])('an endpoint that %s is ended by the watchdog, and the session goes on', async (_, silence) => {
  let reply = silence;
  const rig = await rigged(() => reply, { bounds: { ...WATCHED, apiTimeoutMs: 20_000, byteIdleMs: 15_000 } });
  const events = await runTurn(rig.agent, 'hello');
  expect(ofKind(events, 'error').map((each) => each.code)).toEqual(['model-silent']);
  expect(kinds(events).at(-1)).toBe('result');
  reply = answer(text('ok'));
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});

test('with the limits of a deployment a dead stream is one error within 60 s', async () => {
  const rig = await rigged(() => ({ type: 'hang', at: 'text', text: 'I was about to' }));
  const began = performance.now();
  const events = await runTurn(rig.agent, 'hello');
  expect(performance.now() - began).toBeLessThan(60_000);
  expect(ofKind(events, 'error').map((each) => each.code)).toEqual(['model-silent']);
  // What the operator has read is kept.
  expect(ofKind(events, 'text').map((each) => each.text)).toEqual(['I was about to']);
}, 90_000);

test('a long command is not silence', async () => {
  const rig = await rigged(
    (request) =>
      request.messages.at(-1)?.content.at(-1)?.type === 'tool_result'
        ? answer(text('Done.'))
        : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command: 'sleep 2' })),
    { bounds: { silence: { ms: 3_000, chars: 20 } } },
  );
  rig.guest.answer = async () => {
    await sleep(4_500);
    return { output: 'slept' };
  };
  expect(ofKind(await runTurn(rig.agent, 'wait'), 'error')).toEqual([]);
});

test('a retry drops what was shown of the first attempt', async () => {
  let attempts = 0;
  const rig = await rigged(() => {
    attempts += 1;
    return attempts === 1 ? { type: 'cut', text: 'First att' } : answer(text('Second attempt.'));
  });
  const events = await runTurn(rig.agent, 'hello');
  const shown = events.flatMap((each) => (each.type === 'delta' ? [each] : []));
  expect(shown.some((each) => each.text === '' && each.snapshot === true)).toBe(true);
  expect(ofKind(events, 'text').map((each) => each.text)).toEqual(['Second attempt.']);
  expect(ofKind(events, 'error')).toEqual([]);
});

test('Stop in the middle of a text ends the turn at once and keeps what was written', async () => {
  const rig = await rigged((request) =>
    JSON.stringify(request.messages.at(-1)).includes('again')
      ? answer(text('ok'))
      : { type: 'hang', at: 'text', text: 'The cause is' },
  );
  const stop = new AbortController();
  let stoppedAt = 0;
  const events = await runTurn(
    rig.agent,
    'hello',
    (each) => {
      if (each.type !== 'delta') return;
      stoppedAt = performance.now();
      stop.abort();
    },
    turnContext(stop.signal),
  );
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
  expect(kinds(events).filter((kind) => kind !== 'usage')).toEqual(['text']);
  expect(ofKind(events, 'text')[0]?.text).toBe('The cause is');
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});

test.each(['ends at once', 'takes its time', 'never ends'] as const)(
  'Stop in the middle of a command that %s reaches it, ends the turn in time, and tells its end once',
  async (how) => {
    const rig = await rigged((request) =>
      JSON.stringify(request.messages.at(-1)).includes('again')
        ? answer(text('ok'))
        : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command: 'tail -f x' })),
    );
    rig.guest.answer = async ({ signal, onOutput }) => {
      onOutput('stdout', 'line 1\n');
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      if (how === 'never ends') await new Promise(() => undefined);
      if (how === 'takes its time') await sleep(800);
      return { ended: 'stopped', exitCode: null, output: 'line 1\n', farSide: 'proven' };
    };
    const stop = new AbortController();
    let stoppedAt = 0;
    const events = await runTurn(
      rig.agent,
      'hello',
      (each) => {
        if (each.type !== 'output' || stop.signal.aborted) return;
        stoppedAt = performance.now();
        stop.abort();
      },
      turnContext(stop.signal),
    );
    expect(performance.now() - stoppedAt).toBeLessThan(2_000);
    const results = ofKind(events, 'tool_result');
    expect(results).toMatchObject([
      { ended: 'stopped', far_side: how === 'never ends' ? 'unproven' : 'proven', is_error: true },
    ]);
    expect(ofKind(events, 'error')).toEqual([]);
    expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
  },
);

test('Stop during a verb ends the turn; the operation goes on, and the result says so', async () => {
  const rig = await rigged(() => answer(toolUse('mcp__breakglass__ssh', { host: 'pve', command: 'cycle' })));
  rig.power.end = new Promise(() => undefined);
  const stop = new AbortController();
  const events = await runTurn(
    rig.agent,
    'cycle it',
    (each) => {
      if (each.type === 'event' && each.body.kind === 'tool') setTimeout(() => stop.abort(), 300);
    },
    turnContext(stop.signal),
  );
  expect(rig.power.seen.map((each) => each.verb)).toEqual(['cycle']);
  expect(ofKind(events, 'tool_result')[0]?.output).toContain('goes on to its end');
});

test('Stop when Claude Code does not answer kills it, and the next prompt resumes', async () => {
  const rig = await rigged((request) =>
    JSON.stringify(request.messages.at(-1)).includes('again')
      ? answer(text('ok'))
      : { type: 'hang', at: 'text', text: 'The cause is' },
  );
  const stop = new AbortController();
  let stoppedAt = 0;
  let frozen = 0;
  const events = await runTurn(
    rig.agent,
    'hello',
    (each) => {
      if (each.type !== 'delta') return;
      frozen = Number(Reflect.get(rig.agent, 'pid'));
      process.kill(frozen, 'SIGSTOP');
      stoppedAt = performance.now();
      stop.abort();
    },
    turnContext(stop.signal),
  );
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
  expect(kinds(events)).toEqual(['text']);
  expect(() => process.kill(frozen, 0)).toThrow();
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});
