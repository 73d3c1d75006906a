// The table as a whole: its order, what it says, and that it is monotone for any signals, not only for those of the library.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contradictionOf } from '../../protocol/contradiction.ts';
import { MUTATING_VERBS } from '../../protocol/verbs.ts';
import { CONFIG_LOCKS, RUN_STATES } from '../../protocol/vm-states.ts';
import { headlineFaults } from '../../test/triage/headline-faults.ts';
import { known, notAsked, type Reading, tooLate, unreadable } from './reading.ts';
import { RULES } from './rules.ts';
import type { LiveTask, Signals } from './signals.ts';
import { decide, triage } from './triage.ts';

const FLAT = known([{ device: 'scsi0', read: 0, written: 0, operations: 0, stillForS: 2 }]);
const MOVING = known([{ device: 'scsi0', read: 4_096, written: 0, operations: 1, stillForS: 0 }]);

/** Everything known, and all of it well. */
const well: Signals = {
  target: 'devvm',
  at: '2026-01-01T00:00:00.000Z',
  powerHost: { reading: 'answers', detail: '' },
  placement: known('here'),
  vmState: known('running'),
  qmp: known({ silentLooks: 0 }),
  busy: known('none'),
  ssh: { reading: 'works', reached: 'logged-in', detail: 'SSH answered.' },
  process: known('present'),
  processState: known('S'),
  stuckThreads: known([]),
  hostStorage: known([]),
  configLock: known('none'),
  tasks: known([]),
  lockFile: known({ holder: 'free', seenForS: undefined }),
  outOfMemory: known('none'),
  stoppedBy: known('nobody'),
  ioErrors: known([]),
  queues: known({ told: true, list: [], unasked: [] }),
  disks: MOVING,
  watched: known({ seconds: 2, samples: 2 }),
  history: known({
    quietMinutes: 0,
    longestPauseMinutes: 0,
    wroteMinutes: 60,
    cpuBefore: 0.1,
    cpuSince: 0.1,
  }),
  vcpus: known([{ percent: 3, spunForS: 0, haltedForS: 0 }]),
  memory: known({ swapInPerS: 0, swapOutPerS: 0, faultsPerS: 0, freeShare: 0.4, thrashedForS: 0 }),
  networkOut: known(100),
  guestAgent: known('answers'),
  fileSystems: known('thawed'),
  throttles: known([]),
  quorum: known(true),
  ha: known('no'),
  staged: known([]),
  uptimeS: known(90_000),
  vmid: 102,
};
const silent = { reading: 'silent', reached: 'nothing', detail: 'SSH timed out.' } as const;
const stalled: Signals = {
  ...well,
  ssh: silent,
  guestAgent: known('silent'),
  disks: FLAT,
  history: known({
    quietMinutes: 9,
    longestPauseMinutes: 0,
    wroteMinutes: 50,
    cpuBefore: 0.1,
    cpuSince: 0.1,
  }),
};

test('each rule has a name of its own, and says something', () => {
  expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
  for (const rule of RULES) {
    expect(rule.summary(stalled), rule.name).not.toBe('');
    expect(rule.advice(well), rule.name).not.toContain('undefined');
    expect(rule.inputs.length, rule.name).toBeGreaterThan(0);
    if (rule.advised !== null) expect(rule.warned, rule.name).not.toContain(rule.advised);
  }
});

test('with all of it known and well nothing wrong is found, and any verb is warned of that would end that', () => {
  expect(triage(well).finding).toMatchObject({
    code: 'nothing-wrong-found',
    confidence: 0.9,
    advised: null,
    warned: ['cycle', 'reset', 'stop'],
  });
});

