import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contradictionOf } from '../../protocol/triage.ts';
import { MUTATING_VERBS } from '../../protocol/verbs.ts';
import { RULES } from './rules.ts';
import type { Signals } from './signals.ts';
import { triage } from './triage.ts';

const healthy: Signals = {
  target: 'devvm',
  at: '2026-01-01T00:00:00.000Z',
  powerHost: { reachable: true, detail: '' },
  vmState: 'running',
  qmp: 'answers',
  busy: undefined,
  ssh: { answers: true, detail: 'SSH answered.' },
};
const ssh = { answers: false, detail: 'no answer' };
const flat = { read: 0, written: 0, operations: 0 };
const moving = { read: 4_096, written: 0, operations: 1 };
const stuck = [{ name: 'virtio0 queue 0', inUse: 3, moved: false }];
const idle = [{ name: 'virtio0 queue 0', inUse: 0, moved: false }];
const hard = ['cycle', 'reset', 'stop'];
const all = ['cycle', 'reset', 'start', 'stop'];

interface Case {
  readonly code: string;
  readonly signals: Partial<Signals>;
  readonly advised: string | null;
  readonly warned: readonly string[];
  readonly confidence: number;
}

// In the order of the table: each case also fits every later rule that it can, so the order itself is tested below.
const CASES: readonly Case[] = [
  {
    code: 'cold-case',
    signals: { powerHost: { reachable: false, detail: 'no route' } },
    advised: null,
    warned: [],
    confidence: 0.9,
  },
  {
    code: 'host-storage-or-kernel',
    signals: { stuckThreads: [{ name: 'kvm', wchan: 'blk_mq_get_tag' }] },
    advised: null,
    warned: hard,
    confidence: 0.9,
  },
  {
    code: 'busy',
    signals: { configLock: 'backup', task: 'UPID:pve:1' },
    advised: null,
    warned: all,
    confidence: 0.9,
  },
  {
    code: 'stale-lock',
    signals: { configLock: 'backup', task: 'none' },
    advised: null,
    warned: all,
    confidence: 0.9,
  },
  {
    code: 'task-stuck',
    signals: { flock: { holder: '9 task UPID:x', heldS: 11 } },
    advised: null,
    warned: all,
    confidence: 0.9,
  },
  {
    code: 'suspended-to-disk',
    signals: { vmState: 'stopped', process: 'absent', configLock: 'suspended', suspendedToDisk: true },
    advised: 'start',
    warned: [],
    confidence: 0.95,
  },
  {
    code: 'stopped',
    signals: { vmState: 'stopped', process: 'absent' },
    advised: 'start',
    warned: [],
    confidence: 0.9,
  },
  {
    code: 'pool-full',
    signals: { vmState: 'io-error', noSpace: true },
    advised: null,
    warned: hard,
    confidence: 0.95,
  },
  {
    code: 'storage-error',
    signals: { vmState: 'io-error', noSpace: false },
    advised: null,
    warned: hard,
    confidence: 0.85,
  },
  { code: 'paused', signals: { vmState: 'prelaunch' }, advised: null, warned: hard, confidence: 0.8 },
  { code: 'paused', signals: { vmState: 'paused' }, advised: null, warned: hard, confidence: 0.8 },
  {
    code: 'qemu-internal-error',
    signals: { vmState: 'internal-error' },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.8,
  },
  {
    code: 'guest-panicked',
    signals: { vmState: 'guest-panicked' },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.8,
  },
  {
    code: 'guest-shut-down',
    signals: { vmState: 'shutdown' },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.8,
  },
  {
    code: 'qemu-wedged',
    signals: { qmp: 'silent', processState: 'S' },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.85,
  },
  {
    code: 'block-path-stalled',
    signals: { queues: stuck, disk: flat },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.95,
  },
  {
    code: 'block-path-stalled',
    signals: { ssh, disk: flat, history: { zeroMinutes: 3, wroteBefore: true, samples: 60 } },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.9,
  },
  {
    code: 'block-path-stalled',
    signals: { ssh, disk: flat },
    advised: 'cycle',
    warned: ['reset'],
    confidence: 0.7,
  },
  {
    code: 'memory-thrash',
    signals: { ssh, disk: moving, memory: { swappedIn: 5, majorFaults: 0 } },
    advised: 'reset',
    warned: [],
    confidence: 0.75,
  },
  {
    code: 'guest-kernel-hang',
    signals: {
      ssh,
      disk: flat,
      queues: idle,
      vcpus: [0, 1],
      history: { zeroMinutes: 60, wroteBefore: false, samples: 60 },
    },
    advised: 'reset',
    warned: [],
    confidence: 0.7,
  },
  {
    code: 'guest-network-or-sshd',
    signals: { ssh, guestAgent: true },
    advised: null,
    warned: hard,
    confidence: 0.9,
  },
  { code: 'repair-in-guest', signals: {}, advised: null, warned: hard, confidence: 0.95 },
  { code: 'not-known', signals: { ssh }, advised: null, warned: [], confidence: 0 },
];

