// The agent's processes as the machine sees them: how many, how large, how important. With the real Claude Code CLI.
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { afterAll, expect, test } from 'vitest';
import { answer, text } from '../../lab/model/scripted.ts';
import { newSessionId } from '../../protocol/ids.ts';
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
  const rig = await rigged(() => answer(text('Here.')));
  await runTurn(rig.agent, 'hello');
  const [pid = 0] = alive(rig);
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('800');
  expect(getPriority(pid)).toBe(10);
  // The default limit is far above what it needs.
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  expect(peak).toBeLessThan(1_024 / 2);
});
