import fc from 'fast-check';
import { expect, test } from 'vitest';
import { history, manifest, qmpSample, STALLED, threads } from '../../test/support/bundle.ts';
import { triage } from '../triage/triage.ts';
import { pairSamples } from './samples.ts';
import { readSignals } from './signals.ts';

const files = (changes: Readonly<Record<string, string | undefined>> = {}): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({ ...STALLED, ...changes }).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text] as const] : [],
    ),
  );
const dead = { answers: false, detail: 'no answer' };
const find = (
  changes: Readonly<Record<string, string | undefined>>,
  ssh: { answers: boolean; detail: string } = dead,
) =>
  triage({
    ...readSignals(files(changes)),
    target: 'devvm',
    at: 'x',
    busy: undefined,
    ssh,
    powerHost: { reachable: true, detail: '' },
  });
const still = { inUse: 0, virtio: false } as const;
const both = (shape: Parameters<typeof qmpSample>[0]) => ({
  'qmp-a.jsonl': qmpSample(shape),
  'qmp-b.jsonl': qmpSample(shape),
});
const noQmp = { 'qmp-a.jsonl': undefined, 'qmp-b.jsonl': undefined };
const stopped = {
  ...noQmp,
  'manifest.json': manifest({ pid: null }),
  'tasks-a.txt': undefined,
  'tasks-b.txt': undefined,
  'process-a.txt': undefined,
  'process-b.txt': undefined,
  'status-a.txt': 'status: stopped\n',
  'status-b.txt': undefined,
  'rrd.json': undefined,
};

test('a bundle of the founding incident tells all that the rules want to know', () => {
  expect(readSignals(files())).toMatchObject({
    vmState: 'running',
    qmp: 'answers',
    process: 'present',
    processState: 'S',
    stuckThreads: [],
    queues: [{ name: 'virtio0 queue 0', inUse: 3, moved: false }],
    disk: { read: 0, written: 0, operations: 0 },
    guestAgent: false,
    quorum: true,
    haManaged: false,
    history: { zeroMinutes: 4, wroteBefore: true, samples: 7 },
    throttles: ['scsi0: iops_wr=500'],
    staged: ['memory: 8192 → 12288', 'balloon: removed'],
    vcpus: [95],
    flock: { holder: 'free' },
    task: 'none',
    noSpace: false,
    vmid: 102,
    pid: 4242,
  });
});

test.each<[string, string, Readonly<Record<string, string | undefined>>]>([
  [
    'a thread in D at the same place in both samples',
    'host-storage-or-kernel',
    {
      'tasks-a.txt': threads({ state: 'D', wchan: 'blk_mq_get_tag' }),
      'tasks-b.txt': threads({ state: 'D', wchan: 'blk_mq_get_tag' }),
    },
  ],
  [
    'a thread in D that has moved on is no proof',
    'block-path-stalled',
    {
      'tasks-a.txt': threads({ state: 'D', wchan: 'a' }),
      'tasks-b.txt': threads({ state: 'D', wchan: 'b' }),
    },
  ],
  [
    'a lock with its task',
    'busy',
    { 'config.txt': 'lock: backup\n', 'cluster.txt': 'task: UPID:pve:0001:vzdump:102:\n' },
  ],
  ['a lock without a task', 'stale-lock', { 'config.txt': 'lock: backup\n' }],
  [
    'a lock that only cluster.txt knows',
    'stale-lock',
    { 'config.txt': undefined, 'cluster.txt': 'lock: migrate\ntask: none\n' },
  ],
  [
    'a lock file held for long',
    'task-stuck',
    { 'flock.txt': 'holder: 991 task UPID:pve:0001:qmstop:102:\nheld_s: 40\n' },
  ],
  [
    'a lock file held for a moment',
    'block-path-stalled',
    { 'flock.txt': 'holder: 991 task UPID:x\nheld_s: 2\n' },
  ],
  [
    'suspended to disk: its lock obstructs nothing',
    'suspended-to-disk',
    { ...stopped, 'config.txt': 'lock: suspended\nvmstate: x\n' },
  ],
  ['no process', 'stopped', stopped],
  ['a full pool', 'pool-full', both({ state: 'io-error', ioStatus: 'nospace' })],
  ['another storage error', 'storage-error', both({ state: 'io-error', ioStatus: 'failed' })],
  ['prelaunch', 'paused', both({ state: 'prelaunch' })],
  ['a panic', 'guest-panicked', both({ state: 'guest-panicked' })],
  [
    'QMP silent although qm says running',
    'qemu-wedged',
    { ...noQmp, 'status-a.txt': 'status: running\n', 'status-b.txt': undefined },
  ],
  [
    'a QMP socket that accepted and said nothing',
    'qemu-wedged',
    { 'qmp-a.jsonl': '', 'qmp-b.jsonl': '', 'status-a.txt': 'status: running\n', 'status-b.txt': undefined },
  ],
  [
    'neither QMP nor qm answered in time',
    'qemu-wedged',
    {
      ...noQmp,
      'status-a.txt': undefined,
      'status-b.txt': undefined,
      'manifest.json': manifest({ steps: [{ name: 'qmp-a', status: 'timeout', ms: 3_000, why: 'silent' }] }),
    },
  ],
  ['a queue in use that stands still', 'block-path-stalled', {}],
  ['an lsi disk with history', 'block-path-stalled', both(still)],
  ['an lsi disk without history', 'block-path-stalled', { ...both(still), 'rrd.json': undefined }],
  [
    'an lsi disk with a history too short to tell',
    'block-path-stalled',
    { ...both(still), 'rrd.json': history([4, 0]) },
  ],
  [
    'flat, but it wrote a minute ago: nobody can know',
    'not-known',
    { ...both(still), 'rrd.json': history([5, 9, 4, 7, 3, 0]) },
  ],
  [
    'memory thrash',
    'memory-thrash',
    {
      'qmp-a.jsonl': qmpSample({ used: 1, inUse: 4 }),
      'qmp-b.jsonl': qmpSample({ used: 90, inUse: 4, written: 9_999, swappedIn: 700 }),
    },
  ],
  [
    'a guest kernel that spins',
    'guest-kernel-hang',
    { ...both({ inUse: 0 }), 'rrd.json': history([0, 0, 0, 0, 0]) },
  ],
  [
    'the agent answers, SSH does not',
    'guest-network-or-sshd',
    { ...both({ inUse: 0 }), 'agent-ping.txt': 'exit: 0\n' },
  ],
])('%s → %s', (_name, code, changes) => {
  expect(find(changes).finding.code).toBe(code);
});