test.each(CASES)('$code: $signals → $advised', ({ code, signals, advised, warned, confidence }) => {
  const { finding } = triage({ ...healthy, ...signals });
  expect({ ...finding, warned: [...finding.warned] }).toMatchObject({ code, advised, warned, confidence });
  expect(finding.inputs.length).toBeGreaterThan(0);
  expect(finding.advice).not.toContain('undefined');
});

test('there is a case for every rule, in the order of the table', () => {
  const codes = (list: readonly { code: string }[]) => [...new Set(list.map(({ code }) => code))];
  expect(codes(CASES)).toEqual([...codes(RULES), 'not-known']);
  expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length - 2); // Three ways to tell one stall.
});

// Pairs that can hold at once: the earlier rule of the table decides.
test.each<[string, string]>([
  ['cold-case', 'stopped'],
  ['host-storage-or-kernel', 'qemu-wedged'],
  ['busy', 'stopped'],
  ['stale-lock', 'paused'],
  ['task-stuck', 'stopped'],
  ['suspended-to-disk', 'stopped'],
  ['pool-full', 'block-path-stalled'],
  ['paused', 'qemu-wedged'],
  ['guest-panicked', 'guest-network-or-sshd'],
  ['qemu-wedged', 'guest-network-or-sshd'],
  ['block-path-stalled', 'guest-network-or-sshd'],
  ['block-path-stalled', 'repair-in-guest'],
  ['memory-thrash', 'not-known'],
])('where both %s and %s fit, the first is the finding', (first, second) => {
  const [a, b] = [first, second].map((code) => CASES.find((each) => each.code === code)?.signals);
  const { history: _, ...later } = { ...b };
  expect(triage({ ...healthy, ...later, ...a }).finding.code).toBe(first);
});

test('without a history a dead guest with a flat disk is a probable stall, not a hang: a reset would make a stall worse', () => {
  const signals = { ssh, disk: flat, queues: idle, vcpus: [0] };
  expect(triage({ ...healthy, ...signals }).finding).toMatchObject({
    code: 'block-path-stalled',
    confidence: 0.7,
  });
});

test('a QEMU that was stopped by a signal is wedged like one that waits for a lock; one that is dead or in the kernel is not', () => {
  const code = (processState: string) =>
    triage({ ...healthy, ssh, qmp: 'silent', processState }).finding.code;
  expect(['S', 'R', 'T'].map(code)).toEqual(['qemu-wedged', 'qemu-wedged', 'qemu-wedged']);
  expect(['D', 'Z', 'X'].map(code)).toEqual(['not-known', 'not-known', 'not-known']);
});

test('an idle guest that answers SSH is not taken for one that hangs', () => {
  const signals = {
    disk: flat,
    queues: idle,
    vcpus: [0],
    history: { zeroMinutes: 60, wroteBefore: false, samples: 60 },
  };
  expect(triage({ ...healthy, ...signals }).finding.code).toBe('repair-in-guest');
  expect(
    triage({ ...healthy, ...signals, ssh: { answers: undefined, detail: 'not asked' } }).finding.code,
  ).toBe('not-known');
});