test('every state of QEMU has its finding; only a state that runs goes on to what the guest does', () => {
  const found = Object.keys(RUN_STATES).map((state) => [
    state,
    triage({ ...well, process: notAsked(''), vmState: known(state) }).finding.code,
  ]);
  expect(Object.fromEntries(found)).toEqual({
    running: 'nothing-wrong-found',
    stopped: 'stopped',
    paused: 'paused',
    prelaunch: 'paused',
    debug: 'paused',
    inmigrate: 'in-transition',
    'restore-vm': 'in-transition',
    'save-vm': 'in-transition',
    'finish-migrate': 'in-transition',
    colo: 'in-transition',
    postmigrate: 'migrated-away',
    suspended: 'paused',
    'io-error': 'storage-error',
    shutdown: 'guest-shut-down',
    'internal-error': 'qemu-internal-error',
    'guest-panicked': 'guest-panicked',
    watchdog: 'guest-watchdog',
  });
  // A rule about a running VM says so: of a dead guest in another state nothing of it is said.
  for (const state of Object.keys(RUN_STATES).filter((each) => each !== 'running')) {
    const { code, advised } = triage({ ...stalled, vmState: known(state) }).finding;
    expect(code, state).not.toBe('block-path-stalled');
    expect(advised, state).not.toBe('reset');
  }
});

test('every lock obstructs every verb, but for the one that start takes away; one that is not known obstructs, too', () => {
  for (const lock of [...Object.keys(CONFIG_LOCKS), 'new-one']) {
    const { advised, warned } = triage({ ...stalled, configLock: known(lock) }).finding;
    expect(advised, lock).toBeNull();
    if (lock !== 'suspended') expect(warned, lock).toEqual([...MUTATING_VERBS]);
  }
});

test('where no verb helps, the exact command for the host is said, with the id of the VM', () => {
  const advice = (signals: Partial<Signals>) => triage({ ...well, ...signals }).finding.advice;
  expect(advice({ configLock: known('backup') })).toContain('qm unlock 102');
  expect(
    advice({ vmState: known('io-error'), ioErrors: known([{ device: 'scsi0', status: 'nospace' }]) }),
  ).toContain('qm resume 102');
  expect(advice({ ssh: silent })).toContain('qm terminal 102');
  expect(advice({ vmState: known('paused'), vmid: 7 })).toContain('qm resume 7');
  const { vmid: _, ...nameless } = well;
  expect(triage({ ...nameless, vmState: known('paused') }).finding.advice).toContain('qm resume VMID');
});

test('cautions stand beside any finding, in their order', () => {
  const { cautions, finding } = triage({
    ...well,
    quorum: known(false),
    ha: known('managed'),
    staged: known(['memory: 4096 → 8192']),
    busy: known('cycle by a'),
  });
  expect(finding.code).toBe('nothing-wrong-found');
  expect(cautions.map(({ code }) => code)).toEqual([
    'quorum-lost',
    'ha-managed',
    'staged-configuration',
    'verb-in-progress',
  ]);
  expect(cautions[2]?.text).toContain('memory: 4096 → 8192');
});

test('a contradiction names the finding, or the caution that would strand the VM; a verb that a caution warns of is withheld', () => {
  const report = triage(stalled);
  expect(report.finding).toMatchObject({ code: 'block-path-stalled', advised: 'cycle' });
  expect(contradictionOf(report, 'cycle')).toBeUndefined();
  expect(contradictionOf(report, 'reset')).toMatchObject({ code: 'block-path-stalled' });
  expect(contradictionOf(report, 'reset')?.text).toContain('Advised is cycle');
  const alone = triage({ ...stalled, quorum: known(false) });
  expect(alone.finding).toMatchObject({ advised: null, withheld: { verb: 'cycle' } });
  expect(contradictionOf(alone, 'cycle')).toMatchObject({ code: 'quorum-lost' });
});

test('what stands in the way of a verb is said in the advice', () => {
  const { finding } = triage({ ...stalled, lockFile: tooLate('flock: its limit passed') });
  expect(finding).toMatchObject({ advised: null, confidence: 0.5, withheld: { verb: 'cycle' } });
  expect(finding.advice).toContain('lock file');
});

test('two quiet seconds are a reason for a longer look; after it none is offered', () => {
  const seconds = (s: number) =>
    triage({ ...stalled, history: tooLate(''), watched: known({ seconds: s, samples: 4 }) });
  expect(seconds(2)).toMatchObject({
    finding: { advised: null },
    longer_look: { seconds: 30 },
    watched_s: 2,
  });
  expect(seconds(30)).not.toHaveProperty('longer_look');
  expect(triage(well)).not.toHaveProperty('longer_look');
});

