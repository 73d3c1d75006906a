import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Verb } from '../../protocol/verbs.ts';
import { hearing } from '../../test/support/hearing.ts';
import { createMemoryJournal, type MemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { answering, silentGuest } from '../../test/support/probed.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { OperationChange, Power } from './port.ts';
import { createPower, type PowerParts } from './power.ts';

const target = parseTargetName('devvm') as TargetName;
const by = { type: 'operator', name: 'viktor' } as const;
const quick = { askMs: 3_000, gapMs: 100, unansweredMs: 2_000, busyMs: 10_000 };

let host: TestPowerHost;
let ssh: SshConnection;
let journal: MemoryJournal;
let power: Power;

const create = (options: Partial<PowerParts> = {}): Power =>
  createPower({
    target,
    host: { ssh, vmid: undefined },
    journal,
    readings: hearing(answering),
    evidence: noEvidence,
    logger: silent,
    bounds: { sshWaitMs: 2_000, check: quick },
    ...options,
  });
const finish = async (verb: Verb, on = power): Promise<Operation> =>
  on.wait((await on.start({ verb, by, finding: undefined })).id, 30_000);
const kinds = (): readonly string[] => journal.events.map(({ kind }) => kind);
const mutatingCalls = (): number =>
  host.calls().filter((call) => call !== 'status' && call !== 'forensics').length;

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
});
beforeEach(() => {
  journal = createMemoryJournal();
  power = create();
  for (const name of ['refuse', 'busy', 'slow', 'code', 'calls', 'loud', 'mute', 'overlaps'])
    host.unset(name);
  host.set('state', 'running');
  host.set('born', 1_000_000_000);
});
afterEach(() => power.close());
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

test('status: text for people in stdout, the closing line for programs left out of it', async () => {
  const operation = await finish('status');
  expect(operation).toMatchObject({
    state: 'succeeded',
    verb: 'status',
    by,
    result: { exit_code: 0, rejected: false, stderr: '' },
  });
  expect(operation.result?.stdout).toContain('status: running');
  expect(operation.outcome?.vm_state).toBe('running');
});

test('cycle: steps from the sections, a new process, SSH answering, all in the journal in order', async () => {
  const operation = await finish('cycle');
  expect(operation.steps.map(({ name, ok }) => [name, ok])).toEqual([
    ['ask the power host', true],
    ['forensics', true],
    ['cycle', true],
    ['ssh answers', true],
    ['keep the evidence', false],
  ]);
  expect(operation.outcome).toMatchObject({ vm_state: 'running', new_process: true, ssh_answers: true });
  expect(operation.outcome?.summary).toMatch(/^VM 102: cycle done\. SSH answers after [\d.]+ s\.$/);
  expect(operation.result?.stdout).not.toContain('BREAKGLASS-RESULT');
  expect(kinds()[0]).toBe('power_started');
  expect(kinds().at(-1)).toBe('power_finished');
  const output = journal.events
    .flatMap((event) => (event.kind === 'power_output' ? [event.text] : []))
    .join('');
  expect(output).toBe(operation.result?.stdout);
  expect(
    journal.events.every((event) => event.operation_id === operation.id && event.target === target),
  ).toBe(true);
});

test('reset keeps the process and says so; stop waits for no SSH', async () => {
  expect((await finish('reset')).outcome).toMatchObject({ new_process: false, vm_state: 'running' });
  const stop = await finish('stop');
  expect(stop).toMatchObject({ state: 'succeeded', outcome: { vm_state: 'stopped' } });
  expect(stop.outcome).not.toHaveProperty('ssh_answers');
});

test('an exit code of 0 is no success when the VM is not in the state that was wanted', async () => {
  const lying: SshConnection = {
    ...ssh,
    run: async (command) => {
      const text =
        'BREAKGLASS-RESULT {"exit":0,"outcome":"done","vm_state":"io-error","old_pid":1,"new_pid":2}\n';
      command.onStdout?.(Buffer.from(text));
      return {
        how: 'exited',
        exitCode: 0,
        signal: undefined,
        begun: 'yes',
        reached: 'logged-in',
        failure: undefined,
        stderrTail: '',
        detail: '',
      };
    },
  };
  const other = create({ host: { ssh: lying, vmid: undefined } });
  expect(await finish('cycle', other)).toMatchObject({ state: 'failed', outcome: { vm_state: 'io-error' } });
  await other.close();
});

test('a verb that fails is failed, with its exit code', async () => {
  host.set('code', 1);
  expect(await finish('cycle')).toMatchObject({ state: 'failed', result: { exit_code: 1, rejected: false } });
});

test('the outcome says when SSH does not come back, and neither the result nor the next verb waits for it', async () => {
  const silentVm = create({ readings: hearing(silentGuest) });
  const started = await silentVm.start({ verb: 'reset', by, finding: undefined });
  const early = await silentVm.waitResult(started.id, 20_000);
  expect(early).toMatchObject({ state: 'running', result: { exit_code: 0 } });
  expect(silentVm.running()).toBeUndefined();
  const next = await finish('cycle', silentVm);
  expect(next.outcome).toMatchObject({ ssh_answers: false });
  expect(next.outcome?.summary).toContain('SSH did not answer within 2 s.');
  const first = await silentVm.wait(started.id, 1);
  expect(first).toMatchObject({ state: 'succeeded' });
  expect(first.outcome).not.toHaveProperty('ssh_answers');
  await silentVm.close();
});