test('where no verb helps, the exact command for the host is said, with the id of the VM', () => {
  const advice = (signals: Partial<Signals>) => triage({ ...healthy, vmid: 102, ...signals }).finding.advice;
  expect(advice({ configLock: 'backup', task: 'none' })).toContain('qm unlock 102');
  expect(advice({ vmState: 'io-error', noSpace: true })).toContain('qm resume 102');
  expect(advice({ ssh, guestAgent: true })).toContain('qm terminal 102');
  expect(advice({ vmState: 'paused', vmid: 7 })).toContain('qm resume 7');
});

test('cautions stand beside any finding, in their order', () => {
  const { cautions, finding } = triage({
    ...healthy,
    quorum: false,
    haManaged: true,
    staged: ['memory: 4096 → 8192'],
    busy: 'cycle by a',
  });
  expect(finding.code).toBe('repair-in-guest');
  expect(cautions.map(({ code }) => code)).toEqual([
    'quorum-lost',
    'ha-managed',
    'staged-configuration',
    'verb-in-progress',
  ]);
  expect(cautions[2]?.text).toContain('memory: 4096 → 8192');
});

test('a contradiction names the finding, or the caution that would strand the VM', () => {
  const stalled = triage({ ...healthy, ssh, disk: flat });
  expect(contradictionOf(stalled, 'cycle')).toBeUndefined();
  expect(contradictionOf(stalled, 'reset')).toMatchObject({ code: 'block-path-stalled' });
  expect(contradictionOf(stalled, 'reset')?.text).toContain('Advised is cycle');
  const alone = triage({ ...healthy, ssh, disk: flat, quorum: false });
  expect(contradictionOf(alone, 'cycle')).toMatchObject({ code: 'quorum-lost' });
});

test('whatever the signals: one finding, never an advised verb that is warned of, and no reset of a dead or stalled QEMU', () => {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const signals = fc.record(
    {
      target: fc.constant('devvm'),
      at: fc.constant('x'),
      powerHost: fc.record({ reachable: fc.boolean(), detail: fc.string() }),
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
      qmp: fc.constantFrom(undefined, 'answers' as const, 'silent' as const),
      busy: maybe(fc.string()),
      ssh: fc.record({ answers: maybe(fc.boolean()), detail: fc.string() }),
      guestAgent: fc.boolean(),
      disk: fc.record({ read: fc.nat(2), written: fc.nat(2), operations: maybe(fc.nat(2)) }),
      queues: fc.array(fc.record({ name: fc.string(), inUse: fc.nat(2), moved: fc.boolean() }), {
        maxLength: 2,
      }),
      history: fc.record({ zeroMinutes: fc.nat(5), wroteBefore: fc.boolean(), samples: fc.nat(8) }),
      memory: fc.record({ swappedIn: fc.nat(2), majorFaults: fc.nat(2) }),
      vcpus: fc.array(fc.nat(100), { maxLength: 3 }),
      stuckThreads: fc.array(fc.record({ name: fc.string(), wchan: fc.string() }), { maxLength: 1 }),
      configLock: fc.constantFrom('backup', 'suspended'),
      task: fc.constantFrom('none', 'UPID:x'),
      suspendedToDisk: fc.boolean(),
      processState: fc.constantFrom('S', 'D', 'T'),
      process: fc.constantFrom('present' as const, 'absent' as const),
      flock: fc.record({ holder: fc.constantFrom('free', '1 x'), heldS: maybe(fc.nat(20)) }),
      noSpace: fc.boolean(),
      staged: fc.array(fc.string()),
      quorum: fc.boolean(),
      haManaged: fc.boolean(),
    },
    { requiredKeys: ['target', 'at', 'powerHost', 'vmState', 'qmp', 'busy', 'ssh'] },
  );
  fc.assert(
    fc.property(signals, (seen) => {
      const report = triage(seen as Signals);
      const { advised, warned, code } = report.finding;
      expect(triage(seen as Signals)).toEqual(report);
      if (advised !== null) expect(warned).not.toContain(advised);
      if (advised === 'reset') expect(['memory-thrash', 'guest-kernel-hang']).toContain(code);
      if (advised === 'reset') expect(seen.qmp === 'silent' && seen.vmState === 'running').toBe(false);
      for (const verb of MUTATING_VERBS) contradictionOf(report, verb);
    }),
    { numRuns: 500 },
  );
});
