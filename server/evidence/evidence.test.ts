import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  newOperationId,
  newSessionId,
  parseEvidenceId,
  parseTargetName,
  type TargetName,
} from '../../protocol/ids.ts';
import { ID, manifest, PPM, packBundle, STALLED } from '../../test/support/bundle.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { known } from '../triage/reading.ts';
import { createEvidence, type EvidenceParts } from './evidence.ts';
import { recordText } from './record.ts';

const target = parseTargetName('devvm') as TargetName;
const id = parseEvidenceId(ID) ?? raise();
const dead = { reading: 'silent', reached: 'nothing', detail: 'SSH gave no answer.' } as const;
const by = { type: 'operator', name: 'viktor' } as const;
let host: TestPowerHost;
let ssh: SshConnection;

function raise(): never {
  throw new Error('no id');
}

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
});
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

const open = (more: Partial<EvidenceParts> = {}) => {
  const dataDir = tempDir();
  const journal = createMemoryJournal();
  return {
    dataDir,
    journal,
    evidence: createEvidence({ target, ssh, dataDir, journal, logger: silent, ...more }),
  };
};
const ask = { id: ID, verb: 'cycle', by, ssh: dead, beganAtMs: Number.POSITIVE_INFINITY } as const;

test('a bundle is fetched, kept with its finding and its picture, and told to the journal with what caused it', async () => {
  const bundle = await packBundle(STALLED);
  host.set('bundle', bundle);
  const { dataDir, journal, evidence } = open();
  const [operation_id, session_id] = [newOperationId(), newSessionId()];
  const kept = await evidence.collect({ ...ask, operation_id, session_id });
  expect(kept?.record).toMatchObject({
    id: ID,
    status: 'complete',
    screen: true,
    verb: 'cycle',
    operation_id,
    session_id,
  });
  expect(kept?.record.report.finding).toMatchObject({ code: 'block-path-stalled', advised: 'cycle' });
  expect(journal.events).toMatchObject([
    { kind: 'evidence', evidence_id: ID, status: 'complete', operation_id, session_id, target, actor: by },
  ]);
  expect(await evidence.archive(id)).toEqual(bundle);
  expect((await evidence.picture(id))?.subarray(1, 4).toString()).toBe('PNG');
  expect(await evidence.list()).toMatchObject([{ id: ID, summary: kept?.record.summary }]);
  expect(await evidence.list()).not.toHaveProperty('0.sections');
  const dir = path.join(dataDir, 'evidence', target);
  for (const name of readdirSync(dir)) expect(statSync(path.join(dir, name)).mode & 0o777).toBe(0o600);
  const again = createEvidence({ target, ssh, dataDir, journal: undefined, logger: silent });
  expect(await again.list()).toHaveLength(1);
  const record = await again.read(id);
  expect(recordText(record ?? raise())).toMatch(
    /block-path-stalled[\s\S]*virtio0 queue 0: used index: 70 -> 70 {2}\(did not move\)[\s\S]*--- gdb|--- manifest.json/,
  );
});

test.each<[string, () => Promise<Uint8Array | string>, RegExp]>([
  ['cut in the middle', async () => (await packBundle(STALLED)).subarray(0, 900), /cut off or broken/],
  ['no archive at all', async () => 'gzip: standard output: Broken pipe', /cut off or broken/],
  [
    'a manifest that is garbage',
    () => packBundle({ ...STALLED, 'manifest.json': '{{{' }),
    /manifest is missing or is no JSON/,
  ],
  [
    'a picture that is cut',
    () => packBundle({ ...STALLED, 'screendump.ppm': PPM.subarray(0, 20) }),
    /picture is incomplete/,
  ],
])('%s is kept and marked as damaged', async (_name, make, why) => {
  host.set('bundle', await make());
  const { evidence } = open();
  const kept = await evidence.collect(ask);
  expect(kept?.record).toMatchObject({ id: ID, status: 'damaged' });
  expect(kept?.record.why).toMatch(why);
  expect(await evidence.archive(id)).toBeDefined();
  expect(await evidence.read(id)).toMatchObject({ status: 'damaged' });
});