test('a word that is not exactly a verb never starts ssh', async () => {
  const bin = mkdtempSync(path.join(tmpdir(), 'recording-'));
  const record = path.join(bin, 'started');
  writeFileSync(path.join(bin, 'ssh'), `#!/bin/sh\necho "$@" >>${record}\n`);
  chmodSync(path.join(bin, 'ssh'), 0o755);
  const recording = connectTo(host, { searchPath: `${bin}:/usr/bin:/bin` });
  const strict = create({ host: { ssh: recording, vmid: undefined } });
  const words = [
    '',
    'Status',
    'status ',
    ' status',
    'status\n',
    'status; reboot',
    'status 103',
    '$(reboot)',
    '../start',
    'evidence',
    '-v',
  ];
  for (const word of [...words, 'x'.repeat(100_000), null, 1, ['status'], { toString: () => 'status' }]) {
    await expect(strict.start({ verb: word as Verb, by, finding: undefined })).rejects.toMatchObject({
      code: 'unknown-verb',
    });
  }
  await strict.close();
  await recording.close();
  expect(existsSync(record)).toBe(false);
  expect(journal.events).toEqual([]);
});

test('of many simultaneous mutating requests one runs, and the others are told who started which verb and when', async () => {
  host.set('slow', 1);
  const verbs = ['cycle', 'reset', 'start', 'stop'] as const;
  const tries = Array.from({ length: 50 }, (_, n) =>
    power.start({ verb: verbs[n % 4] ?? 'stop', by, finding: undefined }),
  );
  const settled = await Promise.allSettled(tries);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = settled.find((each) => each.status === 'rejected');
  expect(refused?.reason).toMatchObject({
    code: 'verb-running',
    extra: { result: { exit_code: null, rejected: true } },
  });
  expect(String(refused?.reason.message)).toMatch(
    /^cycle by viktor \(operator\) is running on devvm since \S+ \(\d+ s\)\.$/,
  );
  expect(power.running()?.verb).toBe('cycle');
  // Read-only verbs run beside it.
  expect(await finish('status')).toMatchObject({ state: 'succeeded' });
  const running = power.running();
  if (running !== undefined) await power.wait(running.id, 20_000);
  expect(mutatingCalls()).toBe(1);
  expect(host.overlaps()).toEqual([]);
});

test('fifty races in a row never bring two mutating verbs to the host', async () => {
  const fast = create({
    bounds: { sshWaitMs: 1, check: quick },
    readings: hearing(answering),
    evidence: noEvidence,
  });
  for (let round = 0; round < 50; round++) {
    const settled = await Promise.allSettled([
      fast.start({ verb: 'stop', by, finding: undefined }),
      fast.start({ verb: 'cycle', by, finding: undefined }),
    ]);
    const won = settled.filter((each) => each.status === 'fulfilled');
    expect(won).toHaveLength(1);
    const [winner] = won;
    if (winner !== undefined) await fast.wait(winner.value.id, 20_000);
  }
  expect(host.overlaps()).toEqual([]);
  await fast.close();
});

test('a host that is busy with another verb rejects this one', async () => {
  host.set('refuse', 'cycle by 10.0.0.9 since 10:00:00Z (12 s)');
  const operation = await finish('stop');
  expect(operation).toMatchObject({ state: 'failed', result: { exit_code: null, rejected: true } });
  expect(operation.result?.stderr).toContain('cycle by 10.0.0.9');
});

test('whoever follows is told of each operation when it begins and when it is over, and then no more', async () => {
  for (const options of [{}, { journal: undefined }]) {
    const followed = create(options);
    const told: (readonly [string, string, boolean])[] = [];
    const end = followed.follow(({ verb, state, finished_at }) =>
      told.push([verb, state, finished_at !== undefined]),
    );
    await finish('status', followed);
    await finish('forensics', followed);
    end();
    await finish('status', followed);
    expect(told).toEqual([
      ['status', 'running', false],
      ['status', 'succeeded', true],
      ['forensics', 'running', false],
      ['forensics', 'succeeded', true],
    ]);
    await followed.close();
  }
});

test('at the time limit the waiting ends and the operation goes on', async () => {
  host.set('slow', 1.5);
  const { id } = await power.start({ verb: 'cycle', by, finding: undefined });
  const waited = await power.waitResult(id, 300);
  expect(waited).toMatchObject({ state: 'running' });
  expect(waited.result).toBeUndefined();
  expect(await power.wait(id, 20_000)).toMatchObject({ state: 'succeeded', result: { exit_code: 0 } });
});

test('a watcher that comes late gets what was printed; one that leaves changes nothing', async () => {
  host.set('slow', 1);
  const { id } = await power.start({ verb: 'cycle', by, finding: undefined });
  while (power.running()?.steps.at(-1)?.name !== 'forensics') await sleep(10);
  await sleep(100);
  const changes: OperationChange[] = [];
  const leave = power.watch(id, (change) => changes.push(change));
  expect(changes[0]).toMatchObject({ type: 'output', stream: 'stdout' });
  leave();
  const before = changes.length;
  expect(await power.wait(id, 20_000)).toMatchObject({ state: 'succeeded' });
  expect(changes).toHaveLength(before);
  const after: OperationChange[] = [];
  power.watch(id, (change) => after.push(change));
  expect(after.at(-1)).toMatchObject({ type: 'finished', operation: { state: 'succeeded' } });
});

test('more than 1 MiB of output is cut and the verb still has its outcome', async () => {
  host.set('loud', 3_000_000);
  const operation = await finish('reset');
  expect(operation).toMatchObject({ state: 'succeeded', outcome: { vm_state: 'running' } });
  expect(operation.result?.stdout.length).toBeLessThan(1_100_000);
});
