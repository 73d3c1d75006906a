import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newSessionId, parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { manifest, packBundle, STALLED } from '../../test/support/bundle.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { Evidence, Latest } from '../evidence/port.ts';
import { createGuest } from '../guest/guest.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { HostStatus } from './host-output.ts';
import type { Power } from './port.ts';
import { createPower } from './power.ts';
import { quickReport } from './quick-triage.ts';
import { createTargetWatch } from './target-state.ts';
import { runTriage } from './triage-run.ts';

const raise = (): never => {
  throw new Error('nothing was captured');
};
const target = parseTargetName('devvm') as TargetName;
const answering = async () => ({ answers: true, detail: 'SSH answered.', ms: 1 });
const dead = async () => ({ answers: false, detail: 'SSH gave no answer within 5.0 s.', ms: 1 });
let host: TestPowerHost;
let ssh: SshConnection;

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
});
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

const CAPTURE = `  agent-ping   error     3004 ms  exit 255
cur memory: 4096
new memory: 8192
del balloon
diskread: 100 -> 100 (+0 bytes between the samples)
diskwrite: 200 -> 200 (+0 bytes between the samples)
`;

test('a silent guest whose disks stand still is captured and found stalled: cycle, never reset; what is staged is said', async () => {
  host.set('capture', CAPTURE);
  const { finding, cautions } = await runTriage({ target, ssh, guestProbe: dead });
  expect(finding).toMatchObject({ code: 'block-path-stalled', advised: 'cycle', warned: ['reset'] });
  expect(finding.inputs).toContainEqual({ name: 'evidence', value: 'e1' });
  expect(cautions[0]?.text).toContain('memory: 4096 → 8192, balloon: removed');
});

test('a VM that answers SSH is not captured; a stopped one is, for its locks and the reason of its end', async () => {
  const before = host.calls().filter((call) => call === 'forensics').length;
  expect((await runTriage({ target, ssh, guestProbe: answering })).finding.code).toBe('repair-in-guest');
  host.set('state', 'stopped');
  expect((await runTriage({ target, ssh, guestProbe: dead })).finding).toMatchObject({
    code: 'stopped',
    advised: 'start',
  });
  host.set('state', 'running');
  expect(host.calls().filter((call) => call === 'forensics')).toHaveLength(before + 1);
});

test('a bundle that can be fetched decides instead of the text, is kept, and is linked to who asked', async () => {
  host.set('capture', '');
  host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest({ id: 'e1' }) }, 'e1'));
  const journal = createMemoryJournal();
  const evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal, logger: silent });
  const session_id = newSessionId();
  const by = { type: 'agent', name: 'claude' } as const;
  const { finding } = await runTriage({ target, ssh, guestProbe: dead, evidence }, { by, session_id });
  expect(finding).toMatchObject({ code: 'block-path-stalled', confidence: 0.95 });
  expect(finding.inputs).toContainEqual({ name: 'evidence', value: 'e1' });
  expect(journal.events).toMatchObject([{ kind: 'evidence', evidence_id: 'e1', session_id, actor: by }]);

  // What was captured counts for the verb that may follow, without another capture; not once the VM is another.
  const captured = evidence.latest();
  const now = { answers: false, detail: 'no answer' };
  const status = { vmState: 'running', qmp: 'answers', pid: 4242 } as const;
  const nothing = {
    uptimeS: undefined,
    busy: undefined,
    lock: undefined,
    task: undefined,
    guestAgent: undefined,
  };
  const quick = (more: Partial<HostStatus>, answers = now, at?: number) =>
    quickReport(
      {
        target,
        ssh: answers,
        captured,
        host: { status: { ...status, ...nothing, ...more }, version: undefined },
      },
      at,
    ).finding.code;
  expect(quick({})).toBe('block-path-stalled');
  expect(quick({ pid: 5000 })).toBe('not-known');
  expect(quick({ vmState: 'stopped' })).toBe('stopped');
  expect(quick({}, { answers: true, detail: '' })).toBe('repair-in-guest');
  expect(quick({}, now, Date.now() + 3_600_000)).toBe('not-known');
  // A backup that runs, of a VM that is well, is no stale lock.
  const well = { answers: true, detail: '' };
  expect(quick({ lock: 'backup', task: 'UPID:lab:1' }, well)).toBe('busy');
  // Not asked again yet: as it was when it was captured. An lsi disk has no queues to tell by.
  const { queues: _, ...lsi } = captured?.signals ?? raise();
  const unasked = { target, ssh: { answers: undefined, detail: 'not asked yet' }, host: undefined } as const;
  const then = { signals: lsi, atMs: Date.now() };
  expect(quickReport({ ...unasked, captured: { ...then, ssh: now } }).finding.code).toBe(
    'block-path-stalled',
  );
  expect(quickReport({ ...unasked, captured: { ...then, ssh: unasked.ssh } }).finding.code).toBe('not-known');
  host.unset('bundle');
});

