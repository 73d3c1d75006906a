import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { newOperationId, type TargetName, toolCallId } from '../../protocol/ids.ts';
import type { TargetsAnswer } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { ID, packBundle, STALLED } from '../../test/support/bundle.ts';
import { checkAnswer } from '../../test/support/contract.ts';
import { testDoor } from '../../test/support/door.ts';
import { quietDoctor } from '../../test/support/quiet-doctor.ts';
import {
  echo,
  result,
  type Script,
  scriptedAgent,
  stopped,
  text,
} from '../../test/support/scripted-agent.ts';
import { type SmallTarget, smallTargets } from '../../test/support/small-target.ts';
import { eventsUntil, frames } from '../../test/support/sse-reader.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { Evidence } from '../evidence/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power, VerbRequest } from '../power/port.ts';
import { Sessions } from '../sessions/sessions.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { buildApp } from './app.ts';

const TOKEN = 'test-token-0123456789abcdef';
const auth = { authorization: `Bearer ${TOKEN}` };
const target = 'devvm' as TargetName;
const logger = pino({ level: 'silent' });
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

const inFlight = (verb: string): BreakglassError => {
  const stderr = 'cycle by bob since 12:00:00Z is in flight on devvm.';
  const result = { verb, exit_code: null, stdout: '', stderr, rejected: true };
  return new BreakglassError('verb-running', stderr, { extra: { result } });
};

/** Every verb succeeds at once, except that a mutating one can be made to find the target busy. */
function instantPower(): Power & { started: VerbRequest[]; busy: boolean } {
  const operations = new Map<string, Operation>();
  const power: Power & { started: VerbRequest[]; busy: boolean } = {
    started: [],
    busy: false,
    start: async (request) => {
      if (power.busy) throw inFlight(request.verb);
      power.started.push(request);
      const { verb, by } = request;
      const result = {
        verb,
        exit_code: verb === 'forensics' ? 1 : 0,
        stdout: `${verb} done`,
        stderr: '',
        rejected: false,
      };
      const operation: Operation = {
        id: newOperationId(),
        target,
        verb,
        by,
        started_at: new Date(0).toISOString(),
        state: 'succeeded',
        steps: [],
        result,
      };
      operations.set(operation.id, operation);
      return operation;
    },
    checkFree: (verb) => {
      if (power.busy) throw inFlight(verb);
    },
    get: async (id) => operations.get(id),
    wait: async (id) => operations.get(id) as Operation,
    waitResult: async (id) => operations.get(id) as Operation,
    watch: () => () => undefined,
    follow: () => () => undefined,
    running: () => undefined,
    lastChange: () => undefined,
    recover: async () => undefined,
    close: async () => undefined,
  };
  return power;
}

const nowhere = { run: async () => Promise.reject(new Error('no ssh here')) } as unknown as SshConnection;
const reportOf = (warned: readonly MutatingVerb[]): TriageReport => ({
  target,
  at: 'x',
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'Stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned,
    advice: 'Cycle.',
    inputs: [],
  },
});

interface HouseOptions {
  readonly triage?: SmallTarget['triage'];
  readonly powerOnly?: boolean;
  readonly quickTriage?: () => Promise<TriageReport>;
  readonly vmNow?: SmallTarget['vmNow'];
  readonly evidence?: Evidence;
  readonly more?: Readonly<Record<string, SmallTarget>>;
}

