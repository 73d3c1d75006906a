// The operator's power path while the console is under siege, against the same console in peace, in one run: 1,000 connections that send a
// login one byte at a time and come again when they are closed, 1,000 event streams that nobody reads, 60 sessions that are opened and
// attached, and guesses at the token. Meanwhile the operator asks the host for its status and opens the emergency page.
// Usage: node bench/siege.ts [seconds] [parts]. Needs the bundle: npm run build. Prints a table in Markdown; the dated ones are in bench/results/.
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMb } from '../server/agent/memory.ts';
import { TOKEN } from '../test/support/console.ts';
import { startHouse } from '../test/support/house.ts';
import { machineLine, median, ratioRow } from './figures.ts';

const seconds = Number(process.argv[2] ?? 40);
const parts = (process.argv[3] ?? 'slow,unread,sessions,guesses').split(',');
const SLOW = parts.includes('slow') ? 1_000 : 0;
const UNREAD = parts.includes('unread') ? 1_000 : 0;
const SESSIONS = parts.includes('sessions') ? 60 : 0;
const BETWEEN_MS = 150;
/** Between two bytes of a slow body. */
const DRIP_MS = 2_000;

const auth = { authorization: `Bearer ${TOKEN}` };
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;

interface Felt {
  readonly status: readonly number[];
  readonly emergency: readonly number[];
  readonly failed: number;
}

/** What the operator feels, each request on a connection of its own, as a phone that just woke up. */
async function operate(url: string, forMs: number): Promise<Felt> {
  const felt = { status: [] as number[], emergency: [] as number[], failed: 0 };
  const timed = async (into: number[], path: string, method: string): Promise<void> => {
    const from = performance.now();
    const answer = await fetch(url + path, { method, headers: { ...auth, connection: 'close' } }).catch(
      () => undefined,
    );
    await answer?.text().catch(() => undefined);
    if (answer?.status === 200) into.push(performance.now() - from);
    else felt.failed += 1;
  };
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    await timed(felt.status, '/api/pve/status', 'POST');
    await timed(felt.emergency, '/emergency', 'GET');
    await sleep(BETWEEN_MS);
  }
  return felt;
}

const house = await startHouse({ bundle: true });
const { port } = new URL(house.base);
const ending = new AbortController();
const counts = { closedSlow: 0, streams: 0, refusedStreams: 0, guesses: 0, guessed429: 0, sessions: 0 };

function dial(first: string, onClose: () => void): Socket {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!ending.signal.aborted) onClose();
  });
  socket.on('connect', () => socket.write(first));
  ending.signal.addEventListener('abort', () => socket.destroy());
  return socket;
}

const LOGIN =
  'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{';
function slowLogin(): void {
  const socket = dial(LOGIN, () => {
    counts.closedSlow += 1;
    clearInterval(dripping);
    setTimeout(slowLogin, 2_000);
  });
  const dripping = setInterval(() => socket.writable && socket.write(' '), DRIP_MS);
  ending.signal.addEventListener('abort', () => clearInterval(dripping));
}

/** Reads the first answer and nothing after it. */
function unreadStream(session: string): void {
  const ask = `GET /api/session/${session}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  const socket = dial(ask, () => setTimeout(() => unreadStream(session), 1_000));
  socket.once('data', (data) => {
    if (String(data).startsWith('HTTP/1.1 200')) counts.streams += 1;
    else counts.refusedStreams += 1;
    socket.pause();
  });
}

async function guess(): Promise<void> {
  while (!ending.signal.aborted) {
    const answer = await fetch(`${house.base}/api/me`, {
      headers: { authorization: `Bearer guess-${counts.guesses}` },
    }).catch(() => undefined);
    counts.guesses += 1;
    if (answer?.status === 429) counts.guessed429 += 1;
    await answer?.text().catch(() => undefined);
    await sleep(20);
  }
}

async function openSession(): Promise<string | undefined> {
  const answer = await fetch(`${house.base}/api/session`, { method: 'POST', headers: auth }).catch(
    () => undefined,
  );
  if (answer?.status !== 200) return undefined;
  counts.sessions += 1;
  return ((await answer.json()) as { session_id: string }).session_id;
}

async function attach(session: string): Promise<void> {
  const answer = await fetch(`${house.base}/api/session/${session}/stream`, {
    headers: auth,
    signal: ending.signal,
  }).catch(() => undefined);
  for await (const _ of answer?.body ?? []) {
  }
}

/** Live processes of Claude Code that belong to this console. */
const agents = (): number =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        /claude/.test(readFileSync(`/proc/${pid}/comm`, 'utf8')) &&
        readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(house.pid())
      );
    } catch {
      return false;
    }
  }).length;

console.error('in peace');
await operate(house.base, 3_000);
const peace = await operate(house.base, (seconds * 1_000) / 2);
const mbBefore = residentMb(house.pid()) ?? Number.NaN;

console.error('the siege begins');
let mbMost = mbBefore;
let agentsMost = 0;
const watching = setInterval(() => {
  mbMost = Math.max(mbMost, residentMb(house.pid()) ?? 0);
  agentsMost = Math.max(agentsMost, agents());
}, 250);
const noisy = (await openSession()) ?? '';
for (let i = 0; i < SLOW; i++) slowLogin();
for (let i = 0; i < UNREAD; i++) unreadStream(noisy);
if (parts.includes('guesses')) void guess();
for (let i = 0; i < SESSIONS; i++) {
  const session = await openSession();
  if (session === undefined) continue;
  void attach(session).catch(() => undefined);
  void fetch(`${house.base}/api/session/${session}/prompt`, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'What fills the disk?' }),
  }).catch(() => undefined);
}
const siege = await operate(house.base, seconds * 1_000);
clearInterval(watching);
ending.abort();
await house.close();

const line = (name: string, values: readonly number[]): string =>
  `| ${name} | ${median(values).toFixed(0)} | ${percentile(values, 0.99).toFixed(0)} | ${Math.max(...values).toFixed(0)} | ${values.length} |`;
console.log(`# Power under siege, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load (one minute) ${loadavg()[0]?.toFixed(1)} at the end. ${SLOW} slow logins that come again (${counts.closedSlow} were closed), ${UNREAD} streams
that nobody reads (${counts.streams} accepted, ${counts.refusedStreams} refused), ${counts.sessions - 1} sessions opened, attached and prompted, ${counts.guesses} guesses at the token (${counts.guessed429} answered 429).

| what, ms | median | p99 | most | requests |
|---|---|---|---|---|
${line('status verb in peace', peace.status)}
${line('status verb under siege', siege.status)}
${line('emergency page in peace', peace.emergency)}
${line('emergency page under siege', siege.emergency)}

Requests of the operator that failed: ${peace.failed} in peace, ${siege.failed} under siege. Most live Claude Code processes: ${agentsMost}.
Resident memory of the server: ${mbBefore.toFixed(0)} MB in peace, ${mbMost.toFixed(0)} MB at most.

| figure | value | asked | |
|---|---|---|---|
${ratioRow({ name: 'status verb under siege, p99, s', value: percentile(siege.status, 0.99) / 1_000, asked: 0.5 })}
${ratioRow({ name: 'emergency page under siege, p99, s', value: percentile(siege.emergency, 0.99) / 1_000, asked: 0.5 })}
${ratioRow({ name: 'requests of the operator that failed', value: siege.failed, asked: 0 })}
${ratioRow({ name: 'memory at most / in peace', value: mbMost / mbBefore, asked: 2.5 })}
`);
process.exit(0);
