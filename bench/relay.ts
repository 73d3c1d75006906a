// What it costs the server to bring the agent's texts to those who watch, and how late they come: the real Claude Code CLI with a model
// that writes short texts, 100 a second or as fast as the CLI passes them on, for 1, 50 and 200 attached clients. The server runs from
// the bundle. As a yardstick, the CPU of one commit to the same disk in the same run: 10,000 texts at a steady pace are 10,000 commits.
// Usage: node bench/relay.ts [seconds]. Needs the bundle: npm run build. Prints a table in Markdown; the dated ones are in bench/results/.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { answer, startScriptedModel, text } from '../lab/model/scripted.ts';
import { PRAGMAS } from '../server/journal/sql.ts';
import { TOKEN } from '../test/support/console.ts';
import { type House, startHouse } from '../test/support/house.ts';
import { ended } from './ended.ts';
import { machineLine, median, type Ratio, ratioRow } from './figures.ts';

const seconds = Number(process.argv[2] ?? 20);
const PER_SECOND = 100;
const RUNS = [
  [1, 'fast'],
  [1, 'steady'],
  [50, 'steady'],
  [200, 'steady'],
] as const;
const COMMITS = 500;

interface Seen {
  readonly texts: number;
  readonly late: readonly number[];
}

/** Clock ticks are 10 ms on every Linux that Node runs on. */
const cpuSeconds = (pid: number): number => {
  const [user, system] =
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
  return (Number(user) + Number(system)) / 100;
};

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;

const texts = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    text(`Text ${index}: the unit writes to /var/log again and the disk has ${index % 100} GB left.`),
  );
const PROMPTS = { warmUp: 'Warm up.', steady: 'Write steadily.', fast: 'Write fast.' } as const;
const FAST_TEXTS = 10_000;
const model = await startScriptedModel((request) => {
  const prompt = JSON.stringify(request.messages.at(-1));
  if (prompt.includes(PROMPTS.fast)) return answer(...texts(FAST_TEXTS));
  if (prompt.includes(PROMPTS.steady))
    return {
      ...answer(...texts(seconds * PER_SECOND)),
      pace: { chars: 10_000, ms: 1_000 / PER_SECOND },
    } as const;
  return answer(text('Ready.'));
});

async function watched(
  count: number,
  pace: 'steady' | 'fast',
): Promise<{ readonly cpu: number; readonly seen: Seen }> {
  const house = await startHouse({
    modelUrl: model.url,
    bundle: true,
    env: { BREAKGLASS_TURN_TIMEOUT_SECONDS: '600' },
  });
  const clients = fork(path.join(import.meta.dirname, 'relay-viewers.ts'));
  try {
    const session = await house.newSession();
    clients.send({ base: house.base, token: TOKEN, session, count });
    await once(clients, 'message');
    // The first turn starts the agent, which is not what is measured.
    await turn(house, session, PROMPTS.warmUp, clients, 1);
    const before = cpuSeconds(house.pid());
    await turn(house, session, PROMPTS[pace], clients, 2);
    const cpu = cpuSeconds(house.pid()) - before;
    clients.send('figures');
    const [seen] = (await once(clients, 'message')) as [Seen];
    return { cpu, seen };
  } finally {
    await ended(clients);
    await house.close();
  }
}

/** Resolves when every client has seen as many turns end as that. */
async function turn(
  house: House,
  session: string,
  prompt: string,
  clients: ChildProcess,
  ends: number,
): Promise<void> {
  const answer = await house.call('POST', `/api/session/${session}/prompt`, { prompt });
  if (!answer.ok) throw new Error(await answer.text());
  clients.send({ ends });
  await once(clients, 'message');
}

/** CPU milliseconds of this process for one small commit in the server's data directory, as the journal makes it. */
function commitMs(): number {
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-relay-'));
  const database = new DatabaseSync(path.join(dir, 'commits.sqlite'));
  database.exec(`${PRAGMAS}; CREATE TABLE events (id INTEGER PRIMARY KEY, event TEXT)`);
  const insert = database.prepare('INSERT INTO events (event) VALUES (?)');
  const before = process.cpuUsage();
  for (let count = 0; count < COMMITS; count++) insert.run('x'.repeat(400));
  const { user, system } = process.cpuUsage(before);
  database.close();
  rmSync(dir, { recursive: true });
  return (user + system) / 1_000 / COMMITS;
}

const rows: string[] = [];
const ratios: Ratio[] = [];
for (const [count, pace] of RUNS) {
  const { cpu, seen } = await watched(count, pace);
  const per10k = (cpu / seen.texts) * 10_000;
  const p99 = percentile(seen.late, 0.99);
  const name = `${count} ${count === 1 ? 'client' : 'clients'}, ${pace === 'steady' ? `${PER_SECOND} texts a second` : 'as fast as the CLI writes'}`;
  rows.push(
    `| ${name} | ${seen.texts} | ${cpu.toFixed(2)} | ${per10k.toFixed(2)} | ${median(seen.late)} | ${p99} | ${seen.late.reduce((most, ms) => Math.max(most, ms), 0)} |`,
  );
  ratios.push({
    name: `CPU seconds per 10,000 texts, ${name}`,
    value: per10k,
    asked: count === 1 ? 1 : 0.2,
  });
  if (count === 200) ratios.push({ name: 'p99 of 200 clients ÷ 30 ms', value: p99 / 30, asked: 1 });
}
await model.close();
console.log(`# Relay, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load ${loadavg()[0]?.toFixed(1)}; ${seconds} s each, ${FAST_TEXTS} texts where fast. One commit costs ${commitMs().toFixed(2)} ms of CPU here.

| clients | texts delivered | CPU of the server, s | per 10,000 | late, median ms | p99 | max |
|---|---|---|---|---|---|---|
${rows.join('\n')}

| figure | value | asked at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