async function house(script: Script = echo, options: HouseOptions = {}) {
  const journal = openJournal(tempDir());
  const sessions = new Sessions({
    journal,
    agent: scriptedAgent(script),
    isTarget: () => true,
    maxConcurrentTurns: 8,
    turnTimeoutMs: 60_000,
    logger,
  });
  const power = instantPower();
  const app: FastifyInstance = await buildApp({
    alerts: undefined,
    notify: undefined,
    ...quietDoctor(),
    door: testDoor({ bearerToken: TOKEN, trustedProxies: ['127.0.0.0/8'] }, { journal }),
    conversation:
      options.powerOnly === true ? undefined : { sessions, journal, approvals: approvalsOn(journal) },
    whyPowerOnly: options.powerOnly === true ? 'journal.sqlite is damaged' : undefined,
    targets: smallTargets({
      devvm: {
        power,
        evidence:
          options.evidence ?? createEvidence({ target, ssh: nowhere, dataDir: tempDir(), journal, logger }),
        quickTriage: options.quickTriage ?? (async () => reportOf([])),
        ...(options.vmNow === undefined ? {} : { vmNow: options.vmNow }),
        ...(options.triage === undefined ? {} : { triage: options.triage }),
      },
      ...options.more,
    }),
    describe: ({ name, how }) => ({
      name,
      how,
      role: 'operator',
      mode: 'full',
      lab: null,
      policy: { mode: 'autonomous' },
      agent: { available: true, model: 'sonnet' },
      target: { name: target },
      targets: [{ name: target }],
      warnings: [],
      keys: { present: true },
    }),
    verbTimeoutMs: 1_000,
    keepaliveMs: 50,
    webDir: '/does/not/exist',
    tls: undefined,
    logger,
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const call = async (
    method: string,
    url: string,
    body?: unknown,
    headers: Record<string, string> = auth,
  ): Promise<Response> => {
    const answer = await fetch(base + url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await checkAnswer(method, url, answer);
    return answer;
  };
  const open = async (): Promise<string> =>
    ((await (await call('POST', '/api/session')).json()) as { session_id: string }).session_id;
  return { app, base, call, open, power, journal, sessions };
}

test('everything under /api is 401 without an identity, however the path is spelled', async () => {
  const { app, call } = await house();
  for (const [method, url] of [
    ['POST', '/api/session'],
    ['GET', '/api/sessions'],
    ['GET', '/api/session/x/stream'],
    ['POST', '/api/chat'],
    ['POST', '/api/pve/status'],
    ['GET', '/api/pve/verbs'],
    ['GET', '/api/openapi.json'],
    ['GET', '/api/nothing/here'],
    ['POST', '/api/logout'],
    ['GET', '/%61pi/sessions'],
    ['HEAD', '/api/sessions'],
  ] as const) {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer ' }]) {
      const { statusCode } = await app.inject({ method, url, headers, remoteAddress: '203.0.113.9' });
      expect([method, url, statusCode]).toEqual([method, url, 401]);
    }
  }
  const answer = await call('GET', '/api/sessions', undefined, {});
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await answer.json()).toMatchObject({
    status: 401,
    code: 'unauthenticated',
    detail: expect.any(String),
  });
});

test('a foreign origin may not change state; our own may, and so may a client without one', async () => {
  const { base, call } = await house();
  const post = (headers: Record<string, string>) =>
    call('POST', '/api/session', undefined, { ...auth, ...headers });
  expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
  expect((await post({ origin: 'null' })).status).toBe(403);
  expect((await post({ origin: base })).status).toBe(200);
  expect(
    (await call('POST', '/api/login', { token: TOKEN }, { origin: 'https://evil.example' })).status,
  ).toBe(403);
  expect(
    (await call('GET', '/api/sessions', undefined, { ...auth, origin: 'https://evil.example' })).status,
  ).toBe(200);
});

test('signing in sets a strict cookie that opens, and wrong tokens are limited', async () => {
  const { call } = await house();
  const signedIn = await call('POST', '/api/login', { token: TOKEN }, {});
  expect(signedIn.status).toBe(204);
  const cookie = signedIn.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/HttpOnly/);
  expect(cookie).toMatch(/SameSite=Strict/);
  const me = await call('GET', '/api/me', undefined, { cookie: cookie.split(';')[0] ?? '' });
  expect(await me.json()).toMatchObject({ name: 'operator', how: 'token' });
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++)
    statuses.push((await call('POST', '/api/login', { token: 'guess' }, {})).status);
  expect(statuses[0]).toBe(401);
  expect(statuses.at(-1)).toBe(429);
});

