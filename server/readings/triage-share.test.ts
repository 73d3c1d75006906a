// Triage against a host that is really asked over SSH: how many captures it costs, and what a longer look rests on.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { manifest, packBundle, qmpSample, STALLED, threads } from '../../test/support/bundle.ts';
import { hearing } from '../../test/support/hearing.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { SSH_WORKS, silentGuest } from '../../test/support/probed.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Probed } from '../guest/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { runTriage, type TriageDeps } from './triage-run.ts';
import { shareTriage } from './triage-share.ts';

const target = parseTargetName('devvm') as TargetName;
const CAUSE = { by: { type: 'operator', name: 'viktor' } } as const;
const OPENED = { ...CAUSE, unasked: true };
const LONGER = { ...CAUSE, longer: true };

let host: TestPowerHost;
let ssh: SshConnection;
let evidence: Evidence;

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
  await ssh.warm(20_000);
});
afterAll(async () => {
  await ssh.close();
  await host.stop();
});
beforeEach(async () => {
  for (const name of ['mute', 'state', 'busy']) host.unset(name);
  host.set('bundle', await bundle('e1', 0));
  evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal: undefined, logger: silent });
});

const captures = (): number => host.calls().filter((call) => call === 'forensics').length;
const at = (seconds: number): string =>
  new Date(Date.parse('2026-01-31T02:03:05Z') + seconds * 1_000).toISOString();

/** A silent guest on an lsi disk, whose history nobody kept. */
const bundle = (id: string, seconds: number, written = 4_096): Promise<Buffer> =>
  packBundle(
    {
      ...STALLED,
      'manifest.json': manifest({ id, pid: 1, began_at: at(seconds), ended_at: at(seconds + 5) }),
      'qmp-a.jsonl': qmpSample({ virtio: false, at: at(seconds), written }),
      'qmp-b.jsonl': qmpSample({ virtio: false, at: at(seconds + 2), written }),
      'tasks-b.txt': threads({ ticks: 101 }),
      'status-a.txt': '',
      'status-b.txt': '',
      'rrd.json': '',
      'kernel-log.txt': '',
    },
    id,
  );

const LET_IN: Probed = {
  answers: false,
  reading: 'silent',
  reached: 'logged-in',
  detail: 'SSH let us in, and then nothing came within 5.0 s.',
  ms: 5_000,
};

const deps = (more: Partial<TriageDeps> = {}): TriageDeps => ({
  target,
  host: { ssh, vmid: undefined },
  readings: hearing(async () => LET_IN),
  evidence,
  limits: { longerMs: 1 },
  ...more,
});

test('a longer look captures twice, and advises what half a minute without movement shows', async () => {
  const two = await runTriage(deps(), CAUSE);
  expect(two).toMatchObject({
    finding: { code: 'not-known', advised: null },
    longer_look: { seconds: 30 },
    watched_s: 2,
  });
  const before = captures();
  let looks = 0;
  const probe = async (): Promise<Probed> => {
    looks += 1;
    // The patient look is asked between the captures.
    if (looks === 2) host.set('bundle', await bundle('e2', 30));
    return LET_IN;
  };
  const thirty = await runTriage(deps({ readings: hearing(probe) }), LONGER);
  expect(captures() - before).toBe(2);
  expect(thirty).toMatchObject({
    finding: { code: 'block-path-stalled', advised: 'cycle', confidence: 0.7 },
    watched_s: 32,
  });
  expect(thirty).not.toHaveProperty('longer_look');
});

test('a capture soon after another makes the watch longer by itself, and one movement ends it', async () => {
  await runTriage(deps(), CAUSE);
  host.set('bundle', await bundle('e2', 40));
  expect(await runTriage(deps(), CAUSE)).toMatchObject({ finding: { advised: 'cycle' }, watched_s: 42 });
  host.set('bundle', await bundle('e3', 60, 9_999));
  expect(await runTriage(deps(), CAUSE)).toMatchObject({ finding: { advised: null }, watched_s: 62 });
});

test('a verb ends the watch: what was seen before it says nothing about what comes after', async () => {
  await runTriage(deps(), CAUSE);
  evidence.outdated();
  host.set('bundle', await bundle('e2', 40));
  expect(await runTriage(deps(), CAUSE)).toMatchObject({ finding: { advised: null }, watched_s: 2 });
});

test('a guest that answers late is alive: the longer look waits for it', async () => {
  const patience: number[] = [];
  const probe = async (limitMs: number): Promise<Probed> => {
    patience.push(limitMs);
    return limitMs > 10_000 ? { ...SSH_WORKS, ms: 12_000 } : LET_IN;
  };
  const { finding } = await runTriage(deps({ readings: hearing(probe) }), LONGER);
  expect(patience).toEqual([5_000, 25_000]);
  expect(finding).toMatchObject({ code: 'repair-in-guest', advised: null });
});

test('a host whose status takes its time is slow and not gone: the capture goes on, and says what is wrong', async () => {
  host.set('mute', '');
  const report = await runTriage(deps({ limits: { statusMs: 3_000 } }), CAUSE);
  expect(report.finding).toMatchObject({ code: 'not-known', advised: null });
  expect(report.finding.inputs).toContainEqual({ name: 'evidence', value: 'e1' });
});

test('a page that opens on a silent VM costs one capture, however often it opens, until something changes', async () => {
  const shared = shareTriage(deps());
  const before = captures();
  const [first, second] = await Promise.all([shared.ask(OPENED), shared.ask(OPENED)]);
  expect(second).toBe(first);
  const third = await shared.ask(OPENED);
  expect(captures() - before).toBe(1);
  expect(third.finding).toEqual(first.finding);
  expect(third.at > first.at).toBe(true);
  // Who presses gets a capture of their own.
  await shared.ask(CAUSE);
  expect(captures() - before).toBe(2);
  host.set('state', 'paused');
  await shared.ask(OPENED);
  expect(captures() - before).toBe(3);
});

