import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newSessionId, parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { manifest, packBundle, STALLED } from '../../test/support/bundle.ts';
import { hearing } from '../../test/support/hearing.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { answering, SSH_WORKS, silentGuest } from '../../test/support/probed.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { Evidence, Latest } from '../evidence/port.ts';
import type { Guest } from '../guest/port.ts';
import { createPower } from '../power/power.ts';
import type { HostStatus } from '../power-host/output.ts';
import type { PowerPath } from '../power-host/run-verb.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { targetState } from '../targets/target-state.ts';
import { known } from '../triage/reading.ts';
import type { SshSignal } from '../triage/signals.ts';
import { createDiagnosis } from './diagnosis.ts';
import { quickReport } from './quick-triage.ts';
import { createReadings } from './readings.ts';
import { runTriage } from './triage-run.ts';

const NO_PAST = { recent: () => undefined, found: () => undefined, verb: () => undefined };
const raise = (): never => {
  throw new Error('nothing was captured');
};
const target = parseTargetName('devvm') as TargetName;
const dead = silentGuest;
let host: TestPowerHost;
let ssh: SshConnection;

const CAUSE = { by: { type: 'operator', name: 'viktor' } } as const;
let ours: PowerPath;

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
  ours = { ssh, vmid: undefined };
});

/** Readings and triage of the target, and its state as it is shown. */
function look(probe: Guest['probe'], evidence: Evidence = noEvidence, to = ssh) {
  const path = { ssh: to, vmid: undefined };
  const readings = createReadings({ host: path, guest: { probe } });
  const diagnosis = createDiagnosis({ target, host: path, readings, evidence });
  const power = { running: () => undefined, lastChange: () => undefined };
  const state = async () => {
    await readings.refresh(1_500);
    return targetState({
      name: target,
      title: undefined,
      readings,
      evidence,
      power,
      diagnosis,
      past: NO_PAST,
      keyAcceptedAt: () => 0,
    });
  };
  return { diagnosis, state };
}
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

const CAPTURE = `threads in D state: none in sample A, none in sample B
quorum: yes
ha: no
lock: none
qemu-server's lock: free
  agent-ping   error     3004 ms  exit 255
cur memory: 4096
new memory: 8192
del balloon
diskread: 100 -> 100 (+0 bytes between the samples)
diskwrite: 200 -> 200 (+0 bytes between the samples)
`;

test('a silent guest is captured; where only the text of it came, two flat seconds advise nothing, and what is staged is said', async () => {
  host.set('capture', CAPTURE);
  const { finding, cautions } = await runTriage(
    { target, host: ours, readings: hearing(dead), evidence: noEvidence },
    CAUSE,
  );
  expect(finding).toMatchObject({ code: 'not-known', advised: null });
  expect(finding.inputs).toContainEqual({ name: 'evidence', value: 'e1' });
  expect(cautions[0]?.text).toContain('memory: 4096 → 8192, balloon: removed');
});

test('a VM that answers SSH is not captured; a stopped one is, for its locks and the reason of its end', async () => {
  const before = host.calls().filter((call) => call === 'forensics').length;
  expect(
    (await runTriage({ target, host: ours, readings: hearing(answering), evidence: noEvidence }, CAUSE))
      .finding.code,
  ).toBe('nothing-wrong-found');
  host.set('state', 'stopped');
  host.set('capture', `${CAPTURE}  journal      ok          12 ms\n`);
  expect(
    (await runTriage({ target, host: ours, readings: hearing(dead), evidence: noEvidence }, CAUSE)).finding,
  ).toMatchObject({
    code: 'stopped',
    advised: 'start',
  });
  // What the capture did not tell of its locks stands in the way.
  host.set('capture', '');
  expect(
    (await runTriage({ target, host: ours, readings: hearing(dead), evidence: noEvidence }, CAUSE)).finding,
  ).toMatchObject({ code: 'stopped', advised: null, withheld: { verb: 'start' } });
  host.set('state', 'running');
  expect(host.calls().filter((call) => call === 'forensics')).toHaveLength(before + 2);
});

