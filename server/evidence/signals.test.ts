// From bundles of every kind to signals: what is there, what is not, and why not. Which finding is right for what stands in the case
// library (server/triage/cases).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { history, manifest, qmpSample, STALLED, threads } from '../../test/support/bundle.ts';
import { known, knownValue } from '../triage/reading.ts';
import { triage } from '../triage/triage.ts';
import { pairSamples, sampleTimes } from './samples.ts';
import { readSignals } from './signals.ts';

type Changes = Readonly<Record<string, string | undefined>>;

const files = (changes: Changes = {}): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({ ...STALLED, ...changes }).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text] as const] : [],
    ),
  );
const read = (changes: Changes = {}) => readSignals(files(changes));
const step = (name: string, status: string, more: Readonly<Record<string, unknown>> = {}) => ({
  'manifest.json': manifest({ steps: [{ name, status, ms: 3_000, ...more }] }),
});
const both = (shape: Parameters<typeof qmpSample>[0]) => ({
  'qmp-a.jsonl': qmpSample(shape),
  'qmp-b.jsonl': qmpSample(shape),
});

test('a bundle of the founding incident tells all that the rules want to know', () => {
  expect(read()).toMatchObject({
    vmState: known('running'),
    qmp: known({ silentLooks: 0 }),
    placement: known('here'),
    process: known('present'),
    processState: known('S'),
    stuckThreads: known([]),
    hostStorage: known([]),
    queues: known({
      told: true,
      unasked: [],
      list: [{ device: 'virtio0', name: 'virtio0 queue 0', inUse: 3, moved: false, stuckForS: 2 }],
    }),
    disks: known([{ device: 'virtio0', read: 0, written: 0, operations: 0, stillForS: 2 }]),
    watched: known({ seconds: 2, samples: 2 }),
    guestAgent: known('silent'),
    quorum: known(true),
    ha: known('no'),
    history: known({
      quietMinutes: 4,
      longestPauseMinutes: 0,
      wroteMinutes: 3,
      cpuBefore: expect.closeTo(0.1, 5) as number,
      cpuSince: expect.closeTo(0.1, 5) as number,
    }),
    throttles: known(['scsi0: iops_wr=500']),
    staged: known(['memory: 8192 → 12288', 'balloon: removed']),
    vcpus: known([{ percent: 95, spunForS: 2, haltedForS: 0 }]),
    lockFile: known({ holder: 'free', seenForS: undefined }),
    configLock: known('none'),
    ioErrors: known([]),
    vmid: 102,
    pid: 4242,
  });
});

// Not asked, asked too late, unreadable and zero are four things, and each says why.
test.each<[string, Changes, string, string]>([
  [
    'a step that timed out',
    { 'config.txt': 'lock: backup\n', ...step('config', 'timeout') },
    'throttles',
    'too-late',
  ],
  [
    'time that others used up',
    { 'qmp-a.jsonl': undefined, ...step('qmp-a', 'timeout', { why: 'its time was used up' }) },
    'queues',
    'not-asked',
  ],
  [
    'a step that was left out',
    { 'kernel-log.txt': undefined, ...step('kernel-log', 'skipped', { why: 'no dmesg here' }) },
    'hostStorage',
    'not-asked',
  ],
  [
    'a step that failed',
    { 'config.txt': 'ipcc_send_rec[1] failed\n', ...step('config', 'error', { why: 'exit 111' }) },
    'throttles',
    'unreadable',
  ],
  ['a file that an older script does not make', {}, 'fileSystems', 'not-asked'],
  [
    'a file that the transfer cut off',
    { 'cluster.txt': 'quorum: y', ...step('cluster', 'ok', { bytes: 40 }) },
    'quorum',
    'unreadable',
  ],
  [
    'a file that the host cut at its cap',
    step('config', 'ok', { truncated: true }),
    'throttles',
    'unreadable',
  ],
  [
    'a monitor that stopped answering',
    {
      'status-a.txt': undefined,
      'qmp-b.jsonl': `${qmpSample().split('\n').slice(0, 2).join('\n')}\n{"command":"query-blockstats","error":{"class":"NoAnswer","desc":"no answer in time"}}\n`,
    },
    'disks',
    'unreadable',
  ],
  [
    'quorum that /etc/pve did not tell',
    { 'cluster.txt': 'quorum: unknown, no answer from /etc/pve\n' },
    'quorum',
    'too-late',
  ],
  [
    'a history whose newest value is old',
    { 'rrd.json': history([5, 5, 5]).replaceAll('"time":17698', '"time":17697') },
    'history',
    'stale',
  ],
  [
    'an agent, where it is not known whether one is configured',
    { 'config.txt': undefined, ...step('config', 'timeout') },
    'guestAgent',
    'unreadable',
  ],
  [
    'an agent of a VM that was not running',
    { 'agent-ping.txt': 'exit: 2\nVM 102 is not running\n', ...step('agent-ping', 'error') },
    'guestAgent',
    'not-asked',
  ],
])('%s', (_name, changes, signal, is) => {
  expect(Object.entries(read(changes)).find(([name]) => name === signal)?.[1]).toMatchObject({ is });
});

