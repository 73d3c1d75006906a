// How fast the console starts and what it holds when nobody asks for anything, against a bare Node in the same run: spawn to
// `/health` against `node -e 0`, and the resident memory after some quiet seconds.
// Usage: node bench/start.ts [runs]. Needs the bundle: npm run build. Prints a table in Markdown; the dated ones are in bench/results/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMb } from '../server/agent/memory.ts';
import { BUNDLE, SOURCES } from '../test/support/console.ts';
import { freePort } from '../test/support/free-port.ts';
import { loneConsole } from '../test/support/lone-console.ts';
import { ended } from './ended.ts';
import { machineLine, median, ratioRow, row } from './figures.ts';

const runs = Number(process.argv[2] ?? 15);
const QUIET_MS = 5_000;

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    get({ port, path: '/health', agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    }).on('error', () => resolve(false));
  });

/** Milliseconds until a program that does nothing is through. */
async function bare(): Promise<number> {
  const from = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - from;
}

async function bareMb(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  await sleep(QUIET_MS);
  const mb = residentMb(child.pid) ?? Number.NaN;
  await ended(child);
  return mb;
}

/** Milliseconds from the spawn to the first answer of `/health`; with `quiet` also what it holds some seconds later. */
async function start(
  main: readonly string[],
  quiet: boolean,
): Promise<{ readonly ms: number; readonly mb: number }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-start-'));
  const port = await freePort();
  const from = performance.now();
  const child = spawn(process.execPath, main, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...loneConsole(dir, port),
      API_BEARER_TOKEN: 'bench-token-0123456789abcdef',
      ANTHROPIC_API_KEY: 'bench',
    },
  });
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${main.join(' ')} ended with ${child.exitCode}`);
    await sleep(2);
  }
  const ms = performance.now() - from;
  if (quiet) await sleep(QUIET_MS);
  const mb = residentMb(child.pid) ?? Number.NaN;
  await ended(child);
  rmSync(dir, { recursive: true, force: true });
  return { ms, mb };
}

const ms = { bare: [] as number[], bundle: [] as number[], sources: [] as number[] };
const mb = { bare: [] as number[], bundle: [] as number[], sources: [] as number[] };
await start(BUNDLE, false); // Warms the disk's cache for all of them.
await start(SOURCES, false);
for (let run = 0; run < runs; run++) {
  ms.bare.push(await bare());
  ms.bundle.push((await start(BUNDLE, false)).ms);
  ms.bare.push(await bare());
  ms.sources.push((await start(SOURCES, false)).ms);
  if (run % 5 !== 0) continue;
  mb.bare.push(await bareMb());
  mb.bundle.push((await start(BUNDLE, true)).mb);
  mb.sources.push((await start(SOURCES, true)).mb);
}

const ratios = [
  { name: 'start ÷ bare `node -e 0`, medians', value: median(ms.bundle) / median(ms.bare), asked: 3.5 },
  {
    name: 'start ÷ bare `node -e 0`, least of each',
    value: Math.min(...ms.bundle) / Math.min(...ms.bare),
    asked: 3.5,
  },
  { name: 'idle, MB ÷ 85', value: median(mb.bundle) / 85, asked: 1 },
];
console.log(`# Start, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load ${loadavg()[0]?.toFixed(1)}; ${runs} runs, in turn.

| milliseconds | median | min | max | samples |
|---|---|---|---|---|
${row('bare `node -e 0`', ms.bare)}
${row('bundle, spawn to `/health`', ms.bundle)}
${row('sources, spawn to `/health`', ms.sources)}

| resident MB, quiet for ${QUIET_MS / 1_000} s | median | min | max | samples |
|---|---|---|---|---|
${row('a bare Node that waits', mb.bare)}
${row('bundle', mb.bundle)}
${row('sources', mb.sources)}

| ratio | value | asked at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