test('a bundle that can be fetched decides instead of the text, is kept, and is linked to who asked', async () => {
  host.set('capture', '');
  host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest({ id: 'e1' }) }, 'e1'));
  const journal = createMemoryJournal();
  const evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal, logger: silent });
  const session_id = newSessionId();
  const by = { type: 'agent', name: 'claude' } as const;
  const { finding } = await runTriage(
    { target, host: ours, readings: hearing(dead), evidence },
    { by, session_id },
  );
  expect(finding).toMatchObject({ code: 'block-path-stalled', confidence: 0.95 });
  expect(finding.inputs).toContainEqual({ name: 'evidence', value: 'e1' });
  expect(journal.events).toMatchObject([{ kind: 'evidence', evidence_id: 'e1', session_id, actor: by }]);

  // What was captured counts for the verb that may follow, without another capture; not once the VM is another.
  const captured = evidence.latest();
  const now: SshSignal = { reading: 'silent', detail: 'no answer' };
  const well: SshSignal = { reading: 'works', detail: '' };
  const status = { vmState: 'running', qmp: 'answers', pid: 4242 } as const;
  const nothing = {
    uptimeS: undefined,
    busy: undefined,
    lock: undefined,
    task: undefined,
    guestAgent: undefined,
    vm: undefined,
    monitor: undefined,
    askedAgoS: undefined,
    cluster: undefined,
    holder: undefined,
    caller: undefined,
    freeMb: undefined,
  };
  const quick = (more: Partial<HostStatus>, answers = now, at?: number, of = captured) =>
    quickReport(
      {
        target,
        ssh: answers,
        captured: of,
        host: { status: { ...status, ...nothing, ...more }, version: undefined },
      },
      at,
    ).finding.code;
  expect(quick({})).toBe('block-path-stalled');
  expect(quick({ pid: 5000 })).toBe('not-known');
  expect(quick({ vmState: 'stopped' })).toBe('stopped');
  // A guest that is back; but where SSH worked then, too, a disk that stalled under a living guest is still what was found.
  expect(quick({}, well)).toBe('nothing-wrong-found');
  const alive = captured === undefined ? undefined : { ...captured, ssh: well };
  expect(quick({}, well, undefined, alive)).toBe('block-path-stalled');
  expect(quick({ pid: 5000 }, well, undefined, alive)).toBe('nothing-wrong-found');
  expect(quick({}, now, Date.now() + 3_600_000)).toBe('not-known');
  // A backup that runs, of a VM that is well, is no stale lock.
  const task = 'UPID:lab:00001234:00001234:6B08EE8F:vzdump:102:root@pam:';
  expect(quick({ lock: 'backup', task }, well)).toBe('busy');
  // Not asked again yet: as it was when it was captured. An lsi disk has no queues to tell by.
  const queues = known({ told: true, list: [], unasked: [] });
  const lsi = { ...(captured?.signals ?? raise()), queues };
  const unasked = { target, ssh: { reading: 'unknown', detail: 'not asked yet' }, host: undefined } as const;
  const then = { signals: lsi, atMs: Date.now() };
  expect(quickReport({ ...unasked, captured: { ...then, ssh: now } }).finding.code).toBe(
    'block-path-stalled',
  );
  expect(quickReport({ ...unasked, captured: { ...then, ssh: unasked.ssh } }).finding.code).toBe('not-known');
  // SSH that answered slowly a moment ago still says that the guest lives, although a second is too short for it to say so again.
  const slow: SshSignal = { reading: 'works', detail: '', tookMs: 3_600 };
  const calm = { signals: {}, ssh: slow, atMs: Date.now() };
  const waiting = {
    target,
    ssh: unasked.ssh,
    host: { status: { ...status, ...nothing }, version: undefined },
  };
  expect(quickReport({ ...waiting, captured: calm }).finding.code).toBe('repair-in-guest');
  expect(quickReport({ ...waiting, captured: calm }, Date.now() + 40_000).finding.code).toBe('not-known');
  host.unset('bundle');
});

test('before a verb triage answers within a second, whatever hangs, and then finds nothing against it', async () => {
  host.set('mute', '');
  const probe = () => new Promise<never>(() => {});
  const { diagnosis } = look(probe);
  const limit = new Promise((resolve) => setTimeout(() => resolve('too late'), 1_500));
  expect(await Promise.race([diagnosis.quick(), limit])).toMatchObject({
    finding: { code: 'not-known', warned: [] },
  });
  host.unset('mute');
});

test('a status from before a capture does not speak against it', async () => {
  const wedged = {
    signals: {
      vmState: known('running'),
      qmp: known({ silentLooks: 2 }),
      processState: known('T'),
    },
    ssh: { reading: 'silent', detail: 'no answer' },
  } as const satisfies Omit<Latest, 'atMs'>;
  let captured: Latest | undefined;
  const evidence = { ...noEvidence, latest: () => captured };
  const { diagnosis, state } = look(silentGuest, evidence);
  expect((await state()).qmp.answers).toBe(true);
  // The host falls silent, and a capture tells so.
  host.set('mute', '');
  vi.useFakeTimers({ now: Date.now() + 4_000, toFake: ['Date'] });
  try {
    captured = { ...wedged, atMs: Date.now() };
    expect((await diagnosis.quick()).finding.code).toBe('qemu-wedged');
    // One from after it does: QEMU answers again.
    captured = { ...wedged, atMs: Date.now() - 60_000 };
    expect((await diagnosis.quick()).finding.code).not.toBe('qemu-wedged');
  } finally {
    vi.useRealTimers();
    host.unset('mute');
  }
});