test('a log that is full has lost what is old, and is read', () => {
  const line = '2026-01-31T02:02:00,000000+00:00 nfs: server 10.0.0.9 not responding, still trying\n';
  const full = {
    'kernel-log.txt': line,
    ...step('kernel-log', 'ok', { truncated: true, bytes: line.length }),
  };
  expect(knownValue(read(full).hostStorage)).toHaveLength(1);
});

test('of two disks the one that stands still is named, and so is the one that was not asked', () => {
  const queue = (path: string, n: number, inuse: number, used: number) =>
    JSON.stringify({
      command: 'x-query-virtio-queue-status',
      arguments: { path, queue: n },
      return: { name: 'virtio-blk', inuse, 'used-idx': used },
    });
  const end = (path: string) =>
    JSON.stringify({
      command: 'x-query-virtio-queue-status',
      arguments: { path, queue: 1 },
      error: { class: 'GenericError', desc: 'Invalid virtqueue number 1' },
    });
  const devices = JSON.stringify({
    command: 'x-query-virtio',
    return: ['a', 'b', 'c'].map((path) => ({ name: 'virtio-blk', path })),
  });
  const sample = (used: number) =>
    [devices, queue('a', 0, 0, used), end('a'), queue('b', 0, 4, 7), end('b')].join('\n');
  const { queues } = read({ 'qmp-a.jsonl': sample(1), 'qmp-b.jsonl': sample(9) });
  expect(queues).toMatchObject({
    is: 'known',
    value: {
      unasked: ['c'],
      list: [
        { device: 'a', moved: true },
        { device: 'b', inUse: 4, moved: false },
      ],
    },
  });
});

test('no process and the line that tells why, if it was this VM and lately', () => {
  const stopped = {
    'qmp-a.jsonl': undefined,
    'qmp-b.jsonl': undefined,
    'manifest.json': manifest({ pid: null }),
    'status-a.txt': 'status: stopped\n',
    'status-b.txt': undefined,
  };
  const kill = (at: string, scope: string) =>
    `${at} oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/qemu.slice/${scope}.scope,task=kvm,pid=4242,uid=0\n${at} Out of memory: Killed process 4242 (kvm) total-vm:1kB\n`;
  const said = (at: string, scope: string) =>
    knownValue(read({ ...stopped, 'kernel-log.txt': kill(at, scope) }).outOfMemory);
  expect(said('2026-01-31T02:00:00,000000+00:00', '102')).toContain('Killed process 4242');
  expect(said('[Sat Jan 31 02:00:00 2026]', '102')).toContain('Killed process 4242');
  expect(said('2026-01-31T02:00:00,000000+00:00', '1020')).toBe('none');
  expect(said('2026-01-03T02:00:00,000000+00:00', '102')).toBe('none');
  expect(said('[ 9120.114113]', '102')).toBe('none');
  expect(read(stopped)).toMatchObject({ process: known('absent'), vmState: known('stopped') });
});

test('a configuration as a file: a description, staged changes and a snapshot do not pass for what holds now', () => {
  const config =
    '#lock: backup\nagent: enabled=1,fstrim_cloned_disks=1\nmemory: 4096\nonboot: 1\nscsi0: x,mbps_wr=0.5,iops_wr_max_length=60\n\n[PENDING]\nmemory: 8192\ndelete: onboot,!net1\n\n[before]\nlock: snapshot\nscsi0: x,iops=100\n';
  expect(read({ 'config.txt': config, 'pending.txt': undefined, 'cluster.txt': undefined })).toMatchObject({
    configLock: known('none'),
    staged: known(['memory: 4096 → 8192', 'onboot: 1, removed', 'net1: removed']),
    throttles: known(['scsi0: mbps_wr=0.5']),
    guestAgent: known('silent'),
  });
});

