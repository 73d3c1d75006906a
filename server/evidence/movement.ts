// From counters to what moved: how long each disk stood still, which queue completed nothing, how the processors and the memory did,
// over as long as one process was watched. A longer watch says more and never less. Pure.
import {
  known,
  lacking,
  notAsked,
  type Reading,
  tooLate,
  type Unread,
  unreadable,
} from '../triage/reading.ts';
import type {
  CaptureSignals,
  DiskSignal,
  MemorySignal,
  QueueSignal,
  Queues,
  VcpuSignal,
} from '../triage/signals.ts';
import type { Counters } from './counters.ts';
import type { BalloonCount } from './read/qmp.ts';

/** Clock ticks a second, for user space on Linux. */
const TICKS_PER_S = 100;
const BUSY_PERCENT = 90;
/**
 * A guest without memory, seen on real QEMU with a slow disk: 1 to 3 % free at every look, 1 to 4 MB/s swapped out on the whole (with
 * pauses of some seconds), and a trickle swapped in again.
 */
const NO_MEMORY_SHARE = 0.05;
const THRASH_BYTES_PER_S = 256 * 1024;
/** The balloon's statistics come every two seconds; an interval shorter than this may hold none. */
const SHORTEST_S = 0.5;

export type Movement = Pick<
  CaptureSignals,
  'queues' | 'disks' | 'watched' | 'vcpus' | 'memory' | 'networkOut'
>;

/** @param counters oldest first; those of another process than the last one's are left out, and where it is not told all others */
export function movementOf(counters: readonly Counters[]): Movement {
  const latest = counters.at(-1);
  if (latest === undefined) return {};
  const capture = counters.filter((each) => each.capture === latest.capture);
  const watch =
    latest.process === undefined ? capture : counters.filter(({ process }) => process === latest.process);
  const first = watch[0] ?? latest;
  return {
    disks: disksOf(watch, capture),
    queues: queuesOf(watch, capture),
    vcpus: vcpusOf(watch),
    memory: memoryOf(watch),
    networkOut: sentOf(capture),
    watched: known({ seconds: (latest.atMs - first.atMs) / 1_000, samples: watch.length }),
  };
}

interface Told<T> {
  /** Of the samples that tell it, oldest first. */
  readonly values: readonly { readonly atMs: number; readonly value: T }[];
  /** Why the last one that does not, does not. */
  readonly unread: Unread;
}

function told<T>(counters: readonly Counters[], of: (each: Counters) => Reading<T>): Told<T> {
  const values: { readonly atMs: number; readonly value: T }[] = [];
  let unread = notAsked('one sample only');
  for (const each of counters) {
    const reading = of(each);
    if (reading.is === 'known') values.push({ atMs: each.atMs, value: reading.value });
    else unread = lacking(reading);
  }
  return { values, unread };
}

/** Seconds, up to the last sample, through which `same` held between each two neighbours. */
function lasting<T>(
  samples: readonly { readonly atMs: number; readonly value: T }[],
  same: (before: T, after: T, seconds: number) => boolean,
): number {
  let from = samples.length - 1;
  for (; from > 0; from -= 1) {
    const [before, after] = [samples[from - 1], samples[from]];
    if (before === undefined || after === undefined) break;
    if (!same(before.value, after.value, (after.atMs - before.atMs) / 1_000)) break;
  }
  return Math.max(0, ((samples.at(-1)?.atMs ?? 0) - (samples[from]?.atMs ?? 0)) / 1_000);
}

function disksOf(watch: readonly Counters[], capture: readonly Counters[]): Reading<readonly DiskSignal[]> {
  const now = told(capture, ({ disks }) => disks);
  const [from, to] = [now.values[0]?.value, now.values.at(-1)?.value];
  if (from === undefined || to === undefined || now.values.length < 2) return now.unread;
  const all = told(watch, ({ disks }) => disks).values;
  const disks = [...to].flatMap(([device, count]): DiskSignal[] => {
    const before = from.get(device);
    // A drive that was never used (an empty CD) tells nothing.
    if (before === undefined || count.read + count.written + (count.operations ?? 0) === 0) return [];
    return [
      {
        device,
        read: count.read - before.read,
        written: count.written - before.written,
        operations:
          count.operations === undefined || before.operations === undefined
            ? undefined
            : count.operations - before.operations,
        stillForS: lasting(all, (a, b) => {
          const [x, y] = [a.get(device), b.get(device)];
          return (
            x !== undefined &&
            y !== undefined &&
            x.read === y.read &&
            x.written === y.written &&
            x.operations === y.operations
          );
        }),
      },
    ];
  });
  if (disks.length > 0) return known(disks);
  // One that has never read a block is no disk that somebody uses: of nothing nothing can be said.
  return unreadable('QMP: no disk has ever been used');
}

