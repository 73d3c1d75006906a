// The verbs and triage against a small console: who must confirm what, and what one press is.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Operation } from '../protocol/operations.ts';
import { json, problem, run, smallConsole, typist } from './console.fixture.ts';
import { watchToEnd } from './operation.ts';

const ID = '0b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f';
const operation = (more: object = {}): Operation =>
  Operation.parse({
    id: ID,
    target: 'devvm',
    verb: 'cycle',
    by: { type: 'operator', name: 'anna' },
    started_at: '2026-11-27T02:00:00.000Z',
    state: 'running',
    steps: [],
    ...more,
  }) as Operation;
const ended = (more: object = {}): Operation =>
  operation({
    finished_at: '2026-11-27T02:01:00.000Z',
    state: 'succeeded',
    outcome: { summary: 'The VM runs in a new process.' },
    ...more,
  });
const frame = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const told = (value: Operation): string => frame({ kind: 'operation', operation: value });

const state = {
  name: 'devvm',
  vm: { state: 'running', at: null },
  ssh: { answers: false, reading: 'silent', at: null },
  qmp: { answers: true, at: null },
  guest_agent: { answers: null, at: null },
  warnings: [],
  operation: null,
};
const looks = {
  'GET /api/targets': json({ default: 'devvm', targets: [state] }),
  'GET /api/targets/devvm': json(state),
};
const streams = (...parts: readonly string[]) => ({
  [`GET /api/operations/${ID}/stream`]: (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const part of parts) response.write(part);
    response.end();
  },
});
const CONTRADICTS = problem(409, 'contradicts-finding', 'Triage advises against cycle (x): y.', {
  confirm: 'the-token',
  confirm_within_s: 60,
});

test('with --yes and several targets the one that is meant must be named; an empty name is none', async () => {
  const several = json({ default: 'devvm', targets: [state, { ...state, name: 'other' }] });
  const { url, asked } = await smallConsole({ ...looks, 'GET /api/targets': several });
  expect(await run(['cycle', '--yes', '--url', url])).toEqual({
    code: 2,
    out: '',
    err: 'breakglass: There are 2 targets: name the one that is meant (devvm, other). Nothing was done.',
  });
  expect((await run(['cycle', '', '--yes', '--url', url])).code).toBe(2);
  expect(asked.filter(({ route }) => route.startsWith('POST'))).toEqual([]);
});

test('without a terminal a verb that changes the VM needs --yes: nothing is asked of the console', async () => {
  const { url, asked } = await smallConsole(looks);
  for (const verb of ['reset', 'stop', 'start', 'cycle']) {
    const { code, out, err } = await run([verb, '--url', url]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toBe(`breakglass: Nobody is at a terminal to confirm ${verb}: add --yes. Nothing was done.`);
  }
  expect(asked).toEqual([]);
});

test('at a terminal nothing but the name or y presses', async () => {
  for (const typed of ['', 'n', 'yess', 'devvm2', undefined]) {
    const { url, asked } = await smallConsole(looks);
    const { code, err } = await run(
      ['cycle', '--url', url],
      {},
      typist(...(typed === undefined ? [] : [typed])),
    );
    expect([code, err.split('\n').at(-1)]).toEqual([1, 'breakglass: That was no yes. Nothing was done.']);
    expect(asked.filter(({ route }) => route.startsWith('POST'))).toEqual([]);
  }
});

test('one press has a key, and the outcome is the only line on stdout', async () => {
  const { url, asked } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/cycle': json(operation(), 202),
    ...streams(told(ended({ evidence_id: 'e-1' }))),
  });
  const { code, out } = await run(['cycle', 'devvm', '--url', url], {}, typist('devvm'));
  expect([code, out]).toEqual([0, 'cycle succeeded: The VM runs in a new process.\nevidence: e-1']);
  const [press] = asked.filter(({ route }) => route.startsWith('POST'));
  expect(press?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  expect(press?.body).toEqual({});
});

test.each([
  ['failed', 1],
  ['unknown', 1],
] as const)('an operation that ended as %s is exit code %d', async (how, code) => {
  const { url } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/stop': json(operation(), 202),
    ...streams(told(ended({ state: how }))),
  });
  expect((await run(['stop', '--yes', '--url', url])).code).toBe(code);
});

test('a contradiction is asked about a second time, where y is not enough; the second press carries its token', async () => {
  const { url, asked } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/cycle': (response, { body }) =>
      (JSON.stringify(body) === '{}' ? CONTRADICTS : json(operation(), 202))(response),
    ...streams(told(ended())),
  });
  const presses = () => asked.filter(({ route }) => route.startsWith('POST')).splice(0);
  const careful = await run(['cycle', '--url', url], {}, typist('y', 'y'));
  expect([careful.code, careful.err]).toEqual([4, expect.stringContaining('Triage advises against cycle')]);
  expect(presses()).toHaveLength(1);
  const sure = await run(['cycle', '--url', url], {}, typist('y', 'devvm'));
  expect(sure.code).toBe(0);
  expect(presses().at(-1)?.body).toEqual({ confirm: 'the-token' });

  const script = await run(['cycle', '--yes', '--url', url]);
  expect([script.code, script.err]).toEqual([
    4,
    expect.stringContaining('Nothing was done. To do it all the same: --despite-finding.'),
  ]);
  expect((await run(['cycle', '--yes', '--despite-finding', '--url', url])).code).toBe(0);
  const asJson = await run(['cycle', '--yes', '--json', '--url', url]);
  expect([asJson.code, JSON.parse(asJson.out).error]).toMatchObject([
    4,
    { code: 'contradicts-finding', confirm: 'the-token', exit_code: 4 },
  ]);
});