// Values that matter to some rule, so that random signals meet rules often.
const reading = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<Reading<T>> =>
  fc.oneof(
    { weight: 9, arbitrary: values.map((value) => known(value)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Reading<T>>(notAsked('a'), tooLate('b'), unreadable('c')),
    },
  );
const seconds = fc.constantFrom(0, 2, 12, 30, 200);
const signalsOfAnyKind: fc.Arbitrary<Signals> = fc.record({
  target: fc.constant('devvm'),
  at: fc.constant('x'),
  powerHost: fc.record({
    reading: fc.constantFrom('answers', 'answers', 'answers', 'slow', 'lost', 'unreachable', 'unknown'),
    detail: fc.constant(''),
  }),
  ssh: fc.record({
    reading: fc.constantFrom('works', 'refused', 'silent', 'silent', 'silent', 'unreachable', 'unknown'),
    refusal: fc.constantFrom('key', 'host-key', 'port-closed', 'closed', 'runs-nothing'),
    reached: fc.constantFrom('nothing', 'connected', 'banner', 'logged-in'),
    detail: fc.constant(''),
  }),
  placement: reading(fc.constantFrom('here' as const, 'here' as const, { elsewhere: 'x' })),
  vmState: reading(
    fc.constantFrom('running', 'running', 'running', 'running', ...Object.keys(RUN_STATES), 'new-one'),
  ),
  qmp: reading(fc.record({ silentLooks: fc.constantFrom(0, 0, 0, 1, 2) })),
  busy: reading(fc.constantFrom('none', 'none', 'none', 'cycle by a')),
  process: reading(fc.constantFrom('present' as const, 'present' as const, 'absent' as const)),
  processState: reading(fc.constantFrom('S', 'S', 'R', 'T', 'D', 'Z')),
  stuckThreads: reading(fc.constantFrom([], [], [{ name: 'kvm', wchan: 'x' }])),
  hostStorage: reading(fc.constantFrom<string[]>([], [], ['nfs: server x not responding'])),
  configLock: reading(fc.constantFrom('none', 'none', 'none', 'backup', 'suspended', 'new-one')),
  tasks: reading(
    fc.constantFrom<LiveTask[]>(
      [],
      [{ said: 'UPID:p:1:1:6B08EE8F:vzdump:102:a@b:' }],
      [{ said: 'UPID:p:1:1:6B08EE8F:vzdump::a@b:' }],
      [{ said: 'UPID:p:1:1:6B08EE8F:vzdump::a@b:', ours: true }],
      [{ said: 'UPID:p:1:1:6B08EE8F:vncproxy:102:a@b:' }],
    ),
  ),
  lockFile: reading(
    fc.record({
      holder: fc.constantFrom('free', 'free', '1 task UPID:p:1:1:6B08EE8F:qmshutdown:102:a@b:', '2 x'),
      seenForS: fc.constantFrom(undefined, 2, 40),
    }),
  ),
  outOfMemory: reading(fc.constantFrom('none', 'a line')),
  stoppedBy: reading(fc.constantFrom('nobody', 'root@pam')),
  ioErrors: reading(fc.constantFrom([], [{ device: 'scsi0', status: 'nospace' }])),
  queues: reading(
    fc.record({
      told: fc.boolean(),
      list: fc.array(
        fc.record({
          device: fc.constantFrom('virtio0', 'virtio1'),
          name: fc.constant('queue'),
          inUse: fc.constantFrom(0, 3),
          moved: fc.boolean(),
          stuckForS: seconds,
        }),
        { maxLength: 2 },
      ),
      unasked: fc.constantFrom<string[]>([], [], ['virtio2']),
    }),
  ),
  disks: reading(
    fc.array(
      fc.record({
        device: fc.constantFrom('scsi0', 'scsi1'),
        read: fc.constant(0),
        written: fc.constant(0),
        operations: fc.constant(0),
        stillForS: seconds,
      }),
      { maxLength: 2 },
    ),
  ),
  watched: reading(fc.record({ seconds, samples: fc.nat(8) })),
  history: reading(
    fc.record({
      quietMinutes: fc.constantFrom(0, 1, 5, 30),
      longestPauseMinutes: fc.constantFrom(0, 9),
      wroteMinutes: fc.constantFrom(0, 40),
      cpuBefore: fc.constantFrom(0.1, 0.9, undefined),
      cpuSince: fc.constantFrom(0.1, 0.99),
    }),
  ),
  vcpus: reading(
    fc.array(fc.record({ percent: fc.nat(100), spunForS: seconds, haltedForS: seconds }), { maxLength: 2 }),
  ),
  memory: reading(
    fc.record({
      swapInPerS: fc.constantFrom(0, 9e6),
      swapOutPerS: fc.constantFrom(0, 9e6),
      freeShare: fc.constantFrom(undefined, 0.02, 0.4),
      faultsPerS: fc.constantFrom(0, 90),
      thrashedForS: seconds,
    }),
  ),
  networkOut: reading(fc.constantFrom(0, 0, 900)),
  guestAgent: reading(fc.constantFrom('answers' as const, 'silent' as const, 'not-configured' as const)),
  fileSystems: reading(fc.constantFrom('thawed' as const, 'thawed' as const, 'frozen' as const)),
  quorum: reading(fc.constantFrom(true, true, true, false)),
  ha: reading(fc.constantFrom('no' as const, 'managed' as const, 'frozen' as const)),
  staged: reading(fc.constantFrom<string[]>([], ['memory: 1 → 2'])),
  uptimeS: reading(fc.constantFrom(20, 9_000)),
});

test('whatever the signals: never an advised verb that is warned of, no reset of a dead or stalled QEMU, and the same answer twice', () => {
  let advised = 0;
  fc.assert(
    fc.property(signalsOfAnyKind, (signals) => {
      const report = triage(signals);
      const { finding, cautions } = report;
      expect(triage(signals)).toEqual(report);
      if (finding.advised === null) return;
      advised += 1;
      expect([...finding.warned, ...cautions.flatMap(({ warned }) => warned)]).not.toContain(finding.advised);
      if (finding.advised === 'reset') {
        expect(['memory-thrash', 'guest-kernel-hang']).toContain(finding.code);
        expect(signals.qmp).toEqual(known({ silentLooks: 0 }));
      }
      for (const verb of MUTATING_VERBS) contradictionOf(report, verb);
    }),
    { numRuns: 3_000 },
  );
  expect(advised).toBeGreaterThan(10);
});

test('whatever the signals: a headline of at most twelve words that ends with a period', () => {
  const named = fc.string({ unit: 'grapheme', maxLength: 60 });
  const strange = fc.record({ lock: named, state: named, who: named });
  fc.assert(
    fc.property(signalsOfAnyKind, fc.option(strange), (signals, names) => {
      const odd: Partial<Signals> =
        names === null
          ? {}
          : { configLock: known(names.lock), vmState: known(names.state), stoppedBy: known(names.who) };
      const { finding } = triage({ ...signals, ...odd });
      expect(headlineFaults(finding.headline ?? '')).toEqual([]);
    }),
    { numRuns: 3_000 },
  );
  for (const rule of RULES)
    for (const signals of [well, stalled])
      expect(headlineFaults(rule.headline(signals)), rule.name).toEqual([]);
});

test('whatever the signals, and whichever of them are taken away: the advice is the same or weaker', () => {
  const names = Object.keys(well).filter((name) => typeof well[name as keyof Signals] === 'object');
  let disarmed = 0;
  fc.assert(
    fc.property(signalsOfAnyKind, fc.subarray(names, { minLength: 1 }), (signals, taken) => {
      const less = { ...signals };
      for (const name of taken)
        if (name === 'ssh') Object.assign(less, { ssh: { reading: 'unknown', detail: '' } });
        else if (name === 'powerHost') Object.assign(less, { powerHost: { reading: 'unknown', detail: '' } });
        else Reflect.deleteProperty(less, name);
      const [before, after] = [decide(signals), decide(less)];
      if (before.advised !== null && after.advised === null) disarmed += 1;
      if (after.advised === null) return;
      expect(after.advised).toBe(before.advised);
      expect(after.confidence).toBeLessThanOrEqual(before.confidence);
    }),
    { numRuns: 5_000 },
  );
  expect(disarmed).toBeGreaterThan(5);
});