function queuesOf(watch: readonly Counters[], capture: readonly Counters[]): Reading<Queues> {
  const now = told(capture, ({ queues }) => queues);
  const [from, to] = [now.values[0]?.value, now.values.at(-1)?.value];
  if (from === undefined || to === undefined || now.values.length < 2) return now.unread;
  const all = told(watch, ({ queues }) => queues).values;
  const unasked = new Set([...from.unasked, ...to.unasked]);
  const list = [...to.queues].flatMap(([key, { device, name, inUse, used }]): QueueSignal[] => {
    const before = from.queues.get(key);
    if (before === undefined) {
      unasked.add(device);
      return [];
    }
    const least = Math.min(before.inUse, inUse);
    return [
      {
        device,
        name,
        // In use in both samples: a request that came in between is not yet late.
        inUse: least,
        moved: used !== before.used,
        stuckForS: lasting(all, (a, b) => {
          const [x, y] = [a.queues.get(key), b.queues.get(key)];
          return x !== undefined && y !== undefined && x.inUse > 0 && y.inUse > 0 && x.used === y.used;
        }),
      },
    ];
  });
  return known({ told: from.told && to.told, list, unasked: [...unasked] });
}

function vcpusOf(watch: readonly Counters[]): Reading<readonly VcpuSignal[]> {
  const { values, unread } = told(watch, ({ vcpuTicks }) => vcpuTicks);
  const [before, last] = values.slice(-2);
  if (before === undefined || last === undefined) return unread;
  const percent = (
    tid: number,
    a: ReadonlyMap<number, number>,
    b: ReadonlyMap<number, number>,
    s: number,
  ) => {
    const [x, y] = [a.get(tid), b.get(tid)];
    return x === undefined || y === undefined || s < SHORTEST_S
      ? undefined
      : (100 * Math.max(0, y - x)) / TICKS_PER_S / s;
  };
  const seconds = (last.atMs - before.atMs) / 1_000;
  const vcpus = [...last.value.keys()].flatMap((tid): VcpuSignal[] => {
    const now = percent(tid, before.value, last.value, seconds);
    if (now === undefined) return [];
    return [
      {
        percent: now,
        spunForS: lasting(values, (a, b, s) => (percent(tid, a, b, s) ?? 0) >= BUSY_PERCENT),
        haltedForS: lasting(values, (a, b) => a.has(tid) && a.get(tid) === b.get(tid)),
      },
    ];
  });
  return vcpus.length === last.value.size
    ? known(vcpus)
    : unreadable('tasks: not every vCPU is in both samples');
}

function memoryOf(watch: readonly Counters[]): Reading<MemorySignal> {
  const { values, unread } = told(watch, ({ memory }) => memory);
  // The guest tells by itself, and may tell the same twice: that is one look, not two, and no proof of calm.
  const looks = values.filter(
    ({ value }, n) => value.toldAt === undefined || value.toldAt !== values[n - 1]?.value.toldAt,
  );
  const [before, last] = looks.slice(-2);
  if (before === undefined || last === undefined)
    return values.length < 2
      ? unread
      : tooLate('the guest has told nothing new about its memory between the samples');
  const seconds = Math.max((last.atMs - before.atMs) / 1_000, SHORTEST_S);
  const since = (a: BalloonCount, count: 'swappedIn' | 'swappedOut' | 'majorFaults'): number =>
    Math.max(0, last.value[count] - a[count]);
  const { free, total } = last.value;
  return known({
    swapInPerS: since(before.value, 'swappedIn') / seconds,
    swapOutPerS: since(before.value, 'swappedOut') / seconds,
    faultsPerS: since(before.value, 'majorFaults') / seconds,
    freeShare: free === undefined || !total ? undefined : free / total,
    thrashedForS: thrashedForS(looks),
  });
}

/** The longest time up to the last look in which no look found memory, and swapping in and out went on on the whole. */
function thrashedForS(looks: readonly { readonly atMs: number; readonly value: BalloonCount }[]): number {
  const last = looks.at(-1);
  const lastWithMemory = looks.findLastIndex(
    ({ value: { free, total } }) => free === undefined || !total || free / total > NO_MEMORY_SHARE,
  );
  const first = looks.slice(lastWithMemory + 1).find(({ atMs, value }) => {
    const seconds = ((last?.atMs ?? atMs) - atMs) / 1_000;
    const swappedIn = (last?.value.swappedIn ?? 0) - value.swappedIn;
    const swappedOut = (last?.value.swappedOut ?? 0) - value.swappedOut;
    const faults = (last?.value.majorFaults ?? 0) - value.majorFaults;
    const fast = (swappedIn + swappedOut) / Math.max(seconds, SHORTEST_S) >= THRASH_BYTES_PER_S;
    return swappedIn > 0 && faults > 0 && fast;
  });
  return first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1_000;
}

function sentOf(capture: readonly Counters[]): Reading<number> {
  const { values, unread } = told(capture, ({ sent }) => sent);
  const [from, to] = [values[0]?.value, values.at(-1)?.value];
  return from === undefined || to === undefined || values.length < 2 ? unread : known(Math.max(0, to - from));
}

/** How long the same task was seen with qemu-server's lock file, over the captures that are known. */
export function lockSeenForS(counters: readonly Counters[], holder: string): number | undefined {
  const looks = counters.filter(({ lockHolder }) => lockHolder.is === 'known');
  let from = looks.length;
  while (from > 0) {
    const before = looks[from - 1]?.lockHolder;
    if (before?.is !== 'known' || before.value !== holder) break;
    from -= 1;
  }
  const [first, last] = [looks[from], looks.at(-1)];
  return first === undefined || last === undefined || first === last
    ? undefined
    : (last.atMs - first.atMs) / 1_000;
}
