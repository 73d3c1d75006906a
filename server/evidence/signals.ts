// From the files of a bundle to what triage looks at. Every file may be missing, cut or garbage: then a signal is not known.
// Pure, and never throws.
import type { EvidenceManifest } from '../../protocol/evidence.ts';
import type { CaptureSignals, Signals } from '../triage/signals.ts';
import { readHolders, readStaged, readThrottles } from './read/config.ts';
import { field, integer } from './read/head-sections.ts';
import { readHistory } from './read/history.ts';
import { parseManifest } from './read/manifest.ts';
import {
  balloonCount,
  diskCounts,
  diskQueues,
  noSpaceOf,
  type QmpSample,
  readQmp,
  sampledAt,
  vcpuThreads,
  vmStateOf,
} from './read/qmp.ts';
import { mainState, percentBetween, readThreads, stuckThreads } from './read/threads.ts';

/** A file's path inside the bundle's directory → its text. */
export type TextFiles = ReadonlyMap<string, string>;

export type BundleSignals = CaptureSignals & Pick<Signals, 'vmState' | 'qmp'>;

const SAMPLE_GAP_S = 2;

/** Without the keys whose value is not known. */
type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const known = <T extends object>(values: T): Known<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Known<T>;

export function readSignals(files: TextFiles): BundleSignals {
  const manifest = parseManifest(files.get('manifest.json'));
  const [a, b] = [readQmp(files.get('qmp-a.jsonl')), readQmp(files.get('qmp-b.jsonl'))];
  const [statusA, statusB] = [files.get('status-a.txt'), files.get('status-b.txt')];
  const [threadsA, threadsB] = [readThreads(files.get('tasks-a.txt')), readThreads(files.get('tasks-b.txt'))];
  const config = files.get('config.txt');
  const vmState =
    vmStateOf(b) ??
    vmStateOf(a) ??
    field(statusB ?? statusA, 'qmpstatus') ??
    field(statusB ?? statusA, 'status');
  const { configLock, task, quorum, haManaged, flock } = readHolders(
    config,
    files.get('cluster.txt'),
    files.get('flock.txt'),
  );
  const seconds = secondsBetween(a, b);
  return {
    vmState,
    qmp: qmpOf(vmState, manifest, a, b, statusA, statusB),
    ...known({
      process: manifest === undefined ? undefined : processOf(manifest.pid, vmState),
      processState: mainState(files.get('process-b.txt')) ?? mainState(files.get('process-a.txt')),
      stuckThreads: threadsA.size === 0 || threadsB.size === 0 ? undefined : stuckThreads(threadsA, threadsB),
      configLock,
      task,
      quorum,
      haManaged,
      flock,
      suspendedToDisk: configLock === undefined ? undefined : configLock === 'suspended',
      oomLine: oomLine(files.get('kernel-log.txt'), manifest?.vmid),
      noSpace: noSpaceOf(b) ?? noSpaceOf(a),
      queues: queuesBetween(a, b),
      guestAgent: agentOf(files.get('agent-ping.txt')),
      disk: diskBetween(a, b) ?? statusDisk(statusA, statusB),
      history: readHistory(files.get('rrd.json')),
      vcpus: vcpusOf(vcpuThreads(a), (tid) => {
        const [from, to] = [threadsA.get(tid), threadsB.get(tid)];
        return from === undefined || to === undefined ? undefined : percentBetween(from, to, seconds);
      }),
      memory: memoryBetween(a, b, statusA, statusB),
      throttles: config === undefined ? undefined : readThrottles(config),
      staged: files.has('pending.txt') ? readStaged(files.get('pending.txt') ?? '') : undefined,
      evidence: manifest?.id,
      vmid: manifest?.vmid,
      pid: manifest?.pid,
    }),
  };
}

// A pid file that could not be read proves nothing while qm says that the VM runs.
const processOf = (
  pid: number | undefined,
  vmState: string | undefined,
): 'present' | 'absent' | undefined => {
  if (pid !== undefined) return 'present';
  return vmState === 'stopped' ? 'absent' : undefined;
};

