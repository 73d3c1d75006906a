// A stand-in for the console's server, for work on the page alone: `npm run dev`, or `node web/dev/fixture-server.ts [one|three|twenty]`
// with the built page; token "fixture". It replays canned turns and operations with the real wire shapes. It misbehaves on demand:
// `fixture-switches.ts`.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { captureList, evidencePng, evidenceRecord } from './fixture-evidence.ts';
import { triageReport } from './fixture-scripts.ts';
import type { FixtureSession, Json } from './fixture-session.ts';
import { listSessions, renameSession } from './fixture-sessions.ts';
import { turnSwitch } from './fixture-switches.ts';
import { type FixtureTarget, SETS, type SetName, stateOf } from './fixture-targets.ts';
import { type FixtureOperation, frame, type Pace, World } from './fixture-world.ts';

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
// As the server: what is known after this is the answer.
const PATIENCE_MS = 1_500;

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

const followOperation = async (operation: FixtureOperation, response: ServerResponse): Promise<void> => {
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

const me = ({ mode, role, targets, agentAway, doctor }: World): Json => ({
  name: 'operator',
  how: 'token',
  role,
  mode,
  ...(mode === 'full' ? {} : { why: 'The journal is read-only.' }),
  // Who sets a console up is in no rehearsal.
  lab:
    doctor.scenario === 'first-run'
      ? null
      : { scenario: 'io-stall', title: 'Block path stall', brief: 'SSH hangs.' },
  policy: { mode: 'ask' },
  agent: agentAway
    ? { available: false, why: 'No key for the model is configured.', model: 'sonnet' }
    : { available: true, model: 'sonnet' },
  target: { name: targets[0]?.name },
  targets: targets.map(({ name, title }) => ({ name, ...(title === undefined ? {} : { title }) })),
  warnings: [],
  keys: { present: !doctor.has('ssh-key') },
});

const doctorRoute = async (
  { doctor }: World,
  action: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  if (action === '')
    return reply(response, 200, request.method === 'POST' ? await doctor.examine() : doctor.doctor);
  sse(response);
  for await (const tick of doctor.ticks()) {
    if (response.destroyed) return;
    response.write(frame(tick));
  }
  response.end();
};

const approvalsRoute = async (
  { approvals }: World,
  id: string,
  [action, part]: readonly [string, string],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { method } = request;
  if (action === 'policy') {
    const body = await readJson(request);
    const mode = body['mode'] as PolicyMode;
    return reply(response, 200, method === 'PUT' ? approvals.setPolicy(id, mode) : approvals.policy(id));
  }
  if (action === 'grants')
    return approvals.endGrant(id, part)
      ? reply(response, 204)
      : problem(response, 404, 'There is no such grant in this session, or it has ended.');
  const [status, body] = approvals.answer(id, part, await readJson(request));
  return reply(response, status, body);
};

const sessionRoute = async (
  world: World,
  id: string,
  [action, part]: readonly [string, string],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const session = world.sessions.get(id);
  if (!session) return problem(response, 404, 'Unknown session.');
  if (action === 'stream')
    return world.link === 'ok' ? attach(session, request, response) : problem(response, 503, 'Refused.');
  if (action === 'cancel') {
    reply(response, 200, { cancelled: session.running !== null });
    // As the server: what waits behind a stopped turn does not run.
    for (const { id: queue_id } of session.queue.splice(0))
      world.emit(session, { kind: 'unqueued', queue_id, reason: 'removed' });
    session.running?.abort();
    return;
  }
  if (action === 'report') {
    const html = request.url?.includes('format=html') === true;
    response.writeHead(200, { 'content-type': `text/${html ? 'html' : 'markdown'}; charset=utf-8` });
    response.end(html ? `<title>Report</title><h1>Report of ${id}</h1>` : `# Report of ${id}\n`);
    return;
  }
  if (action === 'title') return reply(response, ...renameSession(session, await readJson(request)));
  if (action === 'approvals' || action === 'policy' || action === 'grants')
    return approvalsRoute(world, id, [action, part], request, response);
  const { prompt, queue } = await readJson(request);
  if (session.running && queue !== true) return problem(response, 409, 'A turn is already running.');
  if (session.running) {
    const entry = { id: randomUUID(), prompt: String(prompt) };
    session.queue.push(entry);
    world.emit(session, { kind: 'queued', text: entry.prompt, queue_id: entry.id });
    return reply(response, 202, { status: 'queued', queue_id: entry.id });
  }
  reply(response, 200, { status: 'started' });
  void world.runTurn(session, String(prompt));
};

const power = (
  world: World,
  target: FixtureTarget,
  verb: string,
  confirm: unknown,
  response: ServerResponse,
): void => {
  if (world.nextPower === 'contradict' && confirm !== 'token') {
    reply(response, 409, {
      status: 409,
      code: 'contradicts-finding',
      confirm: 'token',
      detail: `Triage advises against ${verb} (block-path-stalled): The block path is stalled. Advised is cycle.`,
    });
    return;
  }
  if (world.nextPower === 'contradict') world.nextPower = 'ok';
  if (world.runningOn(target.name) || world.nextPower === 'busy') {
    world.nextPower = 'ok';
    problem(response, 409, `cycle is running on ${target.name} since 03:12:44, started by anna.`);
    return;
  }
  const { output: _notYet, ...operation } = world.startOperation(world.target(world.mixedUp) ?? target, verb);
  reply(response, 202, operation);
};

const acceptHostKey = (target: FixtureTarget, body: Json, response: ServerResponse): void => {
  const change = target.changed.find(({ side }) => side === body['side']);
  if (change === undefined) problem(response, 409, 'The last look found no changed host key.');
  else if (change.offered.fingerprint !== body['fingerprint'])
    problem(
      response,
      409,
      `By now another key is offered, ${change.offered.fingerprint}. Nothing was accepted.`,
    );
  else {
    target.changed = target.changed.filter((each) => each !== change);
    reply(response, 200, stateOf(target, null));
  }
};

const targetRoute = async (
  world: World,
  [name, action, verb]: readonly [string, string, string],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const target = world.target(name);
  if (!target) return problem(response, 404, `There is no target ${name}.`);
  if (action === 'power') return power(world, target, verb, (await readJson(request))['confirm'], response);
  if (action === 'drill') return reply(response, 200, await world.doctor.drill(name));
  if (action === 'host-keys') return acceptHostKey(target, await readJson(request), response);
  const told = world.mixedUp === '' ? name : world.mixedUp;
  if (action === 'triage') {
    const { longer } = await readJson(request);
    await sleep(600);
    return reply(response, 200, triageReport(told, longer === true));
  }
  if (target.reach === 'half-open') await sleep(PATIENCE_MS);
  const operation = world.runningOn(name) ?? null;
  reply(response, 200, { ...stateOf(target, operation), name: told });
};

const api = async (
  world: World,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const [, area, first = '', second = '', third = ''] = url.pathname.slice(1).split('/');
  if (area === 'login') {
    if (request.method === 'GET') return reply(response, 200, { passkey: false });
    if ((await readJson(request))['token'] !== 'fixture') return problem(response, 401, 'Wrong token.');
    world.signedIn = true;
    response.setHeader('set-cookie', 'fixture=1; HttpOnly; SameSite=Strict; Path=/');
    return reply(response, 204);
  }
  if (!request.headers.cookie?.includes('fixture=1') || !world.signedIn)
    return problem(response, 401, 'Not signed in.');
  await world.held(url.pathname);
  const failure = world.failureOf(url.pathname);
  if (failure !== undefined) return problem(response, failure, `The fixture was told to answer ${failure}.`);
  if (area === 'me') return reply(response, 200, me(world));
  if (area === 'doctor') return doctorRoute(world, first, request, response);
  if (area === 'approvals') return reply(response, 200, { approvals: world.approvals.waiting() });
  if (area === 'sessions') return reply(response, 200, listSessions(world, url.searchParams));
  if (area === 'session' && first !== '')
    return sessionRoute(world, first, [second, third], request, response);
  if (area === 'session') {
    const { target } = await readJson(request);
    const wanted = typeof target === 'string' ? target : (world.targets[0]?.name ?? '');
    return world.target(wanted)
      ? reply(response, 200, { session_id: world.openSession(wanted) })
      : problem(response, 404, `There is no target ${wanted}.`);
  }
  if (area === 'operations') {
    const operation = world.operations.get(first);
    if (!operation) return problem(response, 404, 'Unknown operation.');
    return second === 'stream'
      ? followOperation(operation, response)
      : reply(response, 200, { ...operation, output: undefined });
  }
  if (area === 'evidence') {
    if (first === '') {
      const of = world.target(url.searchParams.get('target') ?? '');
      return of
        ? reply(response, 200, { evidence: captureList(of.name) })
        : problem(response, 404, 'There is no such target.');
    }
    const owner = world.targets.find(({ name }) => captureList(name).some(({ id }) => id === first));
    if (!owner)
      return problem(
        response,
        404,
        'Evidence not found. The power host keeps the newest in its capture directory.',
      );
    if (second !== 'screen.png') return reply(response, 200, evidenceRecord(owner.name, first));
    response.writeHead(200, { 'content-type': 'image/png' });
    response.end(evidencePng);
    return;
  }
  if (area === 'targets' && first !== '')
    return targetRoute(world, [first, second, third], request, response);
  if (area === 'targets') {
    if (world.targets.some(({ reach }) => reach === 'half-open')) await sleep(PATIENCE_MS);
    const targets = world.targets.map((one) => stateOf(one, world.runningOn(one.name) ?? null));
    return reply(response, 200, { default: world.targets[0]?.name, targets });
  }
  return problem(response, 404, 'Not found.');
};

/** Compressed and kept as the server does it. */
const asset = async (
  dist: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
  const takesBrotli = /\bbr\b/.test(String(request.headers['accept-encoding']));
  const brotli = takesBrotli ? await readFile(join(dist, `${path}.br`)).catch(() => undefined) : undefined;
  const body = brotli ?? (await readFile(join(dist, path)).catch(() => undefined));
  if (!body) return problem(response, 404, 'Not found.');
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(brotli === undefined ? {} : { 'content-encoding': 'br' }),
  });
  response.end(body);
};

