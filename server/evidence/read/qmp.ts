// One QMP connection of a sample: a greeting, then one line a command with what it answered. Pure.
import { type Fields, fieldsOf, listOf, numberOf, parseJson, textOf } from './json.ts';

export interface QmpAnswer {
  readonly command: string;
  readonly arguments: Fields | undefined;
  readonly at: string | undefined;
  readonly value: unknown;
}

export interface QmpSample {
  /** QEMU answered at least one command. */
  readonly answers: boolean;
  readonly all: readonly QmpAnswer[];
}

const MOST_LINES = 2_000;

export function readQmp(text: string | undefined): QmpSample | undefined {
  if (text === undefined) return undefined;
  const all: QmpAnswer[] = [];
  for (const line of text.split('\n').slice(0, MOST_LINES)) {
    const fields = fieldsOf(parseJson(line));
    const command = textOf(fields?.['command']);
    if (fields === undefined || command === undefined || !('return' in fields)) continue;
    all.push({
      command,
      arguments: fieldsOf(fields['arguments']),
      at: textOf(fields['at']),
      value: fields['return'],
    });
  }
  return { answers: all.length > 0, all };
}

const answerTo = (sample: QmpSample | undefined, command: string): unknown =>
  sample?.all.find((answer) => answer.command === command)?.value;

export const vmStateOf = (sample: QmpSample | undefined): string | undefined =>
  textOf(fieldsOf(answerTo(sample, 'query-status'))?.['status']);

/** Undefined without an answer. */
export function noSpaceOf(sample: QmpSample | undefined): boolean | undefined {
  const drives = answerTo(sample, 'query-block');
  return Array.isArray(drives)
    ? drives.some((drive) => fieldsOf(drive)?.['io-status'] === 'nospace')
    : undefined;
}

/** `/machine/peripheral/virtio0/virtio-backend` → `virtio0`; a name that is no path stays. */
const shortName = (path: string): string =>
  path.split('/').findLast((part) => part !== '' && part !== 'virtio-backend') ?? path;

export interface DiskCount {
  readonly read: number;
  readonly written: number;
  readonly operations: number;
}

/** By the device's id: with -blockdev the `device` of blockstats is empty, and other devices may come first. */
export function diskCounts(sample: QmpSample | undefined): ReadonlyMap<string, DiskCount> | undefined {
  const list = answerTo(sample, 'query-blockstats');
  if (!Array.isArray(list)) return undefined;
  const counts = new Map<string, DiskCount>();
  for (const [n, entry] of list.entries()) {
    const fields = fieldsOf(entry);
    const stats = fieldsOf(fields?.['stats']);
    if (stats === undefined) continue;
    const name =
      textOf(fields?.['qdev']) ?? textOf(fields?.['device']) ?? textOf(fields?.['node-name']) ?? `#${n}`;
    const of = (key: string): number => numberOf(stats[key]) ?? 0;
    counts.set(shortName(name), {
      read: of('rd_bytes'),
      written: of('wr_bytes'),
      operations: of('rd_operations') + of('wr_operations') + of('flush_operations') + of('unmap_operations'),
    });
  }
  return counts;
}

export interface Queue {
  readonly name: string;
  readonly inUse: number;
  readonly used: number;
}

/** Queues of virtio disks only, by path and number. Undefined where QEMU gave no answer. */
export function diskQueues(sample: QmpSample | undefined): ReadonlyMap<string, Queue> | undefined {
  const devices = answerTo(sample, 'x-query-virtio');
  const answers = sample?.all.filter(({ command }) => command === 'x-query-virtio-queue-status') ?? [];
  if (!Array.isArray(devices) && answers.length === 0) return undefined;
  const kinds = new Map(
    listOf(devices).map((device) => [textOf(fieldsOf(device)?.['path']), textOf(fieldsOf(device)?.['name'])]),
  );
  const queues = new Map<string, Queue>();
  for (const { arguments: asked, value } of answers) {
    const status = fieldsOf(value);
    const path = textOf(asked?.['path']) ?? '';
    const kind = textOf(status?.['name']) ?? kinds.get(path) ?? '';
    const [inUse, used] = [numberOf(status?.['inuse']), numberOf(status?.['used-idx'])];
    if (inUse === undefined || used === undefined || !/^virtio-(blk|scsi)/.test(kind)) continue;
    const number = numberOf(asked?.['queue']) ?? numberOf(status?.['queue-index']) ?? 0;
    queues.set(`${path} ${number}`, { name: `${shortName(path) || kind} queue ${number}`, inUse, used });
  }
  return queues;
}

/** Thread ids of the vCPUs. */
export const vcpuThreads = (sample: QmpSample | undefined): readonly number[] =>
  listOf(answerTo(sample, 'query-cpus-fast')).flatMap((cpu) => numberOf(fieldsOf(cpu)?.['thread-id']) ?? []);

/** Milliseconds, by the clock of the host. */
export function sampledAt(sample: QmpSample | undefined): number | undefined {
  const at = Date.parse(sample?.all[0]?.at ?? '');
  return Number.isNaN(at) ? undefined : at;
}

export interface BalloonCount {
  readonly swappedIn: number;
  readonly majorFaults: number;
}

/** Proxmox's query-balloon tells the guest's statistics; plain QEMU tells them as a property of the device. */
export function balloonCount(sample: QmpSample | undefined): BalloonCount | undefined {
  for (const { command, value } of sample?.all ?? []) {
    const fields = fieldsOf(value);
    const stats = command === 'qom-get' ? fieldsOf(fields?.['stats']) : fields;
    if (command !== 'query-balloon' && command !== 'qom-get') continue;
    const swappedIn = numberOf(stats?.['mem_swapped_in']) ?? numberOf(stats?.['stat-swap-in']);
    const majorFaults = numberOf(stats?.['major_page_faults']) ?? numberOf(stats?.['stat-major-faults']);
    if (swappedIn !== undefined || majorFaults !== undefined)
      return { swappedIn: swappedIn ?? 0, majorFaults: majorFaults ?? 0 };
  }
  return undefined;
}