test('another bundle than the one that was asked for is not kept as that one', async () => {
  for (const manifest of ['{"id":"other"}', '{{{']) {
    host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest }, 'other'));
    const { journal, evidence } = open();
    expect(await evidence.collect(ask)).toBeUndefined();
    expect(await evidence.list()).toEqual([]);
    expect(journal.events).toEqual([]);
    expect(evidence.latest()).toBeUndefined();
  }
});

test('an endless bundle is cut, kept and marked; a host that has none, and a name that is no id, keep nothing and break nothing', async () => {
  host.set('bundle', Buffer.alloc(300_000, 7));
  const small = open({ fetchBytes: 100_000 });
  expect((await small.evidence.collect(ask))?.record).toMatchObject({ status: 'damaged', bytes: 100_000 });
  host.unset('bundle');
  const { evidence, journal } = open();
  expect(await evidence.collect(ask)).toBeUndefined();
  expect(await evidence.collect({ ...ask, id: '../../etc/passwd' })).toBeUndefined();
  expect(await evidence.list()).toEqual([]);
  expect(journal.events).toEqual([]);
});

test('a data directory that cannot be written loses no verb, and a journal that fails loses no bundle', async () => {
  host.set('bundle', await packBundle(STALLED));
  const file = path.join(tempDir(), 'file');
  writeFileSync(file, '');
  expect(await open({ dataDir: file }).evidence.collect(ask)).toBeUndefined();
  const { evidence, journal } = open();
  journal.mode = 'fail';
  expect(await evidence.collect(ask)).toMatchObject({ status: 'complete' });
});

test('the oldest go first, by number; what is not ours stays', async () => {
  host.set('bundle', await packBundle(STALLED));
  const { evidence, dataDir } = open({ bounds: { bundles: 2 } });
  const dir = path.join(dataDir, 'evidence', target);
  mkdirSync(dir, { recursive: true });
  for (const [n, name] of ['old-1', 'old-2', 'old-3'].entries())
    for (const suffix of ['.tar.gz', '.json']) {
      writeFileSync(path.join(dir, name + suffix), '{}');
      utimesSync(path.join(dir, name + suffix), n + 1, n + 1);
    }
  writeFileSync(path.join(dir, 'notes'), 'mine');
  await evidence.collect(ask);
  expect(readdirSync(dir).sort()).toEqual(
    [
      'notes',
      'old-3.json',
      'old-3.tar.gz',
      ...['.json', '.png', '.summary', '.tar.gz'].map((suffix) => ID + suffix),
    ].sort(),
  );
});

test('by bytes too; the newest stays, however large it is', async () => {
  const { evidence, dataDir } = open({ bounds: { bytes: 10 } });
  for (const id of ['first', 'second']) {
    host.set('bundle', await packBundle({ ...STALLED, 'manifest.json': manifest({ id }) }, id));
    await evidence.collect({ ...ask, id });
  }
  expect(await evidence.list()).toMatchObject([{ id: 'second' }]);
  expect(readdirSync(path.join(dataDir, 'evidence', target)).every((name) => name.startsWith('second'))).toBe(
    true,
  );
});

test('what a capture told is known until a verb changes the VM', async () => {
  host.set('bundle', await packBundle(STALLED));
  const { evidence } = open();
  await evidence.collect({ ...ask, verb: 'forensics' });
  expect(evidence.latest()).toMatchObject({ signals: { vmState: known('running') } });
  expect(evidence.latest()?.counters).toHaveLength(2);
  evidence.outdated();
  await evidence.collect(ask);
  expect(evidence.latest()).toBeUndefined();
});

test('a capture during which a verb began is kept, and tells nothing about what comes after', async () => {
  host.set('bundle', await packBundle(STALLED));
  const { evidence } = open();
  evidence.outdated();
  const kept = await evidence.collect({ ...ask, verb: 'forensics', beganAtMs: Date.now() - 60_000 });
  expect(kept?.record.status).toBe('complete');
  expect(evidence.latest()).toBeUndefined();
});

test('a capture that an earlier server asked for is kept, and says nothing of now', async () => {
  host.set('bundle', await packBundle(STALLED));
  const { evidence } = open();
  expect(await evidence.collect({ ...ask, verb: 'forensics', beganAtMs: Date.now() - 60_000 })).toBeDefined();
  expect(evidence.latest()).toBeUndefined();
  await evidence.collect({ ...ask, verb: 'forensics', beganAtMs: Date.now() });
  expect(evidence.latest()).toBeDefined();
});