test('the fixed answers: health, verbs, session, 404 and 422', async () => {
  const { call, open } = await house();
  expect(await (await call('GET', '/health', undefined, {})).json()).toEqual({
    status: 'ok',
    service: 'claude-breakglass',
  });
  expect(await (await call('GET', '/api/pve/verbs')).json()).toEqual({
    verbs: ['cycle', 'forensics', 'reset', 'start', 'status', 'stop'],
    mutating: ['cycle', 'reset', 'start', 'stop'],
  });
  const id = await open();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  for (const unknown of [UNKNOWN, 'x']) {
    expect((await call('POST', `/api/session/${unknown}/prompt`, { prompt: 'x' })).status).toBe(404);
    expect((await call('POST', `/api/session/${unknown}/cancel`)).status).toBe(404);
    expect((await call('GET', `/api/session/${unknown}/stream`)).status).toBe(404);
  }
  for (const body of [{}, { prompt: '' }, { prompt: '  ' }, { prompt: 7 }, { prompt: 'x', model: '--help' }])
    expect((await call('POST', `/api/session/${id}/prompt`, body)).status).toBe(422);
  expect((await call('POST', '/api/chat', { session_id: 'x', prompt: 'x' })).status).toBe(422);
});

test('a JSON content type with an empty body is fine, and so is none at all', async () => {
  const { app, open } = await house();
  const id = await open();
  for (const url of ['/api/session', `/api/session/${id}/cancel`, '/api/pve/status'])
    for (const type of [{ 'content-type': 'application/json' }, {}])
      expect((await app.inject({ method: 'POST', url, headers: { ...auth, ...type } })).statusCode).toBe(200);
});

test('anything but the six verbs is 400 and starts nothing', async () => {
  const { app, power } = await house();
  for (const word of [
    'destroy',
    'STATUS',
    'status;reboot',
    'status%20103',
    '%24(reboot)',
    '..%2Fstart',
    'status%0A',
    'cycle%00',
    'constructor',
    '__proto__',
    'evidence',
    'x'.repeat(400),
  ]) {
    const answer = await app.inject({ method: 'POST', url: `/api/pve/${word}`, headers: auth });
    expect([word, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      word,
      400,
      'unknown-verb',
    ]);
  }
  expect(power.started).toEqual([]);
});

test('a verb answers 200, 502 or 409 in the fixed shape, and one on our own routes 202', async () => {
  const { call, power } = await house();
  const done = await call('POST', '/api/pve/status');
  expect([done.status, await done.json()]).toEqual([
    200,
    { verb: 'status', exit_code: 0, stdout: 'status done', stderr: '', rejected: false },
  ]);
  expect((await call('POST', '/api/pve/forensics')).status).toBe(502);
  const own = await call('POST', '/api/targets/devvm/power/stop');
  expect([own.status, await own.json()]).toEqual([
    202,
    expect.objectContaining({ verb: 'stop', by: { type: 'operator', name: 'operator', via: 'token' } }),
  ]);
  power.busy = true;
  const busy = await call('POST', '/api/pve/reset');
  expect(busy.status).toBe(409);
  expect(await busy.json()).toMatchObject({
    verb: 'reset',
    exit_code: null,
    stdout: '',
    stderr: expect.stringContaining('bob'),
    rejected: true,
    status: 409,
    code: 'verb-running',
    detail: expect.any(String),
  });
  const ownBusy = await call('POST', '/api/targets/devvm/power/reset');
  expect([ownBusy.status, await ownBusy.json()]).toEqual([
    409,
    expect.objectContaining({ code: 'verb-running', result: expect.objectContaining({ verb: 'reset' }) }),
  ]);
  expect((await call('POST', '/api/targets/other/power/stop')).status).toBe(404);
});