test('who presses while the look of a page is under way gets a capture, and no report that is renewed from an old one', async () => {
  const shared = shareTriage(deps());
  await shared.ask(OPENED);
  const before = captures();
  const [opened, again, pressed] = await Promise.all([
    shared.ask(OPENED),
    shared.ask(OPENED),
    shared.ask(CAUSE),
  ]);
  expect(again).toBe(opened);
  expect(pressed).not.toBe(opened);
  expect(captures() - before).toBe(1);
});

test('what a renewed report says of movement grows old, and a verb in between makes it history', async () => {
  let now = Date.now();
  const shared = shareTriage(deps({ now: () => new Date(now) }));
  const before = captures();
  await shared.ask(OPENED);
  now += 6 * 60_000;
  const later = await shared.ask(OPENED);
  expect(captures() - before).toBe(1);
  expect(later.finding.inputs.find(({ name }) => name === 'disk between A and B')?.value ?? '').toContain(
    'ago',
  );
  evidence.outdated();
  await shared.ask(OPENED);
  expect(captures() - before).toBe(2);
  now += 20 * 60_000;
  await shared.ask(OPENED);
  expect(captures() - before).toBe(3);
});

test('a longer look is not answered by a short one that is under way', async () => {
  const shared = shareTriage(deps());
  const before = captures();
  const [short, long] = await Promise.all([shared.ask(CAUSE), shared.ask(LONGER), shared.ask(CAUSE)]);
  expect(short).not.toBe(long);
  expect(captures() - before).toBe(3);
});

test('a VM that answers SSH is not captured, but for the longer look; what was captured while it answered still counts', async () => {
  const well = deps({ readings: hearing(async () => SSH_WORKS) });
  const before = captures();
  await runTriage(well, CAUSE);
  expect(captures() - before).toBe(0);
  await runTriage(well, LONGER);
  expect(captures() - before).toBe(2);
  expect((await runTriage(deps({ readings: hearing(silentGuest) }), CAUSE)).finding.code).toBe('not-known');
});

test('what was found is confirmed by a cheap look, without a capture, and is past for good when SSH answers again', async () => {
  let now = Date.now();
  let answer: Probed = LET_IN;
  const shared = shareTriage(deps({ now: () => new Date(now), readings: hearing(async () => answer) }));
  expect(shared.found()).toBeUndefined();
  const report = await shared.ask(CAUSE);
  const found = shared.found();
  expect(found).toMatchObject({ report, pid: 1, changed: undefined, confirmedAtMs: now });
  const before = captures();
  now += 100_000;
  await shared.confirm();
  expect(shared.found()).toMatchObject({
    confirmedAtMs: now,
    lookedAtMs: found?.lookedAtMs,
    changed: undefined,
  });
  expect(shared.found()?.report.finding.code).toBe(report.finding.code);
  answer = SSH_WORKS;
  await shared.confirm();
  expect(shared.found()?.changed).toMatch(/not as it was then/);
  answer = LET_IN;
  await shared.confirm();
  expect(shared.found()?.changed).toBeDefined();
  expect(captures()).toBe(before);
});

test('a look that heard nothing confirms nothing and ends nothing', async () => {
  let now = Date.now();
  let answer: Probed = LET_IN;
  const shared = shareTriage(
    deps({ now: () => new Date(now), readings: hearing(async () => answer), limits: { statusMs: 3_000 } }),
  );
  await shared.ask(CAUSE);
  const found = shared.found();
  now += 100_000;
  answer = { ...LET_IN, reading: 'unknown', detail: 'SSH could not be asked.' };
  await shared.confirm();
  expect(shared.found()).toEqual(found);
  answer = LET_IN;
  host.set('mute', '');
  await shared.confirm();
  expect(shared.found()).toEqual(found);
});

test('what was confirmed is judged anew: movement that is old advises nothing any more', async () => {
  let now = Date.now();
  const watched = deps({ now: () => new Date(now) });
  const shared = shareTriage(watched);
  await shared.ask(CAUSE);
  host.set('bundle', await bundle('e2', 40));
  expect((await shared.ask(CAUSE)).finding.advised).toBe('cycle');
  now += 6 * 60_000;
  await shared.confirm();
  expect(shared.found()).toMatchObject({ changed: undefined, report: { finding: { advised: null } } });
});

test('what a reading has once spoken against advises nothing again from an old capture: it is looked at anew', async () => {
  await runTriage(deps(), CAUSE);
  host.set('bundle', await bundle('e2', 40));
  const shared = shareTriage(deps());
  const before = captures();
  expect(await shared.ask(OPENED)).toMatchObject({ finding: { advised: 'cycle' } });
  const found = shared.found();
  if (found === undefined) throw new Error('nothing was found');
  shared.overtaken(found, 'SSH works now; it did not then.');
  // SSH is silent again: what the capture from before said must not come back.
  await shared.ask(OPENED);
  expect(captures() - before).toBe(2);
});

test('who asks after a verb began is not answered by the look from before it', async () => {
  let verbBeganAtMs: number | undefined;
  const shared = shareTriage(deps({ verbBeganAtMs: () => verbBeganAtMs }));
  const before = shared.ask(CAUSE);
  verbBeganAtMs = Date.now();
  const after = shared.ask(CAUSE);
  expect(await after).not.toBe(await before);
});
