// One target against a real sshd: what it says of itself to whoever looks, and what it presses.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { newOperationId, type TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { manifest, packBundle, STALLED } from '../../test/support/bundle.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost } from '../../test/support/power-host.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import { startSshd } from '../../test/support/sshd.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/wait-for.ts';
import type { TargetConfig } from '../config/targets.ts';
import type { Journal } from '../journal/port.ts';
import type { PressRequest } from '../press/press.ts';
import { openControlDir, removeControlDir } from '../ssh/control-dir.ts';
import { createHostKeys } from './host-keys.ts';
import { createLookRoom } from './own-looks.ts';
import { createTarget } from './target.ts';

const by = { type: 'operator', name: 'ann', via: 'token' } as const;

async function house(journal: Journal = createMemoryJournal(), vmPort?: number) {
  const host = await startPowerHost();
  const vm = await startSshd();
  const dataDir = tempDir();
  const controlDir = openControlDir(dataDir);
  const config: TargetConfig = {
    name: 'devvm' as TargetName,
    title: undefined,
    vm: { host: '127.0.0.1', port: vmPort ?? vm.port, user: vm.user },
    observerUser: undefined,
    vmKeyPath: vm.keyPath,
    powerHost: { host: '127.0.0.1', port: host.port, user: host.user },
    powerKeyPath: host.keyPath,
    vmid: undefined,
    policy: undefined,
    alerts: [],
  };
  const target = createTarget(config, {
    defaultTarget: config,
    policy: 'autonomous',
    dataDir,
    controlDir,
    authSock: undefined,
    ownerEnv: {},
    searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
    home: dataDir,
    hostKeys: createHostKeys(),
    lookRoom: createLookRoom(),
    journal,
    logger: silent,
  });
  onTestFinished(async () => {
    await target.close();
    removeControlDir(controlDir);
    await vm.stop();
    await host.stop();
  });
  await until(
    'the host to have answered',
    async () => (await target.state()).vm.state !== 'unknown' || undefined,
  );
  const press = (verb: string, more: Partial<PressRequest> = {}) =>
    target.press.press({
      verb,
      by,
      session: undefined,
      permission: { type: 'person' },
      applies: { type: 'refused' },
      secondPress: { type: 'not-asked' },
      once: { type: 'no-key' },
      ...more,
    });
  const ended = async (verb: string, more: Partial<PressRequest> = {}) =>
    target.power.wait((await press(verb, more)).id, 120_000);
  return { target, host, vm, press, ended, journal };
}

test('start of a VM that runs is refused before anything is captured, and reaches the host where it is left to the host', async () => {
  const { target, host, press, ended } = await house();
  expect((await target.state()).verbs).toMatchObject({
    start: { applies: false, why: 'The VM runs already: start would change nothing.' },
    cycle: { applies: true },
  });
  await expect(press('start')).rejects.toMatchObject({ code: 'does-not-apply' });
  expect(host.calls().filter((call) => call !== 'status')).toEqual([]);
  await ended('start', { applies: { type: 'left-to-the-host' } });
  expect(host.calls()).toContain('start');
});

test('what was seen before a verb forbids nothing after it: stop, then start at once', async () => {
  const { target, host, ended } = await house();
  expect((await target.state()).verbs?.start.applies).toBe(false);
  expect(await ended('stop')).toMatchObject({ state: 'succeeded' });
  // The reading of the running VM is a moment old.
  expect(target.known().verbs?.start.applies).toBe(true);
  expect(await ended('start')).toMatchObject({ state: 'succeeded' });
  expect(host.calls().filter((call) => call === 'start')).toHaveLength(1);
});

test('a host that does not answer in time keeps nobody from a verb', async () => {
  const { host, target, ended } = await house();
  await ended('stop');
  host.set('mute', '60');
  expect(target.known().verbs?.stop.applies).toBe(true);
  expect(await ended('stop')).toMatchObject({ verb: 'stop' });
  expect(host.calls().filter((call) => call === 'stop')).toHaveLength(2);
});

test('a verb makes what triage found past at once, while it runs and afterwards, and names who pressed', async () => {
  const { target, host, press } = await house();
  await target.diagnosis.triage({ by });
  const { finding } = await target.state();
  expect(finding).toMatchObject({ pid: 1, report: { target: 'devvm' } });
  expect(finding).not.toHaveProperty('past');
  host.set('slow', 1);
  const { id } = await press('reset');
  expect(target.known().finding?.past).toBe('It is from before reset by ann.');
  await target.power.wait(id, 120_000);
  expect(target.known().finding?.past).toBe('It is from before reset by ann.');
  await target.diagnosis.triage({ by });
  expect(target.known().finding).not.toHaveProperty('past');
});