test('the attach stream replays, says caught-up with {}, then goes on live; Last-Event-ID resumes', async () => {
  const { call, open } = await house();
  const id = await open();
  const stream = await call('GET', `/api/session/${id}/stream`);
  expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(stream.headers.get('cache-control')).toBe('no-cache');
  expect(stream.headers.get('x-accel-buffering')).toBe('no');
  expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
  const reading = eventsUntil(stream, 'turn_end');
  await sleep(30);
  expect(await (await call('POST', `/api/session/${id}/prompt`, { prompt: 'hello' })).json()).toEqual({
    status: 'started',
  });
  const live = await reading;
  expect(live.map(({ kind }) => kind)).toEqual([
    'session_opened',
    'user',
    'session',
    'text',
    'result',
    'turn_end',
  ]);
  const replayed = await eventsUntil(await call('GET', `/api/session/${id}/stream`), 'caught-up');
  expect(replayed).toEqual(live.filter((event) => event.id !== undefined));
  const third = replayed[2]?.id;
  const resume = (lastEventId: string) =>
    call('GET', `/api/session/${id}/stream`, undefined, { ...auth, 'last-event-id': lastEventId }).then(
      (answer) => eventsUntil(answer, 'caught-up'),
    );
  expect(await resume(String(third))).toEqual(replayed.slice(3));
  expect(await resume('x')).toEqual(replayed);
  for await (const frame of frames(await call('GET', `/api/session/${id}/stream`))) {
    if (frame.event !== 'caught-up') continue;
    expect(frame.data).toBe('{}');
    break;
  }
});

test('an idle stream is kept warm with comments', async () => {
  const { base, open } = await house();
  const answer = await fetch(`${base}/api/session/${await open()}/stream`, { headers: auth });
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  let seen = '';
  while (!seen.includes('\n: keepalive\n')) seen += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
});

test('a second prompt during a turn is 409, 202 when it may wait; cancel tells the truth', async () => {
  const { call, open } = await house(async (_prompt, log, signal) => {
    await log.record(text('working'));
    await stopped(signal);
  });
  const id = await open();
  await call('POST', `/api/session/${id}/prompt`, { prompt: 'one' });
  expect((await call('POST', `/api/session/${id}/prompt`, { prompt: 'two' })).status).toBe(409);
  expect((await call('POST', '/api/chat', { session_id: id, prompt: 'two' })).status).toBe(409);
  const queued = await call('POST', `/api/session/${id}/prompt`, { prompt: 'three', queue: true });
  expect([queued.status, await queued.json()]).toEqual([
    202,
    { status: 'queued', queue_id: expect.any(String) },
  ]);
  expect(await (await call('POST', `/api/session/${id}/cancel`)).json()).toEqual({ cancelled: true });
  await sleep(50);
  expect(await (await call('POST', `/api/session/${id}/cancel`)).json()).toEqual({ cancelled: false });
});

test('the one-turn chat opens the session, streams without ids and ends with done, also after an error', async () => {
  const { call } = await house(async (prompt, log, signal) => {
    await echo(prompt, log, signal);
    if (prompt === 'fail') throw new Error('broke');
  });
  for (const prompt of ['hello', 'fail']) {
    const answer = await call('POST', '/api/chat', {
      session_id: '11111111-2222-4333-8444-555555555555',
      prompt,
    });
    const kinds: string[] = [];
    for await (const { id, data } of frames(answer)) {
      expect(id).toBeUndefined();
      if (data !== undefined) kinds.push((JSON.parse(data) as { kind: string }).kind);
    }
    expect(kinds).toEqual(['session', 'text', 'result', ...(prompt === 'fail' ? ['error'] : []), 'done']);
  }
});

