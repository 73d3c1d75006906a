// doctor, drill and notify test against a small console that answers in the shapes of the contract.
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { Doctor, Drill, Examination, type Link } from '../protocol/doctor.ts';
import { json, problem, run, smallConsole } from './console.fixture.ts';

const link = (code: Link['code'], state: Link['state'], more: object = {}) => ({
  code,
  title: code,
  state,
  detail: `${code} is ${state}`,
  docs: `docs/doctor.md#${code}`,
  ...more,
});
const seen = (...links: object[]) =>
  Examination.parse({
    at: '2026-11-27T02:00:00.000Z',
    took_ms: 900,
    by: { type: 'operator', name: 'anna' },
    links,
    count: {
      works: links.filter((each) => 'state' in each && each.state === 'works').length,
      doubtful: 0,
      broken: links.filter((each) => 'state' in each && each.state === 'broken').length,
      'not-checked': links.filter((each) => 'state' in each && each.state === 'not-checked').length,
      'not-used': 0,
    },
  });
/** Ticks that are sent one by one, or kept back until the last. */
const ticks = (together: boolean) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const tick = (n: number, sentAtMs: number) =>
    `data: ${JSON.stringify({ kind: 'tick', n, of: 6, sent_at: new Date(sentAtMs).toISOString() })}\n\n`;
  const numbers = [1, 2, 3, 4, 5, 6];
  const from = Date.now();
  if (together) {
    response.end(numbers.map((n) => tick(n, from + n * 250)).join(''));
    return;
  }
  const send = (n: number): void => {
    response.write(tick(n, Date.now()));
    if (n === 6) response.end();
    else setTimeout(send, 60, n + 1);
  };
  send(1);
};

test('links that are broken come first with what to do, and are exit code 1', async () => {
  const { url, asked } = await smallConsole({
    'POST /api/doctor': json(
      seen(
        link('journal', 'works'),
        link('power-login', 'broken', { target: 'devvm', remedy: 'Run \u001B[31mhost/install' }),
      ),
    ),
  });
  const { code, out } = await run(['doctor', 'devvm', '--url', url]);
  expect(code).toBe(1);
  expect(asked.find(({ route }) => route.startsWith('POST'))?.body).toEqual({ target: 'devvm' });
  const lines = out.split('\n');
  expect(lines[1]).toMatch(/^broken +power-login +devvm +power-login is broken$/);
  expect(lines[2]).toBe('  do: Run ⟨\\e⟩[31mhost/install (docs/doctor.md#power-login)');
  expect(lines[3]).toMatch(/^works +journal/);
  expect(lines.at(-1)).toBe('2026-11-27 02:00Z: 1 broken, 0 doubtful, 0 not checked, 1 work, 0 not used.');
});

test.each([
  ['held back', true, 'broken', 1],
  ['as they were sent', false, 'works', 0],
] as const)(
  'ticks that arrive %s make the link of the event stream %s',
  async (_how, together, state, exit) => {
    const { url } = await smallConsole({
      'POST /api/doctor': json(seen(link('edge-stream', 'not-checked', { because: 'edge-identity' }))),
      'GET /api/doctor/stream': ticks(together),
    });
    const { code, out } = await run(['doctor', '--json', '--url', url]);
    const examination = Examination.parse(JSON.parse(out));
    expect([code, examination.links[0]?.state, examination.count[state]]).toEqual([exit, state, 1]);
    expect(examination.links[0]?.because).toBeUndefined();
  },
);

test('--last asks for nothing new, and says so where there was nothing', async () => {
  const empty = Doctor.parse({ last: null, running: null, next_at: null });
  const { url, asked } = await smallConsole({ 'GET /api/doctor': json(empty) });
  const { code, err } = await run(['doctor', '--last', '--url', url]);
  expect([code, err]).toEqual([1, 'breakglass: The links were never examined. Run: breakglass doctor']);
  expect(asked.map(({ route }) => route)).toEqual(['GET /api/doctor']);
});

test('a drill tells each step, and is exit code 1 where one failed', async () => {
  const walked = (ok: boolean) =>
    Drill.parse({
      at: '2026-11-27T02:00:00.000Z',
      by: { type: 'operator', name: 'anna' },
      target: 'devvm',
      ok,
      steps: [
        { name: 'status', ok: true, took_ms: 400, detail: 'The VM runs.' },
        { name: 'notification', ok, took_ms: 1_000, detail: 'ntfy did not answer.' },
      ],
      evidence_id: 'e-1',
    });
  const { url } = await smallConsole({
    'GET /api/targets': json({ default: 'devvm', targets: [] }),
    'POST /api/targets/devvm/drill': json(walked(false)),
    'POST /api/targets/good/drill': json(walked(true)),
  });
  const bad = await run(['drill', '--url', url]);
  expect([bad.code, bad.out]).toEqual([
    1,
    expect.stringMatching(/notification +failed +1\.0 s +ntfy did not/),
  ]);
  expect((await run(['drill', 'good', '--url', url])).code).toBe(0);
});

test('every channel that is set up is tested, and one that fails is exit code 1', async () => {
  const channel = (name: string, on: boolean) => ({ name, on, detail: 'x', trouble: null, last: null });
  const { url, asked } = await smallConsole({
    'GET /api/notifications': json({
      channels: [channel('push', false), channel('ntfy', true), channel('webhook', true)],
      push: { public_key: null, why_not: null },
      devices: [],
    }),
    'POST /api/notifications/test': (response, { body }) =>
      json({ result: (body as { channel: string }).channel === 'ntfy' ? 'sent' : 'failed', detail: 'x' })(
        response,
      ),
  });
  const { code, out } = await run(['notify', 'test', '--url', url]);
  expect([code, out]).toEqual([1, 'ntfy sent: x\nwebhook failed: x']);
  expect(asked.slice(1).map(({ body }) => body)).toEqual([{ channel: 'ntfy' }, { channel: 'webhook' }]);
  expect((await run(['notify', 'test', 'ntfy', '--url', url])).code).toBe(0);
  expect((await run(['notify', 'test', 'pigeon', '--url', url])).code).toBe(2);
});

test('what the console refuses is told in its own words', async () => {
  const { url } = await smallConsole({ 'POST /api/doctor': problem(503, 'shutting-down', 'It ends now.') });
  expect(await run(['doctor', '--url', url])).toMatchObject({ code: 1, out: '' });
  expect((await run(['doctor', '--url', url])).err).toContain('breakglass: It ends now.');
});
