// How fast the console answers, as ratios to the bare tools in the same run, with a model that answers at once:
// first text of turns against `claude -p`, `status` through the API against a fresh `ssh … status`.
// Usage: node bench/turn.ts [runs]. Prints a table in Markdown; the dated ones are in bench/results/.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { answer, startScriptedModel, text } from '../lab/model/scripted.ts';
import { claudeBinary } from '../server/agent/process-options.ts';
import { startHouse } from '../test/support/house.ts';
import { Viewer } from '../test/support/viewer.ts';
import { machineLine, median, type Ratio, ratioRow, row } from './figures.ts';

const runs = Number(process.argv[2] ?? 7);
const model = await startScriptedModel(() => answer(text('Hello.')));
// A real OpenSSH server as the power host: the lab's own one shakes hands five times faster than any sshd, so a fresh
// connection to it would flatter nobody but the lab.
const house = await startHouse({ modelUrl: model.url, powerHost: 'sshd' });
const home = mkdtempSync(path.join(tmpdir(), 'bg-bench-'));

/** Milliseconds from the start of a bare `claude -p` to its first byte of text. */
function bare(): Promise<number> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const child = spawn(claudeBinary(), ['-p', 'hello'], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'bench',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      },
    });
    let at: number | undefined;
    child.stdout.once('data', () => {
      at = performance.now() - from;
    });
    child.on('error', reject);
    child.on('close', () =>
      at === undefined ? reject(new Error('claude -p printed nothing')) : resolve(at),
    );
  });
}

/** Milliseconds from sending the prompt to the first text that an attached client sees. */
async function firstText(viewer: Viewer, session: string): Promise<number> {
  const shown = viewer.ephemeral.length;
  const recorded = viewer.events.length;
  const ended = viewer.count('turn_end');
  const from = performance.now();
  void house.call('POST', `/api/session/${session}/prompt`, { prompt: 'hello' });
  await viewer.until(
    'a text',
    ({ ephemeral, events }) =>
      ephemeral.slice(shown).some(({ kind }) => kind === 'text_delta') ||
      events.slice(recorded).some(({ kind }) => kind === 'text') ||
      events.some(({ kind }) => kind === 'error'),
  );
  const ms = performance.now() - from;
  if (viewer.count('error') > 0)
    throw new Error(`no text came: ${JSON.stringify(viewer.events.at(-1))}\n${house.log()}`);
  await viewer.turnsEnded(ended + 1);
  return ms;
}

const sshArguments = [
  '-F',
  'none',
  '-i',
  house.keyPath,
  '-p',
  String(house.hostPort),
  '-o',
  'BatchMode=yes',
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  'UserKnownHostsFile=/dev/null',
  '-o',
  'LogLevel=ERROR',
  `${userInfo().username}@127.0.0.1`,
  'status',
];
async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

const figures = {
  bare: [] as number[],
  first: [] as number[],
  later: [] as number[],
  freshSsh: [] as number[],
  status: [] as number[],
};
try {
  await bare(); // Warms the disk cache for both.
  await house.call('POST', '/api/pve/status');
  for (let run = 0; run < runs; run++) {
    figures.bare.push(await bare());
    const session = await house.newSession();
    const viewer = new Viewer(house, session);
    await viewer.until('the replay', ({ caughtUp }) => caughtUp);
    await sleep(3_000); // The page is open for 3 s before the operator has typed.
    figures.first.push(await firstText(viewer, session));
    for (let turn = 0; turn < 3; turn++) figures.later.push(await firstText(viewer, session));
    await viewer.close();
    for (let call = 0; call < 5; call++) {
      figures.freshSsh.push(await timed(() => promisify(execFile)('ssh', sshArguments)));
      figures.status.push(
        await timed(async () => {
          const reply = await house.call('POST', '/api/pve/status');
          if (reply.status !== 200) throw new Error(`status: ${await reply.text()}`);
          await reply.arrayBuffer();
        }),
      );
    }
  }
} finally {
  await house.close();
  await model.close();
  rmSync(home, { recursive: true, force: true });
}

const ratios: Ratio[] = [
  {
    name: 'first text, first turn ÷ bare `claude -p`',
    value: median(figures.first) / median(figures.bare),
    asked: 0.35,
  },
  {
    name: 'first text, later turns ÷ bare `claude -p`',
    value: median(figures.later) / median(figures.bare),
    asked: 0.1,
  },
  {
    name: '`status` through the API ÷ fresh `ssh … status`',
    value: median(figures.status) / median(figures.freshSsh),
    asked: 0.3,
  },
];
console.log(`# Turn and status, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; instant scripted model; ${runs} runs.

| milliseconds | median | min | max | samples |
|---|---|---|---|---|
${row('first text, bare `claude -p`', figures.bare)}
${row('first text, first turn of a session open for 3 s', figures.first)}
${row('first text, later turns', figures.later)}
${row('fresh `ssh … status`', figures.freshSsh)}
${row('`status` through the API', figures.status)}

| ratio of medians | value | asked at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
