// The agent's processes as the machine sees them: how many, how large, how important. With the real Claude Code CLI.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, linkSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { answer, text, toolUse } from '../../lab/model/scripted.ts';
import { newSessionId } from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { eventually } from '../../test/support/wait-for.ts';
import {
  kinds,
  ofKind,
  type Rig,
  type RigOptions,
  runTurn,
  startRig,
  target,
  turnContext,
} from './agent.fixture.ts';
import { claudeBinary } from './process-options.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));
const rigged = async (handler: Parameters<typeof startRig>[0], options?: RigOptions): Promise<Rig> => {
  const rig = await startRig(handler, options);
  rigs.push(rig);
  return rig;
};

/** The processes of the rig that the kernel knows, whatever the driver believes. */
const alive = (rig: Rig): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CLAUDE_CONFIG_DIR=${rig.dir}/`);
      } catch {
        return false;
      }
    });

test('sixty sessions that people look at have one process among them, and each still answers its prompt', async () => {
  const rig = await rigged(() => answer(text('Here.')));
  const agents = Array.from({ length: 60 }, () => rig.driver.open(newSessionId(), target));
  await eventually(() => expect(alive(rig)).toHaveLength(1));
  expect(rig.driver.counts()).toEqual({ known: 61, live: 1 });
  for (const agent of agents.slice(0, 6)) {
    expect(kinds(await runTurn(agent, 'hello'))).toEqual(['text', 'usage', 'result']);
    expect(alive(rig).length).toBeLessThanOrEqual(3);
  }
});

test('a prompt beyond the cap waits for a place; when none comes it is refused with a sentence, and begins nothing', async () => {
  const rig = await rigged(
    (request) =>
      request.raw.includes('wait for ever') ? { type: 'hang', at: 'text' } : answer(text('Here.')),
    { bounds: { maxProcesses: 2, seatWaitMs: 6_000 } },
  );
  const stop = new AbortController();
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const hanging = begun.map(({ resolve }) =>
    runTurn(
      rig.driver.open(newSessionId(), target),
      'wait for ever',
      (each) => (each.type === 'delta' ? resolve() : undefined),
      turnContext(stop.signal),
    ),
  );
  await Promise.all(begun.map(({ promise }) => promise));
  const asked = rig.model.requests.length;
  const refused = await runTurn(rig.agent, 'and I?');
  expect(kinds(refused)).toEqual(['error', 'result']);
  expect(ofKind(refused, 'error')[0]).toMatchObject({
    code: 'agents-full',
    error: expect.stringMatching(/BREAKGLASS_MAX_AGENTS.*power buttons/),
  });
  expect(alive(rig)).toHaveLength(2);
  expect(rig.model.requests.length).toBe(asked);
  // One that waits is not in the way of a Stop.
  const waits = new AbortController();
  const stopped = runTurn(rig.agent, 'and I?', undefined, turnContext(waits.signal));
  waits.abort();
  expect(kinds(await stopped)).toEqual([]);
  stop.abort();
  await Promise.all(hanging);
  expect(kinds(await runTurn(rig.agent, 'and now?'))).toEqual(['text', 'usage', 'result']);
});

test('a process has its place until the kernel says that it is gone', async () => {
  const rig = await rigged(() => answer(text('Here.')), { bounds: { maxProcesses: 1, seatWaitMs: 500 } });
  await runTurn(rig.agent, 'hello');
  const [first] = alive(rig);
  process.kill(first ?? 0, 'SIGSTOP');
  // It is asked to end and cannot, until it is killed: meanwhile there is no second one.
  const other = runTurn(rig.driver.open(newSessionId(), target), 'hello');
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, alive(rig).length);
  }, 10);
  expect(kinds(await other)).toEqual(['error', 'result']);
  clearInterval(watch);
  expect(most).toBe(1);
  await eventually(() => expect(rig.driver.counts().live).toBe(0));
});

test('a process that holds too much is ended, with the figure in the session; the next prompt goes on', async () => {
  const rig = await rigged(
    (request) => (request.raw.includes('grow') ? { type: 'hang', at: 'text' } : answer(text('Here.'))),
    {
      bounds: { watchEveryMs: 50, processLimitMb: 60 },
    },
  );
  const events = await runTurn(rig.agent, 'grow');
  expect(ofKind(events, 'error')[0]?.error).toMatch(
    /ended unexpectedly \(it held \d+ MB of memory, more than the 60 MB that one may \(BREAKGLASS_AGENT_PROCESS_MB\), and was ended\)\. The next prompt/,
  );
  await eventually(() => expect(alive(rig)).toEqual([]));
});

test('the kernel takes the agent before the server, and the server has the processor first', async () => {
  // Each of those before gives all agents of this process more than the driver does.
  await Promise.all(rigs.splice(0).map((each) => each.close()));
  const rig = await rigged(() => answer(text('Here.')), { nice: true });
  await runTurn(rig.agent, 'hello');
  const [pid = 0] = alive(rig);
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('800');
  expect(getPriority(pid)).toBe(10);
  // The default limit is far above what it needs.
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  expect(peak).toBeLessThan(1_024 / 2);
});

const NOBODY = { name: 'nobody', uid: 65_534, gid: 65_534, asked: true } as const;

test('under its own user it answers, resumes and reads its runbooks, and sees neither key nor record', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can start processes of another user');
  const dir = tempDir();
  chmodSync(dir, 0o755);
  const binary = path.join(dir, 'claude');
  try {
    linkSync(claudeBinary(), binary);
  } catch {
    copyFileSync(claudeBinary(), binary); // Another filesystem.
  }
  const rig = await rigged(
    (request) =>
      request.messages.at(-1)?.content.some((block) => block.type === 'tool_result') === true
        ? answer(text('Read.'))
        : answer(toolUse('Read', { file_path: 'disk-full.md' })),
    { user: NOBODY, deps: { binary } },
  );
  expect(rig.driver.unavailable()).toBeUndefined();
  writeFileSync(path.join(rig.dir, 'key'), 'secret', { mode: 0o600 });
  const events = await runTurn(rig.agent, 'read');
  expect(ofKind(events, 'tool_result')[0]).toMatchObject({
    is_error: false,
    output: expect.stringContaining('# A runbook'),
  });
  const [pid = 0] = alive(rig);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  expect(/^Uid:.*$/m.exec(status)?.[0]).toBe('Uid:\t65534\t65534\t65534\t65534');
  expect(/^Groups:[\t ]*(.*)$/m.exec(status)?.[1]?.trim()).toBe('');
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('800');
  const look = (what: string) =>
    spawnSync('/bin/sh', ['-c', what], { cwd: '/', uid: NOBODY.uid, gid: NOBODY.gid, encoding: 'utf8' });
  expect(look(`cat ${rig.dir}/key`).stderr).toMatch(/Permission denied/);
  expect(look(`ls ${rig.dir}`).stderr).toMatch(/Permission denied/);
  await rig.driver.close();
  expect(alive(rig)).toEqual([]);
  await runTurn(rig.again().open(rig.session, target), 'again');
  expect(rig.model.requests.at(-1)?.raw).toContain('"read"');
});

test('a user that was asked for and cannot be had leaves the console without an agent, and says why', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can start processes of another user');
  const dir = tempDir();
  const binary = path.join(dir, 'claude'); // Below a directory that only root may enter.
  copyFileSync('/bin/true', binary);
  const rig = await rigged(() => answer(text('Here.')), { user: NOBODY, deps: { binary } });
  expect(rig.driver.unavailable()).toMatch(
    /cannot run as the user nobody .*it cannot run .*claude: open the directories above it.*power buttons/,
  );
  expect(kinds(await runTurn(rig.agent, 'hello'))).toEqual(['error', 'result']);
});
