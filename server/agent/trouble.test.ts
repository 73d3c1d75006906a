// Whatever the model API does, a turn ends with one error that says what to do, and the session goes on.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { answer, type Reply, text, toolUse } from '../../lab/model/scripted.ts';
import { until } from '../../test/support/wait-for.ts';
import { kinds, ofKind, type Rig, runTurn, SECRET, startRig, turnContext } from './agent.fixture.ts';
import { BOUNDS } from './bounds.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));
const rigged = async (...args: Parameters<typeof startRig>): Promise<Rig> => {
  const rig = await startRig(...args);
  rigs.push(rig);
  return rig;
};

/** Shorter than in earnest, long enough for a busy machine, and below Claude Code's own limits: the watchdog is faster. */
const WATCHED = { silence: { ms: 8_000, chars: 40 } };
/** For whatever has to end by itself. What a deployment gives it is claimed by itself. */
const UNHURRIED = { interruptGraceMs: 60_000, stopLimitMs: 60_000 };

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
  const rig = await rigged(() => trouble);
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
    credentials: { ANTHROPIC_API_KEY: SECRET, ANTHROPIC_BASE_URL: `http://user:${SECRET}@127.0.0.1:${port}` },
  });
  const events = await runTurn(rig.agent, 'hello');
  expect(kinds(events)).toEqual(['error', 'result']);
  expect(ofKind(events, 'error')[0]?.error).toContain(`http://127.0.0.1:${port}`);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

test('the limits of a deployment end a dead stream within 60 s, and a stop within 2 s', () => {
  expect(BOUNDS.silence.ms + BOUNDS.stopLimitMs).toBeLessThan(60_000);
  expect((BOUNDS.maxRetries + 1) * BOUNDS.apiTimeoutMs).toBeLessThan(BOUNDS.silence.ms);
  expect(BOUNDS.stopLimitMs).toBeLessThan(2_000);
  expect(BOUNDS.interruptGraceMs).toBeLessThan(BOUNDS.stopLimitMs);
});

test.concurrent.each<readonly [string, Reply]>([
  ['never answers', { type: 'hang', at: 'headers' }],
  ['sends headers and nothing more', { type: 'hang', at: 'body' }],
  ['stops in the middle of a text', { type: 'hang', at: 'text', text: 'I was about to' }],
  ['drips a character now and then', { type: 'drip', text: 'x'.repeat(500), everyMs: 400 }],
])('an endpoint that %s is ended by the watchdog, and the session goes on', async (_, silence) => {
  let reply = silence;
  const rig = await rigged(() => reply, { bounds: { ...WATCHED, ...UNHURRIED } });
  const events = await runTurn(rig.agent, 'hello');
  expect(ofKind(events, 'error').map((each) => each.code)).toEqual(['model-silent']);
  expect(kinds(events).at(-1)).toBe('result');
  reply = answer(text('ok'));
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});

// The silence of a whole deployment, because Claude Code's own limits and its second attempt lie within it.
test.concurrent('with the limits of a deployment a dead stream is one error', async () => {
  const rig = await rigged(() => ({ type: 'hang', at: 'text', text: 'I was about to' }));
  const events = await runTurn(rig.agent, 'hello');
  expect(ofKind(events, 'error').map((each) => each.code)).toEqual(['model-silent']);
  // What the operator has read is kept.
  expect(ofKind(events, 'text').map((each) => each.text)).toEqual(['I was about to']);
});

test.concurrent('a long command is not silence', async () => {
  const rig = await rigged(
    (request) =>
      request.messages.at(-1)?.content.at(-1)?.type === 'tool_result'
        ? answer(text('Done.'))
        : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command: 'sleep 2' })),
    { bounds: WATCHED },
  );
  rig.guest.answer = async () => {
    await sleep(1.5 * WATCHED.silence.ms);
    return { output: 'slept' };
  };
  expect(ofKind(await runTurn(rig.agent, 'wait'), 'error')).toEqual([]);
});