export interface Fixture {
  readonly url: string;
  readonly close: () => void;
}

interface FixtureOptions {
  /** The built page; without it only the canned API is served. */
  readonly dist?: string;
  /** 0: any free one. */
  readonly port?: number;
  readonly targets?: SetName;
  readonly pace?: Pace;
}

/** On a loopback port. */
export const startFixture = async (options: FixtureOptions): Promise<Fixture> => {
  const { dist = '', port = 0, targets = 'one', pace = 'person' } = options;
  const world = new World(targets);
  world.pace = pace;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    if (url.pathname.startsWith('/fixture/')) return reply(response, turnSwitch(world, url) ? 200 : 404, {});
    const done = url.pathname.startsWith('/api/')
      ? api(world, url, request, response)
      : asset(dist, url, request, response);
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

/** Undefined where the word names no set. */
export const readSet = (word: string): SetName | undefined =>
  Object.hasOwn(SETS, word) ? (word as SetName) : undefined;

if (import.meta.main) {
  const { url } = await startFixture({
    dist: join(import.meta.dirname, '..', 'dist'),
    port: Number(process.env['PORT'] ?? 8080),
    targets: readSet(process.argv[2] ?? 'one') ?? 'one',
  });
  console.log(`fixture on ${url}, token "fixture"`);
}
