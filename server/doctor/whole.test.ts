// Doctor of a whole console, over HTTP: with the real host script, a real sshd as VM, a webhook and an edge in front.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Doctor, Drill, Examination, Link } from '../../protocol/doctor.ts';
import { streamVerdict } from '../../protocol/doctor-stream.ts';
import { eventId } from '../../protocol/ids.ts';
import { type PostReceiver, startPostReceiver } from '../../test/support/post-receiver.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import { startWell, type Well } from '../../test/support/target-that-is-well.ts';
import { eventually, until } from '../../test/support/wait-for.ts';
import { readConfig } from '../config/config.ts';
import { type Console, createConsole } from '../console.ts';
import { openJournal } from '../journal/sqlite.ts';

const TOKEN = 'doctor-token-0123456789abcdef';
const AUTH = { authorization: `Bearer ${TOKEN}` };

/** An edge: it names whoever comes, unless they name themselves and it lets that through. */
interface Edge {
  readonly url: string;
  letsThrough: boolean;
  names: string | undefined;
  target: string;
  close(): void;
}

async function startEdge(): Promise<Edge> {
  const server = createServer((incoming, outgoing) => {
    const { 'x-authentik-username': brought, ...headers } = incoming.headers;
    const name = edge.letsThrough && brought !== undefined ? brought : edge.names;
    const forward = httpRequest(
      `${edge.target}${incoming.url}`,
      {
        method: incoming.method,
        headers: { ...headers, ...(name === undefined ? {} : { 'x-authentik-username': name }) },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forward.on('error', () => outgoing.writeHead(502).end('the console is not reached'));
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const edge: Edge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    letsThrough: false,
    names: undefined,
    target: '',
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return edge;
}

let well: Well;
let edge: Edge;
let hook: PostReceiver;
let dataDir: string;
let breakglass: Console;
let app: FastifyInstance;

const configOf = (more: Record<string, string> = {}) =>
  readConfig({
    PATH: well.searchPath,
    HOME: well.dir,
    API_BEARER_TOKEN: TOKEN,
    BREAKGLASS_PORT: '0',
    BREAKGLASS_DATA_DIR: dataDir,
    BREAKGLASS_SESSIONS_DIR: path.join(well.dir, 'sessions'),
    BREAKGLASS_DEVVM_HOST: '127.0.0.1',
    BREAKGLASS_DEVVM_PORT: String(well.vm.port),
    BREAKGLASS_DEVVM_USER: well.vm.user,
    BREAKGLASS_PVE_HOST: '127.0.0.1',
    BREAKGLASS_PVE_PORT: String(well.host.port),
    BREAKGLASS_PVE_USER: well.host.user,
    BREAKGLASS_PVE_VMID: '102',
    BREAKGLASS_KEY_PATH: well.host.keyPath,
    BREAKGLASS_TRUSTED_PROXIES: '127.0.0.1',
    BREAKGLASS_PUBLIC_URL: edge.url,
    BREAKGLASS_NOTIFY_WEBHOOK: `${hook.url}/hook`,
    BREAKGLASS_NOTIFY_WEBHOOK_SECRET: 'a secret of the webhook',
    BREAKGLASS_AUDIT_WEBHOOK: `${hook.url}/audit`,
    ...more,
  });

async function start(): Promise<void> {
  breakglass = await createConsole(configOf(), silent);
  app = breakglass.app;
  edge.target = await app.listen({ host: '127.0.0.1', port: 0 });
}

beforeAll(async () => {
  well = await startWell();
  // One key for both, as the environment describes it.
  appendFileSync(`${well.vm.dir}/authorized_keys`, readFileSync(`${well.host.dir}/key.pub`, 'utf8'));
  edge = await startEdge();
  hook = await startPostReceiver();
  dataDir = path.join(well.dir, 'data');
  await start();
});
afterAll(async () => {
  await breakglass?.close();
  hook?.close();
  edge?.close();
  await well?.close();
});

const headers = () => ({ ...AUTH, host: new URL(edge.url).host });
/** The cookie of a browser that signs in here, by the token. */
const signedIn = async (): Promise<string> => {
  const answered = await app.inject({
    method: 'POST',
    url: '/api/login',
    headers: { host: headers().host },
    payload: { token: TOKEN },
  });
  return String(answered.headers['set-cookie']).split(';')[0] ?? '';
};
const examined = async (body: object = {}): Promise<Examination> => {
  const answered = await app.inject({
    method: 'POST',
    url: '/api/doctor',
    headers: headers(),
    payload: body,
  });
  expect(answered.statusCode).toBe(200);
  return answered.json<Examination>();
};
const shown = async (): Promise<Doctor> =>
  (await app.inject({ method: 'GET', url: '/api/doctor', headers: headers() })).json();
const stateOf = (links: readonly Link[], code: Link['code']) =>
  links.find((link) => link.code === code)?.state;
const brokenIn = (links: readonly Link[]) =>
  links.filter(({ state }) => state === 'broken').map(({ code }) => code);

test('nothing was looked at yet, and the first look by itself is five minutes away at most', async () => {
  const { last, running, next_at } = await shown();
  expect([last, running]).toEqual([null, null]);
  expect(Date.parse(next_at ?? '') - Date.now()).toBeLessThan(5 * 60_000 + 1_000);
});

test('all links of a console that is well; host keys are not pinned by it; only its own event is in the journal', async () => {
  const examination = await examined();
  expect(brokenIn(examination.links)).toEqual([]);
  expect(examination.by).toMatchObject({ type: 'operator', name: 'operator' });
  expect(stateOf(examination.links, 'vm-host-key')).toBe('doubtful');
  expect(stateOf(examination.links, 'power-status')).toBe('works');
  expect(stateOf(examination.links, 'edge-address')).toBe('works');
  expect(stateOf(examination.links, 'edge-spoofed')).toBe('works');
  expect(stateOf(examination.links, 'edge-stream')).toBe('not-checked');
  expect(stateOf(examination.links, 'agent-binary')).toBe('not-used');
  expect(() => readFileSync(path.join(dataDir, 'known_hosts'))).toThrow('ENOENT');
  expect((await shown()).last).toEqual(examination);
}, 120_000);

test('edge-spoofed: an edge that lets a made-up name through is the one broken link', async () => {
  edge.letsThrough = true;
  const { links } = await examined();
  edge.letsThrough = false;
  expect(brokenIn(links)).toEqual(['edge-spoofed']);
  expect(links.find(({ code }) => code === 'edge-spoofed')?.detail).toContain('claim to be anybody');
}, 120_000);

test('edge-identity: strangers and scripts say nothing about it; broken where a signed-in browser is not named, and works when one is', async () => {
  const look = async () => stateOf((await examined()).links, 'edge-identity');
  expect(await look()).toBe('not-checked');
  expect((await fetch(`${edge.url}/api/me`)).status).toBe(401);
  expect((await fetch(`${edge.url}/api/me`, { headers: AUTH })).status).toBe(200);
  expect(await look()).toBe('not-checked');
  const cookie = await signedIn();
  expect((await fetch(`${edge.url}/api/me`, { headers: { cookie } })).status).toBe(200);
  expect(await look()).toBe('broken');
  edge.names = 'anna';
  expect((await fetch(`${edge.url}/api/me`)).status).toBe(200);
  edge.names = undefined;
  expect(await look()).toBe('works');
}, 120_000);

test('edge-address: the edge leads nowhere; what needs it is not checked', async () => {
  const { target } = edge;
  edge.target = 'http://127.0.0.1:9';
  const { links } = await examined();
  edge.target = target;
  expect(brokenIn(links)).toEqual(['edge-address']);
  expect(links.find(({ code }) => code === 'edge-spoofed')).toMatchObject({
    state: 'not-checked',
    because: 'edge-address',
  });
}, 120_000);

test('what broke since the last look is told by the webhook, once', async () => {
  const from = hook.came.length;
  const { target } = edge;
  edge.target = 'http://127.0.0.1:9';
  await examined();
  await examined();
  edge.target = target;
  await examined();
  const told = () =>
    hook.came
      .slice(from)
      .filter(({ path: at }) => at === '/hook')
      .map(({ body }) => body.toString('utf8'));
  await until('both notifications', () => told().length >= 2);
  expect(told()[0]).toContain('edge-address');
  expect(told().at(-1)).toContain('works again');
}, 120_000);

test('a target that does not exist is refused, and so are a body with more in it and whoever is nobody', async () => {
  const post = (payload: object) =>
    app.inject({ method: 'POST', url: '/api/doctor', headers: headers(), payload });
  expect((await post({ target: 'nobody' })).json()).toMatchObject({ code: 'unknown-target' });
  expect((await post({ targets: [] })).json()).toMatchObject({ code: 'invalid-input' });
  expect(
    (await app.inject({ method: 'GET', url: '/api/doctor', headers: { host: headers().host } })).statusCode,
  ).toBe(401);
});

test('ticks come one by one', async () => {
  const answered = await fetch(`${edge.url}/api/doctor/stream`, { headers: AUTH });
  const ticks: { sentAtMs: number; receivedAtMs: number }[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of answered.body ?? [])
    for (const [, data = ''] of decoder.decode(chunk).matchAll(/^data: (.*)$/gm))
      ticks.push({ sentAtMs: Date.parse(JSON.parse(data).sent_at), receivedAtMs: Date.now() });
  expect(ticks).toHaveLength(8);
  expect(streamVerdict(ticks, 8).state).not.toBe('broken');
});

test('a drill walks the whole way, keeps evidence and changes nothing; then drill and power-evidence work', async () => {
  const answered = await app.inject({
    method: 'POST',
    url: '/api/targets/devvm/drill',
    headers: headers(),
    payload: {},
  });
  const drill = answered.json<Drill>();
  expect(drill.steps.map(({ name, ok, detail }) => [name, ok, detail])).toEqual([
    ['links', true, expect.any(String)],
    ['status', true, expect.any(String)],
    ['triage', true, expect.any(String)],
    ['forensics', true, expect.any(String)],
    ['evidence', true, expect.stringContaining(drill.evidence_id ?? 'no evidence')],
    ['notification', true, expect.stringContaining('webhook: sent')],
  ]);
  expect(drill.ok).toBe(true);
  const { links } = await examined();
  expect([
    stateOf(links, 'drill'),
    stateOf(links, 'power-evidence'),
    stateOf(links, 'notify-webhook'),
    stateOf(links, 'audit-webhook'),
  ]).toEqual(['works', 'works', 'works', 'works']);
  const log = readFileSync(path.join(well.hostRoot, 'log/breakglass-pve.log'), 'utf8');
  expect(log).toContain('verb=forensics');
  expect(log).not.toMatch(/verb=(?:reset|stop|start|cycle)/);
}, 180_000);

test('notify-webhook and audit-webhook: the receiver answers 500', async () => {
  hook.answer = () => 500;
  onTestFinished(() => {
    hook.answer = () => 200;
  });
  const test = { channel: 'webhook' };
  await app.inject({ method: 'POST', url: '/api/notifications/test', headers: headers(), payload: test });
  // Its own event is what the audit log then has to send.
  await examined();
  await eventually(async () =>
    expect(brokenIn((await examined()).links)).toEqual(['notify-webhook', 'audit-webhook']),
  );
}, 180_000);

test('the last examination outlives the console; the journal has no more of doctor than its events', async () => {
  const { last } = await shown();
  await breakglass.close();
  const journal = openJournal(dataDir);
  const kinds = (await journal.read({}, eventId(0), 1_000)).map(({ kind }) => kind);
  await journal.close();
  expect(kinds).toContain('examined');
  expect(kinds).toContain('drilled');
  await start();
  expect((await shown()).last).toEqual(last);
});
