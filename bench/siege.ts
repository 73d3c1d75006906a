// The operator's power path while the console is under siege, against the same console in peace, in one run: 1,000 connections that send a
// login one byte at a time and come again when they are closed, 1,000 event streams that nobody reads, 60 sessions that are opened and
// attached, and guesses at the token. Meanwhile the operator asks the host for its status and opens the emergency page.
// Usage: node bench/siege.ts [seconds] [parts]. Needs the bundle: npm run build. Prints a table in Markdown; the dated ones are in bench/results/.
import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMb } from '../server/agent/memory.ts';
import { TOKEN } from '../test/support/console.ts';
import { startHouse } from '../test/support/house.ts';
import { ended } from './ended.ts';
import { machineLine, median, ratioRow } from './figures.ts';
import type { SiegeCounts } from './siege-attack.ts';

const seconds = Number(process.argv[2] ?? 40);
const parts = process.argv[3] ?? 'slow,unread,sessions,guesses';
const BETWEEN_MS = 150;

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
const attack = fork(path.join(import.meta.dirname, 'siege-attack.ts'), [house.base, parts], {
  stdio: 'inherit',
});
let counts: SiegeCounts | undefined;
attack.on('message', (message: SiegeCounts) => {
  counts = message;
});
const siege = await operate(house.base, seconds * 1_000);
clearInterval(watching);
await ended(attack);
await house.close();

const line = (name: string, values: readonly number[]): string =>
  `| ${name} | ${median(values).toFixed(0)} | ${percentile(values, 0.99).toFixed(0)} | ${Math.max(...values).toFixed(0)} | ${values.length} |`;
console.log(`# Power under siege, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load (one minute) ${loadavg()[0]?.toFixed(1)} at the end. Under siege (${parts}): slow logins that
come again (${counts?.closedSlow} were closed), streams that nobody reads (${counts?.streams} accepted, ${counts?.refusedStreams} refused), ${(counts?.sessions ?? 1) - 1} sessions opened,
attached and prompted, ${counts?.guesses} guesses at the token (${counts?.guessed429} answered 429). The attackers run in a process of their own on the same cores, behind everybody else (nice 19).

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
