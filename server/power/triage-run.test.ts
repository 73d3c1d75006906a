import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { createGuest } from '../guest/guest.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { createPower } from './power.ts';
import { createTargetWatch } from './target-state.ts';
import { runTriage } from './triage-run.ts';

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

test('a VM that answers SSH, and a stopped one, are not captured', async () => {
  const before = host.calls().filter((call) => call === 'forensics').length;
  expect((await runTriage({ target, ssh, guestProbe: answering })).finding.code).toBe('repair-in-guest');
  host.set('state', 'stopped');
  expect((await runTriage({ target, ssh, guestProbe: dead })).finding).toMatchObject({
    code: 'stopped',
    advised: 'start',
  });
  host.set('state', 'running');
  expect(host.calls().filter((call) => call === 'forensics')).toHaveLength(before);
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
    operation: null,
  });
  expect(state.vm.detail).toContain('refused the connection');
  await Promise.all([guest.close(), power.close(), nowhere.close()]);
});