test('silence of the monitor is counted in looks, and time that was used up is none', () => {
  const noQmp = { 'qmp-a.jsonl': undefined, 'qmp-b.jsonl': undefined };
  const looks = (changes: Changes) => read({ ...noQmp, ...changes }).qmp;
  const text = (status: string | undefined) => ({ 'status-a.txt': status, 'status-b.txt': undefined });
  expect(looks({ ...text('status: running\n'), ...step('qmp-a', 'timeout', { why: 'silent' }) })).toEqual(
    known({ silentLooks: 2 }),
  );
  expect(looks({ ...text(undefined), ...step('qmp-a', 'timeout', { why: 'silent' }) })).toEqual(
    known({ silentLooks: 1 }),
  );
  expect(
    looks({
      ...text(undefined),
      ...step('qmp-a', 'error', { why: 'unreachable: Resource temporarily unavailable' }),
    }),
  ).toEqual(known({ silentLooks: 1 }));
  expect(
    looks({ ...text(undefined), ...step('qmp-a', 'timeout', { why: 'its time was used up' }) }),
  ).toMatchObject({ is: 'not-asked' });
  expect(
    looks({
      ...text(undefined),
      ...step('qmp-a', 'error', { why: 'unreachable: No such file or directory' }),
    }),
  ).toMatchObject({ is: 'unreadable' });
  // Two samples of one connection that was never made, and what was written from it in no time: one look.
  const steps = (why: string, status: string) => ({
    'manifest.json': manifest({
      steps: [
        { name: 'qmp-a', status, ms: 1_691, why },
        { name: 'qmp-b', status, ms: 1_691, why },
        { name: 'status-a', status: 'ok', ms: 0 },
        { name: 'status-b', status: 'ok', ms: 0 },
      ],
    }),
    'status-a.txt': 'status: running\n',
    'status-b.txt': 'status: running\n',
  });
  for (const [why, status] of [
    ['silent: greets, and then says nothing', 'timeout'],
    ['its process is stopped by a signal: a connection would only fill its queue', 'skipped'],
  ] as const)
    expect(looks(steps(why, status)), why).toEqual(known({ silentLooks: 1 }));
  expect(
    looks({ ...text(undefined), ...step('qmp-a', 'skipped', { why: 'a verb is at work' }) }),
  ).toMatchObject({ is: 'not-asked' });
  // One that answers later ends it.
  expect(
    looks({ 'status-a.txt': 'status: running\n', 'status-b.txt': 'status: running\nrunning-qemu: 10.0\n' }),
  ).toEqual(known({ silentLooks: 0 }));
});

test('a guest that tells nothing new about its memory has told nothing', () => {
  const told = (update: number, swapped: number) =>
    qmpSample({ swappedIn: swapped }).replace('"actual":1,', `"actual":1,"last_update":${update},`);
  expect(read({ 'qmp-a.jsonl': told(5, 700), 'qmp-b.jsonl': told(5, 700) }).memory).toMatchObject({
    is: 'too-late',
  });
  expect(read({ 'qmp-a.jsonl': told(5, 700), 'qmp-b.jsonl': told(7, 900) }).memory).toMatchObject({
    is: 'known',
  });
});

test('threads in D count where they are at the same place in both samples', () => {
  const at = (wchan: string) => threads({ state: 'D', wchan });
  expect(
    knownValue(
      read({ 'tasks-a.txt': at('blk_mq_get_tag'), 'tasks-b.txt': at('blk_mq_get_tag') }).stuckThreads,
    ),
  ).toEqual([{ name: 'CPU 0/KVM', wchan: 'blk_mq_get_tag' }]);
  expect(knownValue(read({ 'tasks-a.txt': at('a'), 'tasks-b.txt': at('b') }).stuckThreads)).toEqual([]);
});

test('the two samples stand side by side, and what did not move is marked', () => {
  const pairs = pairSamples(files());
  expect(pairs).toContainEqual({ name: 'virtio0 queue 0: used index', a: '70', b: '70', still: true });
  expect(pairs).toContainEqual({ name: 'QMP', a: 'answers', b: 'answers', still: false });
  expect(pairSamples(files(both({ virtio: false }))).filter(({ name }) => name.includes('queue'))).toEqual(
    [],
  );
});

test('how far apart the samples are and when the console was drawn come from the clock of the host alone', () => {
  const line = (command: string, at: string, more = '') =>
    `{"command":"${command}","at":"${at}"${more || ',"return":{}'}}\n`;
  const a = line('query-status', '2026-11-27T06:58:20.500Z');
  const b = line('query-status', '2026-11-27T06:58:22.750Z');
  const drawn = line('screendump', '2026-11-27T06:58:20.726Z');
  const times = (from: string, to: string) =>
    sampleTimes(
      new Map([
        ['qmp-a.jsonl', from],
        ['qmp-b.jsonl', to],
      ]),
    );
  expect(times(a + drawn, b)).toEqual({ apart_s: 2.25, screen_at: '2026-11-27T06:58:20.726Z' });
  // A clock that was set back, and a picture that QEMU did not draw.
  const refused = line(
    'screendump',
    '2026-11-27T06:58:20.726Z',
    ',"error":{"class":"GenericError","desc":"no"}',
  );
  expect(times(b + refused, a)).toEqual({});
  expect(times('nonsense\n', b)).toEqual({});
  expect(sampleTimes(new Map())).toEqual({});
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
        busy: known('none'),
        powerHost: { reading: 'answers', detail: '' },
        ssh: { reading: answers ? 'works' : 'silent', detail: '' },
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
