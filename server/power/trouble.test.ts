// What must hold when the connection, the journal or the server itself goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newOperationId, parseTargetName, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Verb } from '../../protocol/verbs.ts';
import { hearing } from '../../test/support/hearing.ts';
import { createMemoryJournal, type MemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { answering } from '../../test/support/probed.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { createReadings } from '../readings/readings.ts';
import type { Power } from './port.ts';
import { createPower, type PowerParts } from './power.ts';

const target = parseTargetName('devvm') as TargetName;
const by = { type: 'operator', name: 'viktor' } as const;
/** Patient: a busy machine takes its time to answer. */
const check = { askMs: 30_000, gapMs: 200, unansweredMs: 60_000, busyMs: 60_000 };

let host: TestPowerHost;
let journal: MemoryJournal;

const create = (options: Partial<PowerParts> = {}): Power =>
  createPower({
    target,
    host: { ssh: connectTo(host, { hostKeyAlias: 'pve' }), vmid: undefined },
    journal,
    readings: hearing(answering),
    evidence: noEvidence,
    logger: silent,
    bounds: { sshWaitMs: 1_000, check },
    ...options,
  });
const mutatingCalls = (): number => host.calls().filter((call) => call !== 'status').length;
const stepNames = ({ steps }: Operation): readonly string[] => steps.map(({ name }) => name);

/** Starts a verb, cuts its connection once the host has begun, and gives every state that a watcher saw. */
async function cut(
  power: Power,
  verb: Verb,
  before = (): void => {},
): Promise<{ operation: Operation; states: readonly string[] }> {
  host.set('slow', 1);
  const started = await power.start({ verb, by, finding: undefined });
  const states: string[] = [];
  power.watch(started.id, (change) => {
    if (change.type !== 'output' && states.at(-1) !== change.operation.state)
      states.push(change.operation.state);
  });
  while (mutatingCalls() === 0) await sleep(10);
  await sleep(150);
  before();
  host.signal(host.connections(), 'SIGKILL');
  return { operation: await power.wait(started.id, 150_000), states };
}

beforeAll(async () => {
  host = await startPowerHost();
});
beforeEach(() => {
  journal = createMemoryJournal();
  for (const name of ['refuse', 'busy', 'slow', 'code', 'calls', 'mute', 'overlaps', 'limit'])
    host.unset(name);
  host.set('state', 'running');
  host.set('born', 1_000_000_000);
});
afterAll(() => host.stop());

test('when the connection is lost during a verb, the outcome is unknown until the host was asked; the verb is never sent again', async () => {
  const power = create();
  host.set('busy', 'cycle by 127.0.0.1');
  setTimeout(() => host.unset('busy'), 2_500);
  const { operation, states } = await cut(power, 'cycle');
  expect(states).toEqual(['running', 'unknown', 'succeeded']);
  expect(operation.outcome).toMatchObject({ vm_state: 'running', new_process: true, ssh_answers: true });
  expect(operation.result).toMatchObject({ exit_code: null, rejected: false });
  expect(operation.result?.stderr).toContain('connection');
  expect(stepNames(operation)).toContain('connection lost: asking the host');
  expect(mutatingCalls()).toBe(1);
  await power.close();
});

test('after a lost connection a stop that did not happen has failed, and a reset stays unknown', async () => {
  const power = create();
  host.set('state', 'running');
  const reset = await cut(power, 'reset');
  expect(reset.operation).toMatchObject({ state: 'unknown', outcome: { vm_state: 'running' } });
  host.unset('calls');
  host.set('state', 'running');
  const stop = await cut(power, 'stop', () => host.set('slow', 0));
  // The fixture's worker is slower than two questions: the host still says running and nothing in progress.
  expect(['failed', 'succeeded']).toContain(stop.operation.state);
  expect(stop.operation.outcome?.vm_state).toBe(stop.operation.state === 'failed' ? 'running' : 'stopped');
  await power.close();
});

test('a host that cannot be asked after a lost connection leaves an honest unknown, within a limit', async () => {
  const power = create({
    bounds: { sshWaitMs: 1_000, check: { ...check, askMs: 3_000, unansweredMs: 1_500 } },
  });
  const { operation } = await cut(power, 'cycle', () => host.signal([host.listener], 'SIGSTOP'));
  host.signal([host.listener], 'SIGCONT');
  expect(operation).toMatchObject({ state: 'unknown', result: { exit_code: null } });
  expect(operation.outcome?.summary).toContain('could not be asked');
  await power.close();
});

test('a verb that the host allows longer than we would wait is waited for, and says until when', async () => {
  const power = create({ bounds: { sshWaitMs: 1_000, check, limitMs: 9_000 } });
  host.set('slow', 11);
  host.set('limit', 300);
  const { id } = await power.start({ verb: 'start', by, finding: undefined });
  const seen: Operation[] = [];
  power.watch(id, (change) => change.type !== 'output' && seen.push(change.operation));
  const operation = await power.wait(id, 120_000);
  expect(operation).toMatchObject({ state: 'succeeded', limit: { seconds: 300 } });
  expect(seen.some(({ state, limit }) => state === 'running' && limit?.seconds === 300)).toBe(true);
  expect(operation.result?.stdout).not.toContain('BREAKGLASS');
  expect(host.calls().filter((call) => call === 'start')).toHaveLength(1);
});

test('when the power host cannot be reached the verb fails at once and was certainly not sent', async () => {
  const power = create({ host: { ssh: connectTo({ ...host, port: 1 }), vmid: undefined } });
  const operation = await power.wait(
    (await power.start({ verb: 'cycle', by, finding: undefined })).id,
    20_000,
  );
  expect(operation).toMatchObject({ state: 'failed', result: { exit_code: 255, rejected: false } });
  expect(operation.result?.stderr).toContain('refused the connection');
  expect(power.running()).toBeUndefined();
  await power.close();
});

test('verbs work without a journal, with one that fails and with one that hangs', async () => {
  for (const mode of ['absent', 'fail', 'hang'] as const) {
    const broken = createMemoryJournal();
    if (mode !== 'absent') broken.mode = mode;
    const power = create({ journal: mode === 'absent' ? undefined : broken });
    const { id } = await power.start({ verb: 'cycle', by, finding: undefined });
    let printed = '';
    power.watch(id, (change) => {
      if (change.type === 'output') printed += change.text;
    });
    expect(await power.wait(id, 20_000)).toMatchObject({ state: 'succeeded', result: { exit_code: 0 } });
    expect(printed).toContain('evidence: e1');
    expect(await power.get(id)).toMatchObject({ state: 'succeeded' });
    await power.close();
  }
});

test('an operation is read back from the journal by another server', async () => {
  const first = create();
  const { id } = await first.start({ verb: 'cycle', by, finding: undefined });
  const done = await first.wait(id, 20_000);
  const second = create();
  const { started_at: _1, finished_at: _2, ...rest } = done;
  expect(await second.get(id)).toMatchObject(rest);
  expect(await second.get(newOperationId())).toBeUndefined();
  await expect(second.wait(newOperationId(), 1)).rejects.toMatchObject({ code: 'unknown-operation' });
  await Promise.all([first.close(), second.close()]);
});

test('a server that ends during a verb leaves the operation open; the next one asks the host, closes it once and runs nothing', async () => {
  host.set('slow', 1.5);
  const dying = create();
  const { id } = await dying.start({ verb: 'cycle', by, finding: undefined });
  while (mutatingCalls() === 0) await sleep(10);
  await sleep(200);
  await dying.close();
  expect(journal.events.some(({ kind }) => kind === 'power_finished')).toBe(false);

  host.set('busy', 'cycle by 127.0.0.1');
  const next = create();
  const recovery = next.recover();
  await sleep(50);
  await expect(next.start({ verb: 'start', by, finding: undefined })).rejects.toMatchObject({
    code: 'verb-running',
  });
  const status = await next.start({ verb: 'status', by, finding: undefined });
  expect(await next.wait(status.id, 5_000)).toMatchObject({ state: 'succeeded' });
  setTimeout(() => host.unset('busy'), 1_500);
  await recovery;
  const closed = await next.get(id);
  expect(closed).toMatchObject({ state: 'succeeded', outcome: { vm_state: 'running', new_process: true } });
  expect(closed?.outcome?.summary).toContain('The server stopped while cycle ran.');
  const ends = journal.events.filter((event) => event.kind === 'power_finished' && event.operation_id === id);
  expect(ends).toHaveLength(1);
  expect(mutatingCalls()).toBe(1);
  await next.recover();
  expect(
    await next.wait((await next.start({ verb: 'stop', by, finding: undefined })).id, 20_000),
  ).toMatchObject({
    state: 'succeeded',
  });
  await next.close();
});

test('a status that hangs does not hold up the end of the server', async () => {
  host.set('mute', 1);
  const power = create();
  const { id } = await power.start({ verb: 'status', by, finding: undefined });
  await sleep(300);
  await power.close();
  expect(await power.wait(id, 10)).toMatchObject({ state: 'running' });
});

test('a power path that is for another VM refuses every verb but status, before anything is sent', async () => {
  host.set('vm', 103);
  const path = { ssh: connectTo(host, { hostKeyAlias: 'pve' }), vmid: 102 };
  const readings = createReadings({ host: path, guest: { probe: answering } });
  const power = create({ host: path, readings });
  const before = host.calls().filter((call) => call !== 'status').length;
  for (const verb of ['cycle', 'reset', 'start', 'stop', 'forensics'] as const) {
    const operation = await power.wait((await power.start({ verb, by, finding: undefined })).id, 20_000);
    expect(operation).toMatchObject({
      state: 'failed',
      outcome: { refused: 'other-vm' },
      result: { exit_code: null, rejected: true },
    });
    expect(operation.outcome?.summary).toMatch(/^Not done\. .*answers for VM 103, not for VM 102/);
  }
  expect(host.calls().filter((call) => call !== 'status')).toHaveLength(before);
  const status = await power.wait((await power.start({ verb: 'status', by, finding: undefined })).id, 20_000);
  expect(status).toMatchObject({ state: 'failed' });
  expect(status.outcome?.summary).toContain('answers for VM 103');
  // The host is corrected: the next verb asks again and runs.
  host.set('vm', 102);
  const cured = await power.wait((await power.start({ verb: 'reset', by, finding: undefined })).id, 20_000);
  expect(cured.state).toBe('succeeded');
  host.unset('vm');
  await power.close();
});

test('a host that does not say which VM it is for, where the target names one, is refused; an older script is not', async () => {
  const path = { ssh: connectTo(host, { hostKeyAlias: 'pve' }), vmid: 102 };
  const power = create({ host: path, readings: createReadings({ host: path, guest: { probe: answering } }) });
  // It says nothing of its VM, as the scripts before this one: there is nothing to compare.
  const old = await power.wait((await power.start({ verb: 'reset', by, finding: undefined })).id, 20_000);
  expect(old.state).toBe('succeeded');
  await power.close();
  const nowhere = { ssh: connectTo({ ...host, port: 1 }), vmid: 102 };
  const gone = create({
    host: nowhere,
    readings: createReadings({ host: nowhere, guest: { probe: answering } }),
  });
  const lost = await gone.wait((await gone.start({ verb: 'cycle', by, finding: undefined })).id, 20_000);
  expect(lost).toMatchObject({ state: 'failed', result: { exit_code: 255, rejected: false } });
  expect(lost.outcome?.summary).toContain('cold path');
  await gone.close();
});

test('a host that needs as long for a status as its own limit allows is asked which VM it is, and the verb runs', async () => {
  host.set('vm', 102);
  host.set('mute', 13);
  const path = { ssh: connectTo(host, { hostKeyAlias: 'pve' }), vmid: 102 };
  const power = create({ host: path, readings: createReadings({ host: path, guest: { probe: answering } }) });
  const reset = await power.wait((await power.start({ verb: 'reset', by, finding: undefined })).id, 60_000);
  expect(reset).toMatchObject({ state: 'succeeded' });
  host.unset('mute');
  host.unset('vm');
  await power.close();
});