test('SSH answers and nothing is stalled: no power verb', () => {
  const { finding } = find(both({ inUse: 0 }), { answers: true, detail: 'SSH answered.' });
  expect(finding).toMatchObject({ code: 'repair-in-guest', advised: null });
});

test('no process and the line that tells why', () => {
  const line = '[Sat Jan 31 02:00:00 2026] Out of memory: Killed process 4242 (kvm) total-vm:1kB';
  const { finding } = find({ ...stopped, 'kernel-log.txt': `noise\n${line}\nmore\n` });
  expect(finding).toMatchObject({ code: 'stopped', advised: 'start' });
  expect(finding.inputs.find(({ name }) => name === 'out of memory')?.value).toBe(line);
});

test('cautions stand beside the finding: quorum, HA, staged configuration, in this order', () => {
  const { cautions } = find({ 'cluster.txt': 'quorum: no\nha: managed\nlock: none\ntask: none\n' });
  expect(cautions.map(({ code }) => code)).toEqual(['quorum-lost', 'ha-managed', 'staged-configuration']);
  expect(cautions[0]?.warned).toEqual(['cycle', 'start', 'stop']);
  expect(
    find({ 'cluster.txt': 'quorum: unknown\nha: unknown\nlock: unknown, no answer\n' }).cautions.map(
      ({ code }) => code,
    ),
  ).toEqual(['staged-configuration']);
});

test('an agent that was never configured says nothing; the throttle is named as a suspect', () => {
  const ping = 'exit: 255\nNo QEMU guest agent configured\n';
  expect(readSignals(files({ 'agent-ping.txt': ping })).guestAgent).toBeUndefined();
  expect(find(both(still)).finding.summary).toContain('iops_wr=500');
});

test('the two samples stand side by side, and what did not move is marked', () => {
  const pairs = pairSamples(files());
  expect(pairs).toContainEqual({ name: 'virtio0 queue 0: used index', a: '70', b: '70', still: true });
  expect(pairs).toContainEqual({ name: 'QMP', a: 'answers', b: 'answers', still: false });
});

test('whatever the files hold, reading them throws nothing, and there is exactly one finding', () => {
  const names = [...Object.keys(STALLED), 'kernel-log.txt', 'nonsense.txt'];
  const garbage = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.json(),
    fc.constantFrom(...Object.values(STALLED).filter((text) => typeof text === 'string')),
    fc.array(fc.json(), { maxLength: 5 }).map((lines) => lines.join('\n')),
    fc
      .record({
        command: fc.constantFrom(
          'query-block',
          'query-blockstats',
          'query-cpus-fast',
          'x-query-virtio',
          'x-query-virtio-queue-status',
          'query-balloon',
          'query-status',
        ),
        return: fc.jsonValue(),
        arguments: fc.jsonValue(),
      })
      .map((line) => JSON.stringify(line)),
    fc.constantFrom(
      '==> /proc/1/task/1/stat <==\n)',
      '==> x',
      'exit: ',
      'held_s: 9999999999999999999',
      'lock:',
    ),
  );
  const bundle = fc.array(fc.tuple(fc.constantFrom(...names), garbage), { maxLength: 12 });
  fc.assert(
    fc.property(bundle, fc.boolean(), (entries, answers) => {
      const all = new Map(entries);
      pairSamples(all);
      const { finding } = triage({
        ...readSignals(all),
        target: 'devvm',
        at: 'x',
        busy: undefined,
        powerHost: { reachable: true, detail: '' },
        ssh: { answers, detail: '' },
      });
      expect(finding.summary).not.toBe('');
      if (finding.advised !== null) expect(finding.warned).not.toContain(finding.advised);
    }),
  );
});

// Quadratic reading would not end within the test's limit.
test('a megabyte of blanks is read at once', () => {
  const blanks = ' '.repeat(1_000_000);
  readSignals(
    files({
      'config.txt': `lock:${blanks}x`,
      'status-b.txt': `\n`.repeat(500_000),
      'cluster.txt': blanks,
      'agent-ping.txt': blanks,
    }),
  );
});