test('what triage heard of the host counts for the verb that follows at once', async () => {
  const { diagnosis, state } = look(answering);
  expect((await state()).vm.state).toBe('running');
  host.set('state', 'paused');
  try {
    expect((await diagnosis.triage(CAUSE)).finding.code).toBe('paused');
    expect((await diagnosis.quick()).finding.code).toBe('paused');
  } finally {
    host.unset('state');
  }
});

test('the live state is asked for only when somebody looks, and only once when two look at the same time', async () => {
  const count = () => host.calls().filter((call) => call === 'status').length;
  let probes = 0;
  const probe = async () => {
    probes += 1;
    return SSH_WORKS;
  };
  const { diagnosis, state: now } = look(probe);
  const before = count();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([count() - before, probes]).toEqual([0, 0]);
  const [state] = await Promise.all([now(), now(), diagnosis.quick()]);
  expect([count() - before, probes]).toEqual([1, 1]);
  expect(state).toMatchObject({ vm: { state: 'running' }, qmp: { answers: true }, ssh: { answers: true } });
  expect(Date.parse(state.qmp.at ?? '')).toBeGreaterThan(Date.now() - 5_000);
});

test('a power host that accepts and stays silent is a cold case within 10 s, for triage and for a verb', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const silentHost = connectTo({ ...host, port: (server.address() as AddressInfo).port });
  const power = createPower({
    target,
    host: { ssh: silentHost, vmid: undefined },
    journal: undefined,
    readings: hearing(dead),
    evidence: noEvidence,
    logger: silent,
  });
  const limit = new Promise((resolve) => setTimeout(() => resolve('too late'), 10_000));
  const [report, operation] = await Promise.all([
    Promise.race([
      runTriage(
        { target, host: { ssh: silentHost, vmid: undefined }, readings: hearing(dead), evidence: noEvidence },
        CAUSE,
      ),
      limit,
    ]),
    power
      .start({ verb: 'cycle', by: { type: 'operator', name: 'a' }, finding: undefined })
      .then(({ id }) => power.wait(id, 10_000)),
  ]);
  expect(report).toMatchObject({ finding: { code: 'cold-case', advised: null } });
  expect(operation).toMatchObject({ state: 'failed' });
  expect(operation.outcome?.summary).toContain('cold path');
  for (const socket of sockets) socket.destroy();
  server.close();
  await Promise.all([power.close(), silentHost.close()]);
});

test('a power host that is not there is a cold case, and the live state says unknown with the reason', async () => {
  const nowhere = connectTo({ ...host, port: 1 });
  const { finding } = await runTriage(
    { target, host: { ssh: nowhere, vmid: undefined }, readings: hearing(dead), evidence: noEvidence },
    CAUSE,
  );
  expect(finding).toMatchObject({ code: 'cold-case', advised: null });
  expect(finding.inputs[0]?.value).toContain('refused the connection');

  const { state: now } = look(dead, noEvidence, nowhere);
  const state = await now();
  expect(state).toMatchObject({
    vm: { state: 'unknown' },
    ssh: { answers: false },
    qmp: { answers: null },
    guest_agent: { answers: null },
    warnings: [],
    operation: null,
  });
  expect(state.vm.detail).toContain('refused the connection');
  await nowhere.close();
});

test('a host that answers for another VM: nothing of its answer counts, nothing is captured, and the reason is shown', async () => {
  host.set('vm', 103);
  const before = host.calls().filter((call) => call === 'forensics').length;
  const other = { ssh, vmid: 102 };
  const readings = createReadings({ host: other, guest: { probe: dead } });
  const { finding } = await runTriage({ target, host: other, readings, evidence: noEvidence }, CAUSE);
  expect(finding.advised).toBe(null);
  expect(host.calls().filter((call) => call === 'forensics')).toHaveLength(before);
  expect(readings.host()?.value).toMatchObject({ status: undefined, otherVm: 103, reachable: true });
  const shown = targetState({
    name: target,
    title: undefined,
    readings,
    evidence: noEvidence,
    power: { running: () => undefined, lastChange: () => undefined },
    diagnosis: { found: () => undefined, looking: () => undefined },
    past: NO_PAST,
    keyAcceptedAt: () => 0,
  });
  expect(shown).toMatchObject({ vm: { state: 'unknown' }, qmp: { answers: null } });
  expect(shown.warnings[0]).toMatch(/answers for VM 103, not for VM 102/);
  host.unset('vm');
});
