// A verb and what is kept of it: finding, evidence, warnings, as the operation and the journal tell it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { manifest, packBundle, STALLED } from '../../test/support/bundle.ts';
import { hearing } from '../../test/support/hearing.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { answering } from '../../test/support/probed.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { createPower, type PowerParts } from './power.ts';

const target = parseTargetName('devvm') as TargetName;
const by = { type: 'operator', name: 'viktor' } as const;
const report: TriageReport = {
  target,
  at: 'x',
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
};
const bundleOf = (id: string) => packBundle({ ...STALLED, 'manifest.json': manifest({ id }) }, id);
const hearsAnswers = hearing(answering);
let host: TestPowerHost;
let ssh: SshConnection;

beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
  host.set('bundle', await bundleOf('e1'));
});
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

const create = (more: Partial<PowerParts> = {}) => {
  const journal = createMemoryJournal();
  const evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal, logger: silent });
  const power = createPower({
    target,
    host: { ssh, vmid: undefined },
    journal,
    evidence,
    logger: silent,
    readings: hearsAnswers,
    bounds: { sshWaitMs: 2_000 },
    ...more,
  });
  return { power, journal, evidence };
};

test('the operation names the finding from before the verb, and its evidence, which is kept while it waits for SSH', async () => {
  const { power, journal, evidence } = create();
  const operation = await power.wait((await power.start({ verb: 'cycle', by, finding: report })).id, 30_000);
  expect(operation).toMatchObject({
    state: 'succeeded',
    evidence_id: 'e1',
    finding: { finding: { code: 'block-path-stalled' } },
  });
  expect(operation.steps.at(-1)).toMatchObject({ name: 'keep the evidence', ok: true });
  expect(operation.outcome).not.toHaveProperty('warnings');
  expect(journal.events[0]).toMatchObject({ kind: 'power_started', finding: report });
  expect(journal.events.filter(({ kind }) => kind === 'evidence')).toMatchObject([
    { evidence_id: 'e1', operation_id: operation.id, verb: 'cycle', status: 'complete' },
  ]);
  expect(await evidence.list()).toHaveLength(1);
  // The next server reads the same from the journal.
  const next = createPower({
    target,
    host: { ssh, vmid: undefined },
    journal,
    readings: hearsAnswers,
    evidence,
    logger: silent,
  });
  expect(await next.get(operation.id)).toMatchObject({
    evidence_id: 'e1',
    finding: { finding: { code: 'block-path-stalled' } },
  });
  await Promise.all([power.close(), next.close()]);
});

test('its evidence is fetched while the verb is at work: a newer one of somebody else does not take its place', async () => {
  host.set('slow', 5);
  const { power, journal } = create();
  const { id } = await power.start({ verb: 'cycle', by, finding: report });
  const kept = () => journal.events.filter(({ kind }) => kind === 'evidence');
  await expect.poll(kept, { timeout: 30_000 }).toHaveLength(1);
  expect((await power.get(id))?.state).toBe('running');
  const ours = await bundleOf('e1');
  host.set('bundle', await bundleOf('e2'));
  const operation = await power.wait(id, 30_000);
  host.set('bundle', ours);
  host.unset('slow');
  expect(operation).toMatchObject({ state: 'succeeded', evidence_id: 'e1' });
  expect(operation.outcome).not.toHaveProperty('warnings');
  expect(kept()).toMatchObject([{ evidence_id: 'e1', operation_id: id, status: 'complete' }]);
  await power.close();
});

test("where the host has only a newer bundle of somebody else, it is not filed as the verb's own", async () => {
  host.set('named', 'e1');
  host.set('bundle', await bundleOf('e2'));
  const { power, evidence } = create();
  const operation = await power.wait((await power.start({ verb: 'reset', by, finding: report })).id, 30_000);
  host.set('bundle', await bundleOf('e1'));
  host.unset('named');
  expect(operation.state).toBe('succeeded');
  expect(operation).not.toHaveProperty('evidence_id');
  expect(operation.steps.at(-1)).toMatchObject({ name: 'keep the evidence', ok: false });
  expect(operation.outcome?.warnings?.[0]).toMatch(/^Evidence e1 .* on the power host only/);
  expect(await evidence.list()).toEqual([]);
  await power.close();
});