test('a triage that a verb overtakes is past when it arrives', async () => {
  const { target, host, ended } = await house();
  host.set('mute', 2);
  const triage = target.diagnosis.triage({ by });
  await ended('reset');
  await triage;
  expect(target.known().finding?.past).toBe('It is from before reset by ann.');
});

test('a fresh device knows the last operations, the last evidence and who pressed, also after a restart', async () => {
  const { target, host, ended, journal } = await house();
  host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest({ id: 'e1' }) }, 'e1'));
  await ended('forensics');
  await ended('status');
  const reset = await ended('reset');
  const expected = {
    operations: [
      { id: reset.id, verb: 'reset', by, state: 'succeeded', summary: reset.outcome?.summary },
      { verb: 'forensics', by, state: 'succeeded' },
    ],
    evidence: { id: 'e1' },
  };
  expect((await target.state()).recent).toMatchObject(expected);
  const next = await house(journal);
  expect((await next.target.state()).recent).toMatchObject(expected);
});

const reportAt = (at: string): TriageReport => ({
  target: 'devvm',
  at,
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'Stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: 'Cycle.',
    inputs: [],
  },
});

test('a finding survives a restart while it is young; a verb that is recorded after it makes it past', async () => {
  const journal = createMemoryJournal();
  const name = 'devvm' as TargetName;
  const recorded = (at: string) =>
    journal.append([{ kind: 'finding', report: reportAt(at), actor: by, target: name }]);
  await recorded(new Date(Date.now() - 10 * 60_000).toISOString());
  const old = await house(journal);
  expect((await old.target.state()).finding?.past).toBeDefined();
  await recorded(new Date().toISOString());
  const { target } = await house(journal);
  const { finding } = await target.state();
  expect(finding).toMatchObject({ report: { finding: { code: 'block-path-stalled' } } });
  expect(finding).not.toHaveProperty('past');
  await journal.append([
    { kind: 'power_started', verb: 'cycle', by, operation_id: newOperationId(), actor: by, target: name },
  ]);
  expect(target.known().finding?.past).toBe('It is from before cycle by ann.');
  const after = await house(journal);
  expect((await after.target.state()).finding?.past).toBe('It is from before cycle by ann.');
});

/** A VM that accepts every connection and says nothing. */
async function silentVm(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('whoever reads the state of a silent VM starts one triage, shared by all; nobody who does not read starts any; it survives a restart', async () => {
  const journal = createMemoryJournal();
  const port = await silentVm();
  const { target, host } = await house(journal, port);
  const captures = () => host.calls().filter((call) => call === 'forensics').length;
  host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest({ id: 'e1' }) }, 'e1'));
  await until('SSH to be found silent', async () =>
    (await target.state()).ssh.reading === 'silent' ? true : undefined,
  );
  // `state` alone is no person: the agent asks for it too.
  expect([captures(), target.known().looking, target.known().finding]).toEqual([0, undefined, undefined]);
  const found = await until('a finding', async () => {
    for (let n = 0; n < 3; n += 1) target.watched();
    return (await target.state()).finding;
  });
  expect(found).toMatchObject({
    report: { finding: { code: 'block-path-stalled', word: 'Wedged', headline: expect.any(String) } },
    hour: { step_s: 60, bytes_per_s: [5, 9, 4, 0, 0, 0, 0] },
  });
  expect(captures()).toBe(1);
  await until('the record of it', () =>
    journal.events.find(({ kind, actor }) => kind === 'finding' && actor.type === 'server'),
  );
  const next = await house(journal, port);
  expect((await next.target.state()).finding?.report).toEqual(found.report);
});

test('after a verb it looks once by itself, so that the next cause is known without a press', async () => {
  const { target, host, ended } = await house(createMemoryJournal(), await silentVm());
  await ended('stop');
  const before = host.calls().filter((call) => call === 'forensics').length;
  const finding = await until('a finding that is not past', async () => {
    target.watched();
    const now = (await target.state()).finding;
    return now === undefined || now.past !== undefined ? undefined : now;
  });
  expect(finding.report.finding).toMatchObject({ code: 'stopped', word: 'Stopped' });
  expect(host.calls().filter((call) => call === 'forensics')).toHaveLength(before + 1);
});

test('without a journal, and with one that hangs, a target shows the rest', async () => {
  const hanging = createMemoryJournal();
  hanging.newest = () => new Promise(() => {});
  const { target } = await house(hanging);
  const state = await target.state();
  expect(state).toMatchObject({ vm: { state: 'running' } });
  expect(state).not.toHaveProperty('recent');
});
