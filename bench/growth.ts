// A journal of 1,000,000 events against one of 1,000, in the same run: start of the console, list of sessions, attaching to a session.
// Usage: node bench/growth.ts [events] [runs]. Prints a table in Markdown; the dated ones are in bench/results/.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewEvent } from '../protocol/events.ts';
import {
  newOperationId,
  newSessionId,
  newToolCallId,
  newTurnId,
  type SessionId,
  type TargetName,
} from '../protocol/ids.ts';
import { openJournal } from '../server/journal/sqlite.ts';
import { AUTH, SOURCES, TOKEN } from '../test/support/console.ts';
import { freePort } from '../test/support/free-port.ts';
import { loneConsole } from '../test/support/lone-console.ts';
import { ended } from './ended.ts';
import { machineLine, median, ratioRow, row } from './figures.ts';

const LARGE = Number(process.argv[2] ?? 1_000_000);
const SMALL = 1_000;
const runs = Number(process.argv[3] ?? 7);
const LOOKS = 15;
const EVENTS_OF_A_SESSION = 100;

const ann = { type: 'operator', name: 'ann' } as const;
const claude = { type: 'agent', name: 'claude' } as const;
const target = 'devvm' as TargetName;

/** A session as an incident leaves one: ten turns of prose and commands, and one verb. */
function session(session_id: SessionId): NewEvent[] {
  const base = { session_id, target };
  const events: NewEvent[] = [{ kind: 'session_opened', actor: ann, ...base }];
  const turn_id = newTurnId();
  events.push({ kind: 'user', text: 'The disk is full, find out why.', turn_id, actor: ann, ...base });
  while (events.length < EVENTS_OF_A_SESSION - 4) {
    const tool_call_id = newToolCallId();
    const call = { name: 'ssh', tool_call_id, turn_id, actor: claude, ...base };
    events.push({ kind: 'text', text: 'I look at it. '.repeat(10), turn_id, actor: claude, ...base });
    events.push({ kind: 'tool', input: { host: 'devvm', command: 'df -h; du -xsh /var/*' }, ...call });
    const output = '/dev/sda1 20G 20G 0 100% /\n'.repeat(20);
    events.push({ kind: 'tool_result', is_error: false, output, truncated: false, duration_ms: 1, ...call });
  }
  const operation_id = newOperationId();
  events.push(
    { kind: 'turn_end', turn_id, actor: claude, ...base },
    { kind: 'power_started', verb: 'status', by: ann, operation_id, actor: ann, target },
    {
      kind: 'power_finished',
      verb: 'status',
      state: 'succeeded',
      steps: [],
      operation_id,
      actor: ann,
      target,
    },
  );
  return events;
}

/** Resolves with the session that was opened last. */
async function fill(dataDir: string, count: number): Promise<SessionId> {
  const journal = openJournal(dataDir);
  let last = newSessionId();
  for (let written = 0; written < count; ) {
    const batch: NewEvent[] = [];
    while (batch.length < 10_000 && written + batch.length < count) {
      last = newSessionId();
      batch.push(...session(last));
    }
    written += (await journal.append(batch)).length;
  }
  await journal.close();
  return last;
}

async function start(
  dir: string,
  port: number,
): Promise<{ readonly child: ChildProcess; readonly ms: number }> {
  const from = performance.now();
  const child = spawn(process.execPath, SOURCES, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...loneConsole(dir, port), API_BEARER_TOKEN: TOKEN },
  });
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (answer?.ok === true) return { child, ms: performance.now() - from };
    if (child.exitCode !== null) throw new Error(`the console ended with ${child.exitCode}`);
    await sleep(2);
  }
}

async function listMs(base: string): Promise<number> {
  const from = performance.now();
  await (await fetch(`${base}/api/sessions`, { headers: AUTH })).text();
  return performance.now() - from;
}

/** Until everything that was recorded has come. */
async function attachMs(base: string, id: SessionId): Promise<number> {
  const from = performance.now();
  const leaving = new AbortController();
  const answer = await fetch(`${base}/api/session/${id}/stream`, { headers: AUTH, signal: leaving.signal });
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text = text.slice(-100) + Buffer.from(chunk).toString();
    if (text.includes('event: caught-up')) break;
  }
  leaving.abort();
  return performance.now() - from;
}

const root = mkdtempSync(path.join(tmpdir(), 'bg-growth-'));
const houses = await Promise.all(
  [SMALL, LARGE].map(async (events) => {
    const dir = path.join(root, String(events));
    return { events, dir, last: await fill(path.join(dir, 'data'), events) };
  }),
);
const figures = houses.map(() => ({ start: [] as number[], list: [] as number[], attach: [] as number[] }));
for (let run = -1; run < runs; run++)
  for (const [index, { dir, last }] of houses.entries()) {
    const port = await freePort();
    const { child, ms } = await start(dir, port);
    const base = `http://127.0.0.1:${port}`;
    const mine = figures[index];
    if (mine === undefined) throw new Error('unreachable: there are figures for each');
    const seen = { list: [] as number[], attach: [] as number[] };
    for (let look = 0; look < LOOKS; look++) {
      seen.list.push(await listMs(base));
      seen.attach.push(await attachMs(base, last));
    }
    await ended(child);
    if (run < 0) continue; // Warms the disk's cache.
    mine.start.push(ms);
    mine.list.push(...seen.list);
    mine.attach.push(...seen.attach);
  }
const megabytes = houses.map(
  ({ dir }) => statSync(path.join(dir, 'data', 'journal.sqlite')).size / 1024 ** 2,
);
rmSync(root, { recursive: true, force: true });

const [small, large] = figures;
if (small === undefined || large === undefined) throw new Error('unreachable: both were measured');
const ratio = (name: string, key: 'start' | 'list' | 'attach', asked: number) => ({
  name: `${name}, medians`,
  value: median(large[key]) / median(small[key]),
  asked,
});
const ratios = [
  ratio('start', 'start', 1.25),
  ratio('list of sessions (100 of them against all 10)', 'list', 2.5),
  ratio('attach to the last session', 'attach', 1.5),
];
const called = (events: number): string => `${events.toLocaleString('en')} events`;
console.log(`# Growth, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load ${loadavg()[0]?.toFixed(1)}; ${runs} starts of each, in turn, ${LOOKS} looks after each.
Journals: ${called(SMALL)}, ${megabytes[0]?.toFixed(1)} MB; ${called(LARGE)}, ${megabytes[1]?.toFixed(0)} MB.

| milliseconds | median | min | max | samples |
|---|---|---|---|---|
${row(`start, ${called(SMALL)}`, small.start)}
${row(`start, ${called(LARGE)}`, large.start)}
${row(`list, ${called(SMALL)}`, small.list)}
${row(`list, ${called(LARGE)}`, large.list)}
${row(`attach, ${called(SMALL)}`, small.attach)}
${row(`attach, ${called(LARGE)}`, large.attach)}

| ratio | value | asked at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
