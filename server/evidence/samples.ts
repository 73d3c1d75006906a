// The two samples side by side, for people: what ought to move, and whether it did. Pure.
import type { EvidenceRecord, SamplePair } from '../../protocol/evidence.ts';
import type { TextFiles } from './read/files.ts';
import { field, integer } from './read/head-sections.ts';
import {
  balloonCount,
  diskCounts,
  diskQueues,
  drawnAt,
  readQmp,
  sampledAt,
  vcpuThreads,
  vmStateOf,
} from './read/qmp.ts';
import { mainState, readThreads } from './read/threads.ts';

const MOST_PAIRS = 200;

export function pairSamples(files: TextFiles): readonly SamplePair[] {
  const pairs: SamplePair[] = [];
  type Value = string | number | undefined;
  const add = (name: string, a: Value, b: Value, moves = false): void => {
    if (a === undefined && b === undefined) return;
    const [left, right] = [a, b].map((value) => (value === undefined ? 'not read' : String(value)));
    pairs.push({ name, a: left ?? '', b: right ?? '', still: moves && a !== undefined && left === right });
  };
  const [a, b] = [readQmp(files.get('qmp-a.jsonl')), readQmp(files.get('qmp-b.jsonl'))];
  const answers = (sample: typeof a) =>
    sample === undefined ? undefined : sample.answers ? 'answers' : 'silent';
  add('QMP', answers(a), answers(b));
  add('VM state', vmStateOf(a), vmStateOf(b));
  add('QEMU process state', mainState(files.get('process-a.txt')), mainState(files.get('process-b.txt')));
  const [queuesA, queuesB] = [a, b].map((sample) => {
    const queues = sample === undefined ? undefined : diskQueues(sample);
    return queues?.is === 'known' ? queues.value.queues : undefined;
  });
  for (const key of new Set([...(queuesA?.keys() ?? []), ...(queuesB?.keys() ?? [])])) {
    const [from, to] = [queuesA?.get(key), queuesB?.get(key)];
    const idle = (from?.inUse ?? 0) === 0 && (to?.inUse ?? 0) === 0;
    const name = (to ?? from)?.name ?? key;
    add(`${name}: requests in use`, from?.inUse, to?.inUse);
    add(`${name}: used index`, from?.used, to?.used, !idle);
  }
  const [disksA, disksB] = [diskCounts(a), diskCounts(b)];
  for (const name of new Set([...(disksA?.keys() ?? []), ...(disksB?.keys() ?? [])])) {
    const [from, to] = [disksA?.get(name), disksB?.get(name)];
    // A drive that was never used (an empty CD) tells nothing.
    if (
      ![from, to].some(
        (count) => count !== undefined && count.read + count.written + (count.operations ?? 0) > 0,
      )
    )
      continue;
    add(`${name}: bytes read`, from?.read, to?.read, true);
    add(`${name}: bytes written`, from?.written, to?.written, true);
    add(`${name}: operations completed`, from?.operations, to?.operations, true);
  }
  for (const key of ['diskread', 'diskwrite', 'netin', 'netout'])
    add(
      `qm status: ${key}`,
      integer(field(files.get('status-a.txt'), key)),
      integer(field(files.get('status-b.txt'), key)),
      true,
    );
  const [balloonA, balloonB] = [balloonCount(a), balloonCount(b)];
  add('bytes swapped in', balloonA?.swappedIn, balloonB?.swappedIn);
  add('major page faults', balloonA?.majorFaults, balloonB?.majorFaults);
  const [threadsA, threadsB] = [readThreads(files.get('tasks-a.txt')), readThreads(files.get('tasks-b.txt'))];
  for (const tid of vcpuThreads(a)) {
    const [from, to] = [threadsA.get(tid), threadsB.get(tid)];
    add(`${(to ?? from)?.name || `vCPU ${tid}`}: time used`, from?.ticks, to?.ticks, true);
  }
  for (const [tid, thread] of threadsA) {
    const later = threadsB.get(tid);
    if (thread.state === 'D' || later?.state === 'D')
      add(
        `thread ${thread.name || tid}`,
        `${thread.state} ${thread.wchan}`,
        later === undefined ? undefined : `${later.state} ${later.wchan}`,
        true,
      );
  }
  return pairs.slice(0, MOST_PAIRS);
}

/** What the host's own clock says of the samples and of the picture; what it does not say is absent. */
export function sampleTimes(files: TextFiles): Pick<EvidenceRecord, 'apart_s' | 'screen_at'> {
  const [a, b] = [readQmp(files.get('qmp-a.jsonl')), readQmp(files.get('qmp-b.jsonl'))];
  const [from, to] = [sampledAt(a), sampledAt(b)];
  const drawn = drawnAt(a) ?? drawnAt(b);
  return {
    ...(from === undefined || to === undefined || to <= from ? {} : { apart_s: (to - from) / 1_000 }),
    ...(drawn === undefined ? {} : { screen_at: drawn }),
  };
}
