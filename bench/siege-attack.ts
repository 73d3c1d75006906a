// The attackers of bench/siege.ts, in a process of their own, so that their work is not taken for the console's. Parameters: address, parts.
// Sends its counts every half second, and ends when its parent is gone.
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN } from '../test/support/console.ts';

/** How far the siege has come. */
export interface SiegeCounts {
  readonly closedSlow: number;
  readonly streams: number;
  readonly refusedStreams: number;
  readonly guesses: number;
  readonly guessed429: number;
  readonly sessions: number;
}

const [base = '', wanted = ''] = process.argv.slice(2);
const parts = wanted.split(',');
const { port } = new URL(base);
const SLOW = parts.includes('slow') ? 1_000 : 0;
const UNREAD = parts.includes('unread') ? 1_000 : 0;
const SESSIONS = parts.includes('sessions') ? 60 : 0;
/** Between two bytes of a slow body. */
const DRIP_MS = 2_000;

// Attackers have computers of their own. Here they take what the console leaves: their numbers tell how hard they pressed.
setPriority(19);

const auth = { authorization: `Bearer ${TOKEN}` };
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
    const answer = await fetch(`${base}/api/me`, {
      headers: { authorization: `Bearer guess-${counts.guesses}` },
    }).catch(() => undefined);
    counts.guesses += 1;
    if (answer?.status === 429) counts.guessed429 += 1;
    await answer?.text().catch(() => undefined);
    await sleep(20);
  }
}

async function openSession(): Promise<string | undefined> {
  const answer = await fetch(`${base}/api/session`, { method: 'POST', headers: auth }).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  counts.sessions += 1;
  return ((await answer.json()) as { session_id: string }).session_id;
}

async function attach(session: string): Promise<void> {
  const answer = await fetch(`${base}/api/session/${session}/stream`, {
    headers: auth,
    signal: ending.signal,
  }).catch(() => undefined);
  for await (const _ of answer?.body ?? []) {
  }
}

process.once('disconnect', () => process.exit(0));
setInterval(() => process.send?.(counts satisfies SiegeCounts), 500);
const noisy = (await openSession()) ?? '';
for (let i = 0; i < SLOW; i++) slowLogin();
for (let i = 0; i < UNREAD; i++) unreadStream(noisy);
if (parts.includes('guesses')) void guess();
for (let i = 0; i < SESSIONS; i++) {
  const session = await openSession();
  if (session === undefined) continue;
  void attach(session).catch(() => undefined);
  void fetch(`${base}/api/session/${session}/prompt`, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'What fills the disk?' }),
  }).catch(() => undefined);
}