test('when the server ends during a verb, the next one fetches what the host had captured for it, or says where it is', async () => {
  for (const mode of ['there', 'newer', 'kept'] as const) {
    host.set('slow', 3);
    host.set('named', 'e1');
    const dying = create(mode === 'kept' ? {} : { evidence: noEvidence });
    const { journal } = dying;
    const { id } = await dying.power.start({ verb: 'cycle', by, finding: report });
    const has = (kind: string) => () => journal.events.some((event) => event.kind === kind);
    const named = () =>
      journal.events.some((e) => e.kind === 'power_output' && /^evidence: e1$/m.test(e.text));
    await expect.poll(named, { timeout: 30_000 }).toBe(true);
    if (mode === 'kept') await expect.poll(has('evidence'), { timeout: 30_000 }).toBe(true);
    await dying.power.close();
    if (mode !== 'there') host.set('bundle', await bundleOf('e2'));
    const evidence = createEvidence({ target, ssh, dataDir: tempDir(), journal, logger: silent });
    const next = create({ journal, evidence });
    await next.power.recover();
    const closed = await next.power.get(id);
    host.set('bundle', await bundleOf('e1'));
    host.unset('named');
    host.unset('slow');
    expect(closed?.state, mode).not.toBe('running');
    expect(closed?.outcome?.summary).toContain('The server stopped while cycle ran.');
    expect(closed?.evidence_id, mode).toBe(mode === 'newer' ? undefined : 'e1');
    expect(closed?.outcome?.warnings, mode).toEqual(
      mode === 'newer'
        ? ['Evidence e1 could not be kept here. It is on the power host only, in /var/lib/breakglass.']
        : undefined,
    );
    const kept = journal.events.filter(({ kind }) => kind === 'evidence');
    expect(
      kept.map(({ operation_id }) => operation_id),
      mode,
    ).toEqual(mode === 'newer' ? [] : [id]);
    await next.power.close();
  }
});

test('forensics keeps its evidence; status has none', async () => {
  const { power } = create();
  const forensics = await power.wait(
    (await power.start({ verb: 'forensics', by, finding: undefined })).id,
    30_000,
  );
  expect(forensics).toMatchObject({ state: 'succeeded', evidence_id: 'e1' });
  expect(forensics).not.toHaveProperty('finding');
  const status = await power.wait((await power.start({ verb: 'status', by, finding: undefined })).id, 30_000);
  expect(status.steps).toHaveLength(1);
  await power.close();
});

test('evidence that cannot be fetched is a step that failed, not a verb that failed', async () => {
  const { power } = create({ evidence: { collect: async () => undefined, outdated: () => undefined } });
  const operation = await power.wait((await power.start({ verb: 'reset', by, finding: report })).id, 30_000);
  expect(operation.state).toBe('succeeded');
  expect(operation.steps.at(-1)).toMatchObject({ name: 'keep the evidence', ok: false });
  expect(operation).not.toHaveProperty('evidence_id');
  expect(operation.outcome?.warnings).toEqual([
    'Evidence e1 could not be kept here. It is on the power host only, in /var/lib/breakglass.',
  ]);
  await power.close();
});

test('forensics whose evidence could not be kept here does not say that it was captured, and leaves that in the record', async () => {
  const { power, journal } = create({
    evidence: { collect: async () => undefined, outdated: () => undefined },
  });
  const operation = await power.wait(
    (await power.start({ verb: 'forensics', by, finding: undefined })).id,
    30_000,
  );
  expect(operation.outcome?.summary).toBe(
    'Evidence e1 could not be kept here. It is on the power host only, in /var/lib/breakglass.',
  );
  expect(journal.events.at(-1)).toMatchObject({ kind: 'power_finished', outcome: operation.outcome });
  await power.close();
});

test('an operation that could not be recorded says so, and so says a status', async () => {
  const { power, journal } = create();
  journal.mode = 'fail';
  for (const verb of ['reset', 'status'] as const) {
    const { id } = await power.start({ verb, by, finding: undefined });
    const { outcome } = await power.wait(id, 30_000);
    expect(outcome?.warnings?.at(-1), verb).toMatch(/record of this operation is not complete/);
  }
  await power.close();
});

test("another version of the host's script is named in the outcome", async () => {
  host.set('version', '0.0.7');
  const { power } = create();
  const operation = await power.wait((await power.start({ verb: 'reset', by, finding: report })).id, 30_000);
  expect(operation.outcome?.warnings?.[0]).toContain('0.0.7');
  host.unset('version');
  await power.close();
});

test('when the power host cannot be reached, the outcome says that nothing was done, and what to do', async () => {
  const nowhere = connectTo({ ...host, port: 1 });
  const { power } = create({ host: { ssh: nowhere, vmid: undefined } });
  const operation = await power.wait((await power.start({ verb: 'cycle', by, finding: report })).id, 10_000);
  expect(operation).toMatchObject({ state: 'failed' });
  expect(operation.outcome?.summary).toMatch(/cycle was not carried out\..*cold path/);
  await power.close();
  await nowhere.close();
});