test('a retry drops what was shown of the first attempt', async () => {
  let attempts = 0;
  const seen = Promise.withResolvers<void>();
  const rig = await rigged(() => {
    attempts += 1;
    return attempts === 1
      ? { type: 'cut', text: 'First att', when: seen.promise }
      : answer(text('Second attempt.'));
  });
  const events = await runTurn(rig.agent, 'hello', (each) => {
    if (each.type === 'delta') seen.resolve();
  });
  const shown = events.flatMap((each) => (each.type === 'delta' ? [each] : []));
  expect(shown.some((each) => each.text === '' && each.snapshot === true)).toBe(true);
  expect(ofKind(events, 'text').map((each) => each.text)).toEqual(['Second attempt.']);
  expect(ofKind(events, 'error')).toEqual([]);
});

test('Stop in the middle of a text ends the turn and keeps what was written', async () => {
  const rig = await rigged(
    (request) =>
      JSON.stringify(request.messages.at(-1)).includes('again')
        ? answer(text('ok'))
        : { type: 'hang', at: 'text', text: 'The cause is' },
    { bounds: UNHURRIED },
  );
  const stop = new AbortController();
  const events = await runTurn(
    rig.agent,
    'hello',
    (each) => {
      if (each.type === 'delta') stop.abort();
    },
    turnContext(stop.signal),
  );
  expect(kinds(events).filter((kind) => kind !== 'usage')).toEqual(['text']);
  expect(ofKind(events, 'text')[0]?.text).toBe('The cause is');
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});

test.each(['ends at once', 'takes its time', 'never ends'] as const)(
  'Stop in the middle of a command that %s reaches it, ends the turn, and tells its end once',
  async (how) => {
    const rig = await rigged(
      (request) =>
        JSON.stringify(request.messages.at(-1)).includes('again')
          ? answer(text('ok'))
          : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command: 'tail -f x' })),
      // What never ends is given up at the limit.
      { bounds: how === 'never ends' ? {} : UNHURRIED },
    );
    rig.guest.answer = async ({ signal, onOutput }) => {
      onOutput('stdout', 'line 1\n');
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      if (how === 'never ends') await new Promise(() => undefined);
      if (how === 'takes its time') await sleep(800);
      return { ended: 'stopped', exitCode: null, output: 'line 1\n', farSide: 'proven' };
    };
    const stop = new AbortController();
    const events = await runTurn(
      rig.agent,
      'hello',
      (each) => {
        if (each.type === 'output') stop.abort();
      },
      turnContext(stop.signal),
    );
    const results = ofKind(events, 'tool_result');
    expect(results).toMatchObject([
      { ended: 'stopped', far_side: how === 'never ends' ? 'unproven' : 'proven', is_error: true },
    ]);
    expect(ofKind(events, 'error')).toEqual([]);
    expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
  },
);

test('Stop during a verb ends the turn; the operation goes on, and the result says so', async () => {
  const rig = await rigged(() => answer(toolUse('mcp__breakglass__ssh', { host: 'pve', command: 'cycle' })), {
    bounds: UNHURRIED,
  });
  rig.power.end = new Promise(() => undefined);
  const stop = new AbortController();
  const turn = runTurn(rig.agent, 'cycle it', () => undefined, turnContext(stop.signal));
  await until('the verb at the power host', () => rig.power.seen.length > 0);
  stop.abort();
  const events = await turn;
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
  let frozen = 0;
  const events = await runTurn(
    rig.agent,
    'hello',
    (each) => {
      if (each.type !== 'delta') return;
      frozen = Number(Reflect.get(rig.agent, 'pid'));
      process.kill(frozen, 'SIGSTOP');
      stop.abort();
    },
    turnContext(stop.signal),
  );
  expect(kinds(events)).toEqual(['text']);
  expect(() => process.kill(frozen, 0)).toThrow();
  expect(kinds(await runTurn(rig.agent, 'again'))).toEqual(['text', 'usage', 'result']);
});
