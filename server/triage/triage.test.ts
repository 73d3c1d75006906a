import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RULES } from './rules.ts';
import type { Signals } from './signals.ts';
import { triage } from './triage.ts';

const healthy: Signals = {
  ...{ target: 'devvm', at: '2026-01-01T00:00:00.000Z', powerHost: { reachable: true, detail: '' } },
  ...{ vmState: 'running', qmp: 'answers', busy: undefined, ssh: { answers: true, detail: 'SSH answered.' } },
  ...{ guestAgent: undefined, disk: undefined, staged: [], evidence: undefined },
};
const dead = { answers: false, detail: 'no answer' };

test.each<[string, Partial<Signals>, string | null, readonly string[]]>([
  [
    'cold-case',
    { powerHost: { reachable: false, detail: 'no route' }, vmState: undefined, ssh: dead },
    null,
    [],
  ],
  ['stopped', { vmState: 'stopped', qmp: undefined, ssh: dead }, 'start', []],
  ['io-error', { vmState: 'io-error', ssh: dead }, null, ['cycle', 'reset', 'stop']],
  ['paused', { vmState: 'prelaunch', ssh: dead }, null, ['cycle', 'reset', 'stop']],
  ['guest-panicked', { vmState: 'guest-panicked', ssh: dead }, 'reset', []],
  ['qemu-halted', { vmState: 'internal-error', ssh: dead }, 'cycle', ['reset']],
  ['qemu-wedged', { qmp: 'silent', ssh: dead }, 'cycle', ['reset']],
  ['block-path-stalled', { ssh: dead, guestAgent: false, disk: { read: 0, written: 0 } }, 'cycle', ['reset']],
  [
    'guest-network-or-sshd',
    { ssh: dead, guestAgent: true, disk: { read: 0, written: 0 } },
    null,
    ['cycle', 'reset', 'stop'],
  ],
  ['repair-in-guest', {}, null, []],
  ['not-known', { ssh: dead, guestAgent: false, disk: { read: 4_096, written: 0 } }, null, []],
  ['not-known', { ssh: dead, disk: undefined }, null, []],
])('%s: %j → %s', (code, signals, advised, warned) => {
  const { finding } = triage({ ...healthy, ...signals });
  expect({ code: finding.code, advised: finding.advised, warned: finding.warned }).toEqual({
    code,
    advised,
    warned,
  });
  expect(finding.inputs.length).toBeGreaterThan(0);
});

test('staged configuration and a verb in progress are cautions beside any finding', () => {
  const { cautions } = triage({ ...healthy, staged: ['memory: 4096 → 8192'], busy: 'cycle by a' });
  expect(cautions.map(({ code }) => code)).toEqual(['verb-in-progress', 'staged-configuration']);
  expect(cautions[1]?.text).toContain('memory: 4096 → 8192');
});

test('whatever the signals: an advised verb is never one that is warned of, and a reset is never advised for a dead or stalled QEMU', () => {
  const signals = fc.record<Signals>({
    ...{
      target: fc.constant('devvm'),
      at: fc.constant('x'),
      powerHost: fc.record({ reachable: fc.boolean(), detail: fc.string() }),
    },
    vmState: fc.constantFrom(
      undefined,
      'running',
      'stopped',
      'io-error',
      'paused',
      'guest-panicked',
      'shutdown',
      'new-one',
    ),
    qmp: fc.constantFrom(undefined, 'answers', 'silent'),
    busy: fc.option(fc.string(), { nil: undefined }),
    ssh: fc.record({ answers: fc.boolean(), detail: fc.string() }),
    guestAgent: fc.constantFrom(undefined, true, false),
    disk: fc.option(fc.record({ read: fc.nat(2), written: fc.nat(2) }), { nil: undefined }),
    ...{ staged: fc.array(fc.string()), evidence: fc.option(fc.string(), { nil: undefined }) },
  });
  fc.assert(
    fc.property(signals, (seen) => {
      const { finding } = triage(seen);
      if (finding.advised !== null) expect(finding.warned).not.toContain(finding.advised);
      if (finding.advised === 'reset') expect(seen.vmState).toBe('guest-panicked');
    }),
  );
});

test('no rule has the code of another', () => {
  expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length);
});
