// The hour without a receiver, with a shortened clock: events are recorded, one after the other, while the receiver of the audit log is
// down and the recording process is killed with SIGKILL again and again; then the receiver comes, is killed twice while it catches up, and
// everything must be there, in order. And what it costs to record while a receiver is down, against no channel at all, in the same run.
// Usage: node bench/record.ts [kills] [events between two kills]. Prints a table in Markdown; the dated ones are in bench/results/.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { eventId } from '../protocol/ids.ts';
import { startAudit } from '../server/audit/audit.ts';
import { AUDITED_KINDS } from '../server/audit/record.ts';
import type { AuditConfig } from '../server/config/audit.ts';
import { openJournal } from '../server/journal/sqlite.ts';
import { syslogReceiver } from '../test/support/syslog-receiver.ts';
import { until } from '../test/support/wait-for.ts';
import { machineLine, median, ratioRow, row } from './figures.ts';

const kills = Number(process.argv[2] ?? 20);
const each = Number(process.argv[3] ?? 180);
const RECORDER = path.resolve(import.meta.dirname, '../server/audit/recorder.fixture.ts');
const OF_ONE_MEASUREMENT = 300;

const dir = mkdtempSync(path.join(tmpdir(), 'bg-record-'));
const receiver = await syslogReceiver(dir);
const config: AuditConfig = {
  syslog: { host: '127.0.0.1', port: receiver.port, tls: undefined },
  webhook: undefined,
};

/** Runs the recorder until it has acknowledged so many events more, then kills it. Resolves with the last number it acknowledged. */
async function recordAndKill(
  dataDir: string,
  audit: AuditConfig,
  from: number,
  count: number,
): Promise<{ readonly last: number; readonly ms: number }> {
  const child = spawn(process.execPath, [RECORDER, dataDir, JSON.stringify(audit), String(from), '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let begunAt = 0;
  child.stdout.on('data', (data: Buffer) => {
    if (text === '') begunAt = performance.now();
    text += data.toString();
  });
  const last = (): number => Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1) || from - 1);
  await until(`${count} events`, () => last() >= from - 1 + count);
  const ms = (performance.now() - begunAt) / (last() - from + 1);
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
  return { last: last(), ms };
}

// Each is the mean of one run, in milliseconds for an event.
const perEvent = { none: [] as number[], down: [] as number[] };
const none: AuditConfig = { syslog: undefined, webhook: undefined };
for (let run = 0; run < 6; run++) {
  for (const [name, audit] of [
    ['none', none],
    ['down', config],
  ] as const) {
    const dataDir = path.join(dir, `cost-${name}-${run}`);
    perEvent[name].push((await recordAndKill(dataDir, audit, 1, OF_ONE_MEASUREMENT)).ms);
  }
}

const dataDir = path.join(dir, 'hour');
let acknowledged = 0;
for (let kill = 0; kill < kills; kill++)
  acknowledged = (await recordAndKill(dataDir, config, acknowledged + 1, each)).last;

const journal = openJournal(dataDir);
const expected = (await journal.read({ kinds: AUDITED_KINDS }, eventId(0), 1_000_000)).map(
  ({ id, at }) => `${id}@${at}`,
);
const from = performance.now();
const audit = startAudit({ config, journal, logger: pino({ level: 'silent' }), pauseMs: () => 20 });
for (let kill = 0; kill < 2; kill++) {
  await receiver.start();
  await sleep(1_500);
  await receiver.signal('SIGKILL');
}
await receiver.start();
await until('the last event at the receiver', async () => {
  const { sentId } = await journal.outbox('audit-syslog').state();
  return sentId >= journal.head();
});
const caughtUpS = (performance.now() - from) / 1_000;
await audit.close();
await journal.close();
await receiver.signal('SIGKILL');

const all = receiver.records().map(({ key }) => key);
rmSync(dir, { recursive: true, force: true });
const distinct = [...new Set(all)];
const there = new Set(distinct);
const lost = expected.filter((key) => !there.has(key)).length;
const outOfOrder = distinct.filter((key, index) => key !== expected[index]).length;
const ratios = [
  { name: 'events lost ÷ recorded', value: lost / expected.length, asked: 0 },
  { name: 'events out of order ÷ recorded', value: outOfOrder / expected.length, asked: 0 },
  {
    name: 'recording while the receiver is down ÷ without a channel, medians',
    value: median(perEvent.down) / median(perEvent.none),
    asked: 1.5,
  },
];
console.log(`# The hour without a receiver, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load ${loadavg()[0]?.toFixed(1)}.

${expected.length} audit events, recorded without a receiver by a process that was killed with SIGKILL ${kills} times (${acknowledged} acknowledged; the others were on disk when it was killed).
Then the receiver came and was killed with SIGKILL 2 times: it had everything after ${caughtUpS.toFixed(1)} s, with ${all.length - distinct.length} that came twice.

| milliseconds an event | median | min | max | samples |
|---|---|---|---|---|
${row('no channel', perEvent.none)}
${row('a channel whose receiver is down', perEvent.down)}

| ratio | value | asked at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
