// A stand-in for the console's server, for work on the page alone: `node web/dev/fixture-server.ts`, token "fixture".
// It replays canned turns and operations with the real wire shapes. `POST /fixture/link?state=refuse|cut|ok` breaks the
// session stream, `/fixture/power?state=unknown|busy|ok` chooses how the next verb
// ends (`/fixture/power?state=contradict`: it wants a second press), `/fixture/forget` loses every session, `/fixture/mode?state=power-only|full`.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  evidenceId,
  evidencePng,
  evidenceRecord,
  operationSteps,
  powerOutput,
  triageReport,
  turnScript,
} from './fixture-scripts.ts';

type Json = Record<string, unknown>;
interface FixtureSession {
  readonly events: (Json & { id: number })[];
  readonly clients: Set<ServerResponse>;
  running: AbortController | null;
  queue: { id: string; prompt: string }[];
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html breakglass-worker";

const sessions = new Map<string, FixtureSession>();
const operations = new Map<string, Json & { state: string; output: string }>();
let nextId = 1;
let link: 'ok' | 'refuse' = 'ok';
let nextPower: 'ok' | 'unknown' | 'busy' | 'contradict' = 'ok';
let mode: 'full' | 'power-only' = 'full';
let vmState = 'running';
let sshAnswers = false;

const now = () => new Date().toISOString();
const frame = (value: unknown, id?: number) =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`;

const emit = (session: FixtureSession, body: Json, ephemeral = false): void => {
  const event = ephemeral
    ? body
    : { ...body, id: nextId++, at: now(), v: 1, actor: { type: 'server', name: 'fixture' } };
  if ('id' in event) session.events.push(event as Json & { id: number });
  for (const client of session.clients)
    client.write(frame(event, 'id' in event ? (event['id'] as number) : undefined));
};

const runTurn = async (session: FixtureSession, prompt: string): Promise<void> => {
  const running = new AbortController();
  session.running = running;
  emit(session, { kind: 'user', text: prompt });
  try {
    for (const step of turnScript(prompt)) {
      await sleep(step.afterMs, undefined, { signal: running.signal });
      emit(session, step.event, step.ephemeral);
    }
  } catch {
    emit(session, { kind: 'cancelled', by: 'fixture', note: 'The command was seen to end on devvm.' });
  }
  session.running = null;
  emit(session, { kind: 'turn_end' });
  const next = session.queue.shift();
  if (next) {
    emit(session, { kind: 'unqueued', queue_id: next.id, reason: 'started' });
    void runTurn(session, next.prompt);
  }
};

const runOperation = async (operation: Json & { state: string; output: string }): Promise<void> => {
  const { id, verb } = operation as unknown as { id: string; verb: string };
  const tell = (body: Json) => {
    for (const session of sessions.values())
      emit(session, { ...body, verb, operation_id: id, target: 'devvm' });
  };
  tell({ kind: 'power_started', by: operation['by'] });
  const steps: Json[] = [];
  operation['steps'] = steps;
  for (const name of operationSteps(verb)) {
    const step: Json = { name, at: now() };
    steps.push(step);
    tell({ kind: 'power_step', step: { ...step } });
    for (const line of powerOutput(name)) {
      await sleep(120);
      operation.output += line;
      tell({ kind: 'power_output', stream: 'stdout', text: line });
    }
    Object.assign(step, { ms: 120 * 8 + 31, ok: true });
    tell({ kind: 'power_step', step: { ...step } });
  }
  const unknown = nextPower === 'unknown';
  nextPower = 'ok';
  if (verb === 'stop') vmState = 'stopped';
  if (verb === 'cycle' || verb === 'start') [vmState, sshAnswers] = ['running', true];
  Object.assign(operation, { finished_at: now(), state: unknown ? 'unknown' : 'succeeded' });
  if (!unknown && !['status', 'forensics'].includes(verb))
    operation['outcome'] = {
      summary: 'running, new QEMU process, SSH answered after 21 s',
      vm_state: vmState,
      ...(verb === 'cycle' ? { new_process: true, ssh_answers: true, ssh_after_s: 21 } : {}),
    };
  if (verb !== 'status') operation['evidence_id'] = evidenceId;
  tell({ kind: 'power_finished', state: operation.state, steps, outcome: operation['outcome'] });
};

const reply = (response: ServerResponse, status: number, body?: unknown): void => {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
};
const problem = (response: ServerResponse, status: number, detail: string) =>
  reply(response, status, { status, detail });

const sse = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
};

const attach = (session: FixtureSession, request: IncomingMessage, response: ServerResponse): void => {
  sse(response);
  const last = Number(request.headers['last-event-id'] ?? -1);
  for (const event of session.events) if (event.id > last) response.write(frame(event, event.id));
  response.write('event: caught-up\ndata: {}\n\n');
  session.clients.add(response);
  const warm = setInterval(() => response.write(': warm\n\n'), 5_000);
  response.on('close', () => {
    clearInterval(warm);
    session.clients.delete(response);
  });
};

const followOperation = async (
  operation: Json & { state: string; output: string },
  response: ServerResponse,
): Promise<void> => {
  sse(response);
  for (let sent = 0, open = true; open && !response.destroyed; await sleep(100)) {
    open = operation.state === 'running';
    const { output, ...shown } = operation;
    response.write(frame({ kind: 'operation', operation: shown }));
    if (output.length > sent)
      response.write(frame({ kind: 'output', stream: 'stdout', text: output.slice(sent) }));
    sent = output.length;
  }
  response.end();
};

const readJson = async (request: IncomingMessage): Promise<Json> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Json);
};

const me = (): Json => ({
  name: 'operator',
  how: 'token',
  mode,
  ...(mode === 'full' ? {} : { why: 'The journal is read-only.' }),
  lab: { scenario: 'io-stall', title: 'Block path stall', brief: 'SSH hangs.' },
  policy: { mode: 'autonomous', ask_pending: true },
  agent: { available: true, model: 'sonnet' },
  target: { name: 'devvm' },
  warnings: [],
  keys: { present: true },
});

const sessionRoute = async (
  id: string,
  action: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const session = sessions.get(id);
  if (!session) return problem(response, 404, 'Unknown session.');
  if (action === 'stream')
    return link === 'ok' ? attach(session, request, response) : problem(response, 503, 'Refused.');
  if (action === 'cancel') {
    reply(response, 200, { cancelled: session.running !== null });
    session.running?.abort();
    return;
  }
  const { prompt, queue } = await readJson(request);
  if (session.running && queue !== true) return problem(response, 409, 'A turn is already running.');
  if (session.running) {
    const entry = { id: randomUUID(), prompt: String(prompt) };
    session.queue.push(entry);
    emit(session, { kind: 'queued', text: entry.prompt, queue_id: entry.id });
    return reply(response, 202, { status: 'queued' });
  }
  reply(response, 200, { status: 'started' });
  void runTurn(session, String(prompt));
};

const startOperation = (verb: string, confirm: unknown, response: ServerResponse): void => {
  if (nextPower === 'contradict' && confirm !== 'token') {
    reply(response, 409, {
      status: 409,
      code: 'contradicts-finding',
      confirm: 'token',
      detail: `Triage advises against ${verb} (block-path-stalled): The block path is stalled. Advised is cycle.`,
    });
    return;
  }
  if (nextPower === 'contradict') nextPower = 'ok';
  const busy = [...operations.values()].some((operation) => operation.state === 'running');
  if (busy || nextPower === 'busy') {
    nextPower = 'ok';
    problem(response, 409, 'cycle is running on devvm since 03:12:44, started by anna.');
    return;
  }
  const operation = {
    id: randomUUID(),
    target: 'devvm',
    verb,
    by: { type: 'operator', name: 'operator' },
    started_at: now(),
    state: 'running',
    steps: [] as Json[],
    output: '',
  };
  operations.set(operation.id, operation);
  reply(response, 202, { ...operation, output: undefined });
  void runOperation(operation);
};

const api = async (url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const [, area, first = '', second = '', third = ''] = url.pathname.slice(1).split('/');
  if (area === 'login') {
    if ((await readJson(request))['token'] !== 'fixture') return problem(response, 401, 'Unknown token.');
    response.setHeader('set-cookie', 'fixture=1; HttpOnly; SameSite=Strict; Path=/');
    return reply(response, 204);
  }
  if (!request.headers.cookie?.includes('fixture=1')) return problem(response, 401, 'Not signed in.');
  if (area === 'me') return reply(response, 200, me());
  if (area === 'session' && first !== '') return sessionRoute(first, second, request, response);
  if (area === 'session') {
    const id = randomUUID();
    sessions.set(id, { events: [], clients: new Set(), running: null, queue: [] });
    return reply(response, 200, { session_id: id });
  }
  if (area === 'operations') {
    const operation = operations.get(first);
    if (!operation) return problem(response, 404, 'Unknown operation.');
    return second === 'stream'
      ? followOperation(operation, response)
      : reply(response, 200, { ...operation, output: undefined });
  }
  if (area === 'targets' && second === 'power')
    return startOperation(third, (await readJson(request))['confirm'], response);
  if (area === 'evidence' && first === evidenceId && second === 'screen.png') {
    response.writeHead(200, { 'content-type': 'image/png' });
    response.end(evidencePng);
    return;
  }
  if (area === 'evidence')
    return first === evidenceId
      ? reply(response, 200, evidenceRecord())
      : problem(response, 404, 'This console does not keep such evidence.');
  if (area === 'targets' && second === 'triage') {
    await sleep(600);
    return reply(response, 200, triageReport());
  }
  if (area === 'targets') {
    const operation = [...operations.values()].find(({ state }) => state === 'running') ?? null;
    return reply(response, 200, {
      name: 'devvm',
      vm: { state: vmState, at: now() },
      ssh: { answers: sshAnswers, at: now() },
      qmp: { answers: true, at: now() },
      guest_agent: { answers: false, at: now() },
      warnings: [],
      operation,
    });
  }
  return problem(response, 404, 'Not found.');
};

const asset = async (dist: string, url: URL, response: ServerResponse): Promise<void> => {
  const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
  const body = await readFile(join(dist, path)).catch(() => undefined);
  if (!body) return problem(response, 404, 'Not found.');
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
  });
  response.end(body);
};

const control = (url: URL, response: ServerResponse): void => {
  const state = url.searchParams.get('state') ?? 'ok';
  if (url.pathname === '/fixture/link') {
    link = state === 'refuse' ? 'refuse' : 'ok';
    if (state !== 'ok')
      for (const { clients } of sessions.values()) for (const client of clients) client.destroy();
  } else if (url.pathname === '/fixture/power') {
    nextPower = state as typeof nextPower;
  } else if (url.pathname === '/fixture/mode') {
    mode = state === 'power-only' ? 'power-only' : 'full';
  } else if (url.pathname === '/fixture/forget') {
    sessions.clear();
  }
  reply(response, 200, { state });
};

export interface Fixture {
  readonly url: string;
  readonly close: () => void;
}

/** Serves the built page in `dist` and the canned API on a loopback port (0: any free one). */
export const startFixture = async (dist: string, port = 0): Promise<Fixture> => {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    if (url.pathname.startsWith('/fixture/')) return control(url, response);
    const done = url.pathname.startsWith('/api/') ? api(url, request, response) : asset(dist, url, response);
    done.catch((error: unknown) => problem(response, 500, String(error)));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

if (import.meta.main) {
  const { url } = await startFixture(
    join(import.meta.dirname, '..', 'dist'),
    Number(process.env['PORT'] ?? 8080),
  );
  console.log(`fixture on ${url}, token "fixture"`);
}