test('before a verb triage answers within a second, whatever hangs, and then finds nothing against it', async () => {
  host.set('mute', '');
  const probe = () => new Promise<never>(() => {});
  const guest = { ...createGuest({ repair: connectTo({ ...host, port: 1 }), logger: silent }), probe };
  const watch = createTargetWatch({
    target,
    ssh,
    guest,
    power: { running: () => undefined } as unknown as Power,
  });
  const limit = new Promise((resolve) => setTimeout(() => resolve('too late'), 1_500));
  expect(await Promise.race([watch.quick(), limit])).toMatchObject({
    finding: { code: 'not-known', warned: [] },
  });
  host.unset('mute');
});

test('a status from before a capture does not speak against it', async () => {
  const guest = {
    ...createGuest({ repair: ssh, logger: silent }),
    probe: async () => ({ answers: false, detail: 'no answer', ms: 1 }),
  };
  const power = { running: () => undefined } as unknown as Power;
  const wedged = {
    signals: { vmState: 'running', qmp: 'silent', processState: 'T' },
    ssh: { answers: false, detail: 'no answer' },
  } as const;
  let captured: Latest | undefined;
  const evidence = { latest: () => captured } as unknown as Evidence;
  const watch = createTargetWatch({ target, ssh, guest, power, evidence });
  expect((await watch.state()).qmp.answers).toBe(true);
  // The host falls silent, and a capture tells so.
  host.set('mute', '');
  vi.useFakeTimers({ now: Date.now() + 4_000, toFake: ['Date'] });
  try {
    captured = { ...wedged, atMs: Date.now() };
    expect((await watch.quick()).finding.code).toBe('qemu-wedged');
    // One from after it does: QEMU answers again.
    captured = { ...wedged, atMs: Date.now() - 60_000 };
    expect((await watch.quick()).finding.code).not.toBe('qemu-wedged');
  } finally {
    vi.useRealTimers();
    host.unset('mute');
  }
});

test('what triage heard of the host counts for the verb that follows at once', async () => {
  const guest = { ...createGuest({ repair: ssh, logger: silent }), probe: answering };
  const power = { running: () => undefined } as unknown as Power;
  const watch = createTargetWatch({ target, ssh, guest, power });
  expect((await watch.state()).vm.state).toBe('running');
  host.set('state', 'paused');
  try {
    expect((await watch.triage()).finding.code).toBe('paused');
    expect((await watch.quick()).finding.code).toBe('paused');
  } finally {
    host.unset('state');
  }
});

test('the live state is asked for only when somebody looks, and by two at once only once', async () => {
  const count = () => host.calls().filter((call) => call === 'status').length;
  let probes = 0;
  const probe = async () => {
    probes += 1;
    return { answers: true, detail: 'SSH answered.', ms: 1 };
  };
  const guest = { ...createGuest({ repair: ssh, logger: silent }), probe };
  const watch = createTargetWatch({
    target,
    ssh,
    guest,
    power: { running: () => undefined } as unknown as Power,
  });
  const before = count();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([count() - before, probes]).toEqual([0, 0]);
  const [state] = await Promise.all([watch.state(), watch.state(), watch.quick()]);
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
    ssh: silentHost,
    journal: undefined,
    guestProbe: dead,
    logger: silent,
    config: { verbTimeoutMs: 60_000 },
  });
  const limit = new Promise((resolve) => setTimeout(() => resolve('too late'), 10_000));
  const [report, operation] = await Promise.all([
    Promise.race([runTriage({ target, ssh: silentHost, guestProbe: dead }), limit]),
    power
      .start({ verb: 'cycle', by: { type: 'operator', name: 'a' } })
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
  const { finding } = await runTriage({ target, ssh: nowhere, guestProbe: dead });
  expect(finding).toMatchObject({ code: 'cold-case', advised: null });
  expect(finding.inputs[0]?.value).toContain('refused the connection');

  const guest = createGuest({ repair: connectTo({ ...host, port: 1 }), logger: silent });
  const power = createPower({
    target,
    ssh: nowhere,
    journal: undefined,
    guestProbe: dead,
    config: { verbTimeoutMs: 1_000 },
    logger: silent,
  });
  const state = await createTargetWatch({ target, ssh: nowhere, guest, power }).state();
  expect(state).toMatchObject({
    vm: { state: 'unknown' },
    ssh: { answers: false },
    qmp: { answers: null },
    guest_agent: { answers: null },
    warnings: [],
    operation: null,
  });
  expect(state.vm.detail).toContain('refused the connection');
  await Promise.all([guest.close(), power.close(), nowhere.close()]);
});