test('Ctrl-C at the second question is 130, and nothing is pressed a second time', async () => {
  const { url, asked } = await smallConsole({ ...looks, 'POST /api/targets/devvm/power/cycle': CONTRADICTS });
  let interrupt = (): void => {};
  const answers: ((signal?: AbortSignal) => Promise<string | undefined>)[] = [
    async () => 'y',
    (signal) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve(undefined));
        interrupt();
      }),
  ];
  const { code, err } = await run(
    ['cycle', '--url', url],
    {},
    {
      terminal: () => ({ ask: async (_question, signal) => answers.shift()?.(signal) }),
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {};
      },
    },
  );
  expect([code, err.split('\n').at(-1)]).toEqual([130, 'breakglass: You left. Nothing was done.']);
  expect(asked.filter(({ route }) => route.startsWith('POST'))).toHaveLength(1);
});

test('a press whose answer is lost is sent again with the same key', async () => {
  let first = true;
  const { url, asked } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/cycle': (response) => {
      if (first) response.destroy();
      else json(operation(), 202)(response);
      first = false;
    },
    ...streams(told(ended())),
  });
  const { code, err } = await run(['cycle', '--yes', '--url', url]);
  expect(code).toBe(0);
  expect(err).toContain('Asking again what became of it.');
  const keys = asked.flatMap(({ route, headers }) =>
    route.startsWith('POST') ? [headers['idempotency-key']] : [],
  );
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});

test('another verb that runs is named, with how to watch it', async () => {
  const { url } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/stop': problem(409, 'verb-running', 'cycle by bo runs.', {
      operation_id: ID,
    }),
  });
  const { code, err } = await run(['stop', '--yes', '--url', url]);
  expect([code, err.split('\n').at(-1)]).toEqual([
    1,
    `breakglass: cycle by bo runs. Watch it: breakglass watch ${ID}`,
  ]);
});

test('a stream that breaks is opened again, and what was told is not told again', async () => {
  const step = (ok?: boolean) => ({
    name: 'forensics',
    at: 'x',
    ...(ok === undefined ? {} : { ok, ms: 900 }),
  });
  const output = (text: string): string => frame({ kind: 'output', stream: 'stdout', text });
  let attached = 0;
  const { url } = await smallConsole({
    [`GET /api/operations/${ID}/stream`]: (response) => {
      attached += 1;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (attached === 1) {
        response.write(output('one\ntw') + told(operation({ steps: [step()] })));
        void sleep(50).then(() => response.destroy());
      } else response.end(output('one\ntwo\nthree\n') + told(ended({ steps: [step(true)] })));
    },
  });
  const lines: string[] = [];
  const signal = new AbortController().signal;
  const got = await watchToEnd({ url, token: undefined }, { id: ID, signal, betweenTriesMs: 1 }, (line) =>
    lines.push(line),
  );
  expect(got.state).toBe('succeeded');
  expect(lines).toEqual([
    '  one',
    'forensics: runs',
    'The connection was lost. The operation goes on at the console; asking for it again.',
    '  two',
    '  three',
    'forensics: ok, 0.9 s',
  ]);
});

test('a console that stays away is given up with how to watch on', async () => {
  const away = { url: 'http://127.0.0.1:9', token: undefined };
  const signal = new AbortController().signal;
  await expect(
    watchToEnd(away, { id: ID, signal, betweenTriesMs: 1, giveUpMs: 20 }, () => {}),
  ).rejects.toThrow(`The operation may still run. Watch it again: breakglass watch ${ID}`);
});

test('what a host prints does not command the terminal', async () => {
  const { url } = await smallConsole({
    ...looks,
    'POST /api/targets/devvm/power/forensics': json(operation({ verb: 'forensics' }), 202),
    ...streams(
      frame({ kind: 'output', stream: 'stderr', text: '\u001B]0;owned\u0007\u001B[2J\u202Eevil\n' }),
      told(ended({ verb: 'forensics', outcome: { summary: '\u001B[31mred' } })),
    ),
  });
  const { out, err } = await run(['forensics', '--url', url]);
  expect(out).toBe('forensics succeeded: ⟨\\e⟩[31mred');
  expect(err).toContain('⟨\\e⟩]0;owned⟨\\a⟩⟨\\e⟩[2J⟨U+202E⟩evil');
});
