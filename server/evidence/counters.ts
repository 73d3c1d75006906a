// What one sample of a bundle counted: disks, queues, processors, memory, network, each with the time. Two samples make a movement,
// several captures of one process a longer watch. Pure.
import { derive, firstKnown, known, lacking, notAsked, type Reading, unreadable } from '../triage/reading.ts';
import { type Bundle, fileReading, stepOf, whyUnread } from './read/files.ts';
import { field, integer } from './read/head-sections.ts';
import {
  type BalloonCount,
  balloonCount,
  type DiskCount,
  diskCounts,
  diskQueues,
  type QmpSample,
  type QueueSample,
  readQmp,
  sampledAt,
  vcpuThreads,
} from './read/qmp.ts';
import { readThreads } from './read/threads.ts';

export interface Counters {
  /** Milliseconds, by the host's clock. */
  readonly atMs: number;
  /** Pid and start time: counters of another process are another story. Undefined: not told. */
  readonly process: string | undefined;
  /** Which capture it is of. */
  readonly capture: string;
  readonly disks: Reading<ReadonlyMap<string, DiskCount>>;
  readonly queues: Reading<QueueSample>;
  /** Clock ticks of each vCPU's thread. */
  readonly vcpuTicks: Reading<ReadonlyMap<number, number>>;
  readonly memory: Reading<BalloonCount>;
  /** Bytes sent by the guest. */
  readonly sent: Reading<number>;
  /** Who held qemu-server's lock file then. */
  readonly lockHolder: Reading<string>;
}

const SAMPLE_GAP_MS = 2_000;
/** For a bundle of one capture only: the time of neither sample matters, their distance does. */
const NO_CLOCK_MS = 0;

export function readCounters(bundle: Bundle, lockHolder: Reading<string>): readonly Counters[] {
  const { manifest } = bundle;
  const began = Date.parse(manifest?.began_at ?? '');
  const process = manifest?.pid === undefined ? undefined : `${manifest.pid} ${manifest.start_time ?? '?'}`;
  const [a, b] = (['a', 'b'] as const).map((name, n) => {
    const qmp = qmpReading(bundle, name);
    const sample = qmp.is === 'known' ? qmp.value : undefined;
    const status = fileReading(bundle, `status-${name}`);
    const text = status.is === 'known' ? status.value : undefined;
    const tids = vcpuThreads(sample);
    return {
      atMs: sampledAt(sample) ?? (Number.isNaN(began) ? NO_CLOCK_MS : began) + n * SAMPLE_GAP_MS,
      capture: manifest?.id ?? '',
      disks: fromQmp(qmp, diskCounts, 'query-blockstats'),
      textDisks: diskTotals(text),
      queues: qmp.is === 'known' ? diskQueues(qmp.value) : lacking(qmp),
      tids,
      threads: derive(fileReading(bundle, `tasks-${name}`), readThreads),
      memory: firstKnown<BalloonCount>(fromQmp(qmp, balloonCount, 'query-balloon'), balloonInText(text)),
      sent: sentIn(text),
      lockHolder: n === 0 ? lockHolder : notAsked('flock: looked at once in a capture'),
    };
  });
  if (a === undefined || b === undefined) return [];
  // Both samples from the same source, or there is nothing to compare.
  const byDevice = a.disks.is === 'known' && b.disks.is === 'known';
  const byText = a.textDisks !== undefined && b.textDisks !== undefined;
  const tids = a.tids.length > 0 ? a.tids : b.tids;
  return [a, b].map(({ atMs, capture, disks, textDisks, queues, threads, memory, sent, lockHolder }) => ({
    atMs,
    process,
    capture,
    disks: byDevice || !byText || textDisks === undefined ? disks : known(textDisks),
    queues,
    vcpuTicks: ticksOf(tids, threads),
    memory,
    sent,
    lockHolder,
  }));
}

/** `qmp-a.jsonl` and its step: one that timed out may still have told most. */
export function qmpReading(bundle: Bundle, name: 'a' | 'b'): Reading<QmpSample> {
  const sample = readQmp(bundle.files.get(`qmp-${name}.jsonl`));
  if (sample !== undefined && sample.all.length > 0) return known(sample);
  const step = stepOf(bundle, `qmp-${name}`);
  const unread = whyUnread(step);
  if (unread !== undefined) return unread;
  if (step?.status === 'error') return unreadable(`qmp-${name}: ${step.why ?? 'failed'}`);
  return sample === undefined
    ? notAsked(`qmp-${name}: not in the bundle`)
    : unreadable(`qmp-${name}: nothing of it can be read`);
}

function fromQmp<T>(
  qmp: Reading<QmpSample>,
  read: (sample: QmpSample) => T | undefined,
  command: string,
): Reading<T> {
  if (qmp.is !== 'known') return lacking(qmp);
  const value = read(qmp.value);
  return value === undefined ? unreadable(`QMP: ${command} told nothing`) : known(value);
}

/** All disks together, as `qm status --verbose` tells them: the best there is where QMP was not asked. */
function diskTotals(status: string | undefined): ReadonlyMap<string, DiskCount> | undefined {
  const [read, written] = [integer(field(status, 'diskread')), integer(field(status, 'diskwrite'))];
  if (read === undefined || written === undefined) return undefined;
  return new Map([['all disks', { read, written, operations: undefined }]]);
}

const sentIn = (status: string | undefined): Reading<number> => {
  const bytes = integer(field(status, 'netout'));
  return bytes === undefined ? notAsked('qm status: netout was not told') : known(bytes);
};

function balloonInText(status: string | undefined): Reading<BalloonCount> {
  const swappedIn = integer(field(status, 'mem_swapped_in'));
  const majorFaults = integer(field(status, 'major_page_faults'));
  if (swappedIn === undefined && majorFaults === undefined)
    return notAsked('qm status: no statistics of the balloon');
  return known({
    swappedIn: swappedIn ?? 0,
    swappedOut: integer(field(status, 'mem_swapped_out')) ?? 0,
    majorFaults: majorFaults ?? 0,
    free: integer(field(status, 'free_mem')),
    total: integer(field(status, 'total_mem')),
    toldAt: integer(field(status, 'last_update')),
  });
}

function ticksOf(
  tids: readonly number[],
  threads: Reading<ReturnType<typeof readThreads>>,
): Reading<ReadonlyMap<number, number>> {
  if (threads.is !== 'known') return lacking(threads);
  if (tids.length === 0) return notAsked('QMP: which threads are vCPUs was not told');
  const ticks = new Map<number, number>();
  for (const tid of tids) {
    const thread = threads.value.get(tid);
    if (thread === undefined) return unreadable(`tasks: thread ${tid} is missing`);
    ticks.set(tid, thread.ticks);
  }
  return known(ticks);
}