/** `qm status` says "running" of a dead QMP too; its verbose form then lacks `running-qemu`. */
function qmpOf(
  vmState: string | undefined,
  manifest: EvidenceManifest | undefined,
  a: QmpSample | undefined,
  b: QmpSample | undefined,
  ...statuses: readonly (string | undefined)[]
): 'answers' | 'silent' | undefined {
  if (vmState === 'stopped') return undefined;
  const latest = b ?? a;
  if (latest?.answers === true) return 'answers';
  const text = statuses.findLast((status) => status !== undefined);
  if (text !== undefined && /^[ \t]*running-qemu:/m.test(text)) return 'answers';
  // A socket that gives no greeting leaves no file, only the step that waited for it.
  const waited =
    manifest?.steps.some(({ name, status }) => name === 'qmp-a' && status === 'timeout') === true;
  return waited || (vmState !== undefined && (latest !== undefined || text !== undefined))
    ? 'silent'
    : undefined;
}

const secondsBetween = (a: QmpSample | undefined, b: QmpSample | undefined): number => {
  const [from, to] = [sampledAt(a), sampledAt(b)];
  return from !== undefined && to !== undefined && to > from ? (to - from) / 1_000 : SAMPLE_GAP_S;
};

function queuesBetween(a: QmpSample | undefined, b: QmpSample | undefined): CaptureSignals['queues'] {
  const [from, to] = [diskQueues(a), diskQueues(b)];
  if (from === undefined || to === undefined) return undefined;
  const both = [...to].flatMap(([key, { name, inUse, used }]) => {
    const before = from.get(key);
    // In use in both samples: a request that came in between is not yet late.
    return before === undefined
      ? []
      : [{ name, inUse: Math.min(before.inUse, inUse), moved: used !== before.used }];
  });
  return both.length === 0 ? undefined : both;
}

function diskBetween(a: QmpSample | undefined, b: QmpSample | undefined): CaptureSignals['disk'] {
  const [from, to] = [diskCounts(a), diskCounts(b)];
  if (from === undefined || to === undefined || to.size === 0) return undefined;
  const sum = { read: 0, written: 0, operations: 0 };
  for (const [name, count] of to) {
    const before = from.get(name);
    if (before === undefined) continue;
    sum.read += count.read - before.read;
    sum.written += count.written - before.written;
    sum.operations += count.operations - before.operations;
  }
  return sum;
}

function statusDisk(a: string | undefined, b: string | undefined): CaptureSignals['disk'] {
  const between = (key: string): number | undefined => {
    const [from, to] = [integer(field(a, key)), integer(field(b, key))];
    return from === undefined || to === undefined ? undefined : to - from;
  };
  const [read, written] = [between('diskread'), between('diskwrite')];
  return read === undefined || written === undefined ? undefined : { read, written, operations: undefined };
}

function memoryBetween(
  a: QmpSample | undefined,
  b: QmpSample | undefined,
  statusA: string | undefined,
  statusB: string | undefined,
): CaptureSignals['memory'] {
  const fromStatus = (status: string | undefined) => {
    const swappedIn = integer(field(status, 'mem_swapped_in'));
    const majorFaults = integer(field(status, 'major_page_faults'));
    if (swappedIn === undefined && majorFaults === undefined) return undefined;
    return { swappedIn: swappedIn ?? 0, majorFaults: majorFaults ?? 0 };
  };
  const from = balloonCount(a) ?? fromStatus(statusA);
  const to = balloonCount(b) ?? fromStatus(statusB);
  if (from === undefined || to === undefined) return undefined;
  return {
    swappedIn: Math.max(0, to.swappedIn - from.swappedIn),
    majorFaults: Math.max(0, to.majorFaults - from.majorFaults),
  };
}

function vcpusOf(
  threads: readonly number[],
  percent: (tid: number) => number | undefined,
): readonly number[] | undefined {
  const all = threads.map(percent);
  return all.length === 0 || all.includes(undefined) ? undefined : all.filter((each) => each !== undefined);
}

/** One that was never configured says nothing about the guest. */
function agentOf(ping: string | undefined): boolean | undefined {
  const exit = /^exit: (\d{1,3})\s*$/m.exec(ping?.split('\n', 1)[0] ?? '')?.[1];
  if (ping === undefined || exit === undefined) return undefined;
  if (exit === '0') return true;
  return /no qemu guest agent configured|\bVM \d+ is not running/i.test(ping) ? undefined : false;
}

function oomLine(log: string | undefined, vmid: number | undefined): string | undefined {
  const lines = (log ?? '').split('\n').filter((line) => /out of memory|oom-kill|killed process/i.test(line));
  const ours = lines.findLast((line) => vmid !== undefined && line.includes(`/${vmid}.scope`));
  const kvm = lines.findLast((line) => /\((?:kvm|qemu[^)]*)\)|task=(?:kvm|qemu)/.test(line));
  return (ours ?? kvm)?.trim().slice(0, 300);
}