test('a turn goes on when the chat client hangs up', async () => {
  let release = (): void => undefined;
  const { base, journal } = await house(async (_prompt, log) => {
    await log.record(text('first'));
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    await log.record(result('finished alone'));
  });
  const abort = new AbortController();
  const session_id = '11111111-2222-4333-8444-555555555556';
  const answer = await fetch(`${base}/api/chat`, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify({ session_id, prompt: 'go' }),
    signal: abort.signal,
  });
  for await (const { data } of frames(answer)) if (data?.includes('first')) break;
  abort.abort();
  await sleep(30);
  release();
  for (;;) {
    const events = await journal.read({ kinds: ['turn_end', 'result'] }, 0 as never, 10);
    if (events.length === 2) break;
    await sleep(10);
  }
});

test('a client that never reads is cut off and costs no memory without bound', async () => {
  const big = 'x'.repeat(50_000);
  const { base, call, open, sessions } = await house(async (_prompt, log, signal) => {
    for (let i = 0; i < 400 && !signal.aborted; i++) {
      log.show({ type: 'delta', text: big });
      await sleep(1);
    }
    await log.record(result('done'));
  });
  const id = await open();
  const { connect } = await import('node:net');
  const socket = connect(Number(new URL(base).port), '127.0.0.1');
  socket.write(`GET /api/session/${id}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
  socket.on('error', () => undefined);
  socket.pause();
  while (sessions.viewers(id as never) === 0) await sleep(5);
  await call('POST', `/api/session/${id}/prompt`, { prompt: 'flood' });
  while (sessions.viewers(id as never) > 0) await sleep(5);
  await call('POST', `/api/session/${id}/cancel`);
  socket.destroy();
});

test('a verb that would change nothing is refused on our own routes, and reaches the host on the fixed one', async () => {
  const vmNow = async () => ({ state: 'running', monitorAnswers: true, lock: 'none' });
  const { call, power } = await house(echo, { vmNow });
  const own = await call('POST', '/api/targets/devvm/power/start');
  expect([own.status, await own.json()]).toEqual([
    409,
    expect.objectContaining({
      code: 'does-not-apply',
      verb: 'start',
      detail: expect.stringContaining('runs already'),
    }),
  ]);
  expect(power.started).toEqual([]);
  expect((await call('POST', '/api/pve/start')).status).toBe(200);
  expect(power.started).toMatchObject([{ verb: 'start' }]);
});

test('a verb that contradicts the finding needs a second press that names it; the fixed route does not', async () => {
  let warned: readonly MutatingVerb[] = ['reset'];
  const { call, power } = await house(echo, { quickTriage: async () => reportOf(warned) });
  const press = (verb: string, body?: unknown, headers = auth) =>
    call('POST', `/api/targets/devvm/power/${verb}`, body, headers);
  interface Refused {
    readonly code: string;
    readonly detail: string;
    readonly confirm: string;
    readonly finding: { readonly code: string };
  }
  const refused = async (answer: Response): Promise<Refused> => {
    expect(answer.status).toBe(409);
    return (await answer.json()) as Refused;
  };
  const first = await refused(await press('reset'));
  expect(first).toMatchObject({ code: 'contradicts-finding', finding: { code: 'block-path-stalled' } });
  expect(first.detail).toContain('block-path-stalled');
  expect(power.started).toEqual([]);

  // Neither a made-up token nor one for another verb.
  await refused(await press('reset', { confirm: 'nonsense' }));
  warned = ['reset', 'stop'];
  await refused(await press('stop', { confirm: first.confirm }));
  const second = await refused(await press('reset', { confirm: first.confirm })); // spent by the wrong use
  expect((await press('reset', { confirm: second.confirm })).status).toBe(202);
  expect(power.started).toMatchObject([
    { verb: 'reset', finding: { finding: { code: 'block-path-stalled' } } },
  ]);
  await refused(await press('reset', { confirm: second.confirm })); // single use
  const third = await refused(await press('reset'));
  expect((await press('reset', undefined, { ...auth, confirm: third.confirm } as typeof auth)).status).toBe(
    202,
  );

  expect((await press('cycle')).status).toBe(202);
  expect((await press('status')).status).toBe(202);
  expect((await call('POST', '/api/pve/reset')).status).toBe(200);
});

test('evidence is listed and served as JSON, text, picture and archive; what does not exist is 404', async () => {
  const evil = 'root login: \u001b]0;pwned\u0007\u202E';
  const bundle = await packBundle({ ...STALLED, 'config.txt': evil });
  const ssh = {
    async run(command: { onStdout?: (chunk: Buffer) => void }) {
      command.onStdout?.(bundle);
      return { how: 'exited', exitCode: 0, signal: undefined, begun: 'yes', stderrTail: '', detail: '' };
    },
  } as unknown as SshConnection;
  const evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal: undefined, logger });
  const by = { type: 'operator', name: 'operator' } as const;
  await evidence.collect({
    id: ID,
    verb: 'cycle',
    by,
    beganAtMs: Date.now(),
    ssh: { reading: 'silent', detail: 'no answer' },
  });
  const { call } = await house(echo, { evidence });
  expect(await (await call('GET', '/api/evidence')).json()).toMatchObject({
    evidence: [{ id: ID, status: 'complete' }],
  });
  const at = `/api/evidence/${ID}`;
  expect(await (await call('GET', at)).json()).toMatchObject({
    id: ID,
    manifest: { vmid: 102 },
    report: { finding: { code: 'block-path-stalled' } },
  });
  const text = await call('GET', `${at}/text`);
  expect(text.headers.get('content-type')).toContain('text/plain');
  const safe = await text.text();
  expect(safe).toContain('--- the two samples ---');
  expect(safe).toContain('root login: ⟨\\e⟩]0;pwned⟨\\a⟩⟨U+202E⟩');
  expect(await (await call('GET', `${at}/text?raw=1`)).text()).toContain(evil);
  expect((await call('GET', `${at}/text?raw=2`)).status).toBe(422);
  expect((await call('GET', `${at}/screen.png`)).headers.get('content-type')).toBe('image/png');
  const archive = await call('GET', `${at}/bundle.tar.gz`);
  expect(Buffer.from(await archive.arrayBuffer())).toEqual(bundle);
  for (const url of [
    '/api/evidence/none',
    '/api/evidence/..%2f..%2fetc',
    '/api/evidence/none/text',
    `${at}/other`,
  ])
    expect((await call('GET', url)).status).toBe(404);
  expect((await call('GET', at, undefined, {})).status).toBe(401);
});

test('in power-only mode verbs work and chat says why it does not', async () => {
  const { call } = await house(echo, { powerOnly: true });
  expect((await call('POST', '/api/pve/status')).status).toBe(200);
  const refused = await call('POST', '/api/session');
  expect([refused.status, await refused.json()]).toEqual([
    503,
    expect.objectContaining({ code: 'power-only', detail: expect.stringContaining('damaged') }),
  ]);
  // A probe must not take the page away, and a stranger learns no path.
  const ready = await call('GET', '/ready', undefined, {});
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'degraded' }]);
  expect(await (await call('GET', '/ready')).json()).toMatchObject({
    status: 'degraded',
    why: expect.any(String),
  });
});

test('no answer lets a page be framed, sniffed or scripted from elsewhere', async () => {
  const { call } = await house();
  const { headers } = await call('GET', '/', undefined, {});
  expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

test('one very long tool result reaches clients that read, on both streams, and chat still ends with done', async () => {
  const output = 'é'.repeat(300_000);
  const { call, open } = await house(async (_prompt, log) => {
    const tool_call_id = toolCallId('t1');
    await log.record({ kind: 'tool', name: 'ssh', input: {}, tool_call_id });
    log.show({ type: 'output', toolCallId: tool_call_id, stream: 'stdout', text: output });
    await log.record({
      kind: 'tool_result',
      tool_call_id,
      name: 'ssh',
      is_error: false,
      output,
      truncated: false,
      duration_ms: 1,
    });
    await log.record(text('after it'));
    await log.record(result('done'));
  });
  const id = await open();
  const attached = eventsUntil(await call('GET', `/api/session/${id}/stream`), 'turn_end');
  const chat = await eventsUntil(await call('POST', '/api/chat', { session_id: id, prompt: 'go' }), 'done');
  expect(chat.at(-1)?.kind).toBe('done');
  for (const seen of [chat, await attached]) {
    expect(seen.find(({ kind }) => kind === 'tool_result')?.['output']).toBe(output);
    expect(seen.filter(({ kind }) => kind === 'text')).toHaveLength(1);
  }
});

test('a POST that a proxy re-framed, without length or type, is read all the same', async () => {
  const { base, open } = await house();
  const id = await open();
  const send = async (url: string, body: string, headers: Record<string, string> = {}): Promise<number> => {
    const { request } = await import('node:http');
    return new Promise((resolve, reject) => {
      const sent = request(
        base + url,
        { method: 'POST', headers: { ...auth, 'transfer-encoding': 'chunked', ...headers } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  };
  expect(await send('/api/session', '')).toBe(200);
  expect(await send('/api/pve/status', '')).toBe(200);
  expect(await send('/api/pve/status', '{}')).toBe(200);
  expect(await send('/api/session', '', { 'content-type': 'application/x-www-form-urlencoded' })).toBe(200);
  expect(await send(`/api/session/${id}/prompt`, '{"prompt":"hello"}')).toBe(200);
  expect(await send('/api/session', '<x/>', { 'content-type': 'application/xml' })).toBe(415);
});

test('a URL that cannot be decoded is a problem like any other, and needs an identity', async () => {
  const { app } = await house();
  const get = (url: string, headers: Record<string, string>) => app.inject({ method: 'GET', url, headers });
  expect((await get('/api/%zz', {})).statusCode).toBe(401);
  const known = await get('/api/%zz', auth);
  expect([known.statusCode, known.headers['content-type'], known.json()]).toEqual([
    400,
    expect.stringContaining('problem+json'),
    expect.objectContaining({ code: 'bad-request', detail: expect.any(String) }),
  ]);
  const long = await app.inject({ method: 'POST', url: `/api/pve/${'a'.repeat(3_000)}`, headers: auth });
  expect([long.statusCode, long.json<{ code: string }>().code]).toEqual([400, 'unknown-verb']);
});

test('a Last-Event-ID ahead of everything replays nothing, however many digits it has', async () => {
  const { call, open } = await house();
  const id = await open();
  const answer = await call('GET', `/api/session/${id}/stream`, undefined, {
    ...auth,
    'last-event-id': '9'.repeat(20),
  });
  expect(await eventsUntil(answer, 'caught-up')).toEqual([]);
});

test('a malformed confirm is refused with 400 and starts nothing, whether or not anything speaks against the verb', async () => {
  const { call, power } = await house();
  const url = '/api/targets/devvm/power/reset';
  for (const body of [{ confirm: 5 }, 'x', [], { confirm: 'x'.repeat(101) }, { confrim: 'x' }, 5]) {
    const answer = await call('POST', url, body);
    expect([body, answer.status]).toEqual([body, 400]);
    expect(await answer.json()).toMatchObject({
      code: 'bad-request',
      detail: expect.stringContaining('Nothing was done'),
    });
  }
  const long = await call('POST', url, undefined, { ...auth, confirm: 'x'.repeat(101) });
  const key = await call('POST', url, undefined, { ...auth, 'idempotency-key': 'x'.repeat(201) });
  expect([long.status, key.status]).toEqual([400, 400]);
  expect(power.started).toEqual([]);
  expect((await call('POST', url, {})).status).toBe(202);
});

test('a triage is asked for longer, or unasked for; a body that says neither in its form is 400 and asks nothing', async () => {
  const asked: unknown[] = [];
  const triage: SmallTarget['triage'] = async (cause) => {
    asked.push([cause.longer, cause.unasked]);
    return reportOf([]);
  };
  const { call } = await house(echo, { triage });
  const url = '/api/targets/devvm/triage';
  for (const body of [{ longer: 5 }, { unasked: 'yes' }, { longer: true, verb: 'cycle' }, 'x', [], 5]) {
    const answer = await call('POST', url, body);
    expect([body, answer.status]).toEqual([body, 400]);
    expect(await answer.json()).toMatchObject({
      code: 'bad-request',
      detail: expect.stringContaining('Nothing was done'),
    });
  }
  expect(asked).toEqual([]);
  for (const body of [undefined, {}, { longer: true }, { unasked: true }]) await call('POST', url, body);
  expect(asked).toEqual([
    [false, false],
    [false, false],
    [true, false],
    [false, true],
  ]);
});

test('the stream of an operation that has ended gives its state and ends; that of one that cannot be read ends too', async () => {
  const { call, power } = await house();
  const started = (await (await call('POST', '/api/targets/devvm/power/status')).json()) as Operation;
  const finished: Operation = { ...started, finished_at: new Date(1).toISOString() };
  power.watch = (_id, listener) => {
    listener({ type: 'finished', operation: finished });
    return () => undefined;
  };
  const once = await (await call('GET', `/api/operations/${started.id}/stream`)).text();
  expect(once.match(/"kind":"operation"/g)).toHaveLength(1);
  expect(once).toContain('finished_at');
  power.watch = () => () => undefined;
  let reads = 0;
  power.get = async () => {
    if (++reads === 1) return started;
    throw new Error('the journal is gone');
  };
  const broken = await (await call('GET', `/api/operations/${started.id}/stream`)).text();
  expect(broken).toContain('"kind":"operation"');
});

test('each target has its own routes, and an unknown name is refused with the names of all targets', async () => {
  const web = instantPower();
  const { call, power } = await house(echo, { more: { web: { power: web } } });
  expect((await call('POST', '/api/targets/web/power/status')).status).toBe(202);
  expect([power.started.length, web.started.length]).toEqual([0, 1]);
  await call('POST', '/api/pve/status');
  expect([power.started.length, web.started.length]).toEqual([1, 1]);
  const list = (await (await call('GET', '/api/targets')).json()) as TargetsAnswer;
  expect([list.default, list.targets.map(({ name }) => name)]).toEqual(['devvm', ['devvm', 'web']]);
  for (const url of ['/api/targets/moon', '/api/evidence?target=moon'])
    expect(await (await call('GET', url)).json()).toMatchObject({
      code: 'unknown-target',
      detail: 'There is no target "moon". Known: devvm, web.',
    });
  expect((await call('POST', '/api/session', { target: 'moon' })).status).toBe(404);
  expect((await call('POST', '/api/session', { target: 5 })).status).toBe(422);
  const { session_id } = (await (await call('POST', '/api/session', { target: 'web' })).json()) as {
    session_id: string;
  };
  await call('POST', `/api/session/${session_id}/prompt`, { prompt: 'hello' });
  const { sessions } = (await (await call('GET', '/api/sessions')).json()) as {
    sessions: { session_id: string; target: string }[];
  };
  expect(sessions.find((each) => each.session_id === session_id)?.target).toBe('web');
});

test('with twenty targets, one of whose hosts hangs, the list still comes with what is known', async () => {
  const names = Array.from({ length: 19 }, (_, index) => `vm-${index}`);
  const more = Object.fromEntries(names.map((name) => [name, { power: instantPower() }]));
  const hung = { power: instantPower(), glance: () => new Promise<never>(() => undefined) };
  const { call } = await house(echo, { more: { ...more, 'vm-3': hung } });
  const { targets } = (await (await call('GET', '/api/targets')).json()) as TargetsAnswer;
  expect(targets).toHaveLength(20);
});
