// One QMP connection of a sample: a greeting, then one line a command with what it answered. Pure.
import { known, notAsked, type Reading, tooLate, unreadable } from '../../triage/reading.ts';
import { type Fields, fieldsOf, listOf, numberOf, parseJson, textOf } from './json.ts';

export interface QmpAnswer {
  readonly command: string;
  readonly arguments: Fields | undefined;
  readonly at: string | undefined;
  /** What it returned. `error`: its class and words instead. */
  readonly value: unknown;
  readonly error: { readonly class: string; readonly desc: string } | undefined;
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
    if (fields === undefined || command === undefined) continue;
    const failed = fieldsOf(fields['error']);
    if (!('return' in fields) && failed === undefined) continue;
    all.push({
      command,
      arguments: fieldsOf(fields['arguments']),
      at: textOf(fields['at']),
      value: fields['return'],
      error:
        failed === undefined
          ? undefined
          : { class: textOf(failed['class']) ?? '', desc: textOf(failed['desc']) ?? '' },
    });
  }
  // `NoAnswer` is the host's script speaking, not QEMU.
  return { answers: all.some(({ error }) => error?.class !== 'NoAnswer'), all };
}

/** Of a sample that is there: an answer, an error, or a question that came to nothing. */
function answerTo(sample: QmpSample, command: string): Reading<unknown> {
  const answer = sample.all.find((each) => each.command === command);
  if (answer === undefined) return notAsked(`QMP: ${command} was not asked`);
  if (answer.error === undefined) return known(answer.value);
  return answer.error.class === 'NoAnswer'
    ? tooLate(`QMP: ${command}`)
    : unreadable(`QMP: ${command}: ${answer.error.desc.slice(0, 200)}`);
}
const valueTo = (sample: QmpSample | undefined, command: string): unknown => {
  const answer = sample === undefined ? undefined : answerTo(sample, command);
  return answer?.is === 'known' ? answer.value : undefined;
};

export const vmStateOf = (sample: QmpSample | undefined): string | undefined =>
  textOf(fieldsOf(valueTo(sample, 'query-status'))?.['status']);

/** Drives whose io-status is not ok, by the device's id. Undefined without an answer. */
export function ioErrorsOf(
  sample: QmpSample | undefined,
): readonly { readonly device: string; readonly status: string }[] | undefined {
  const drives = valueTo(sample, 'query-block');
  if (!Array.isArray(drives)) return undefined;
  return drives.flatMap((drive, n) => {
    const fields = fieldsOf(drive);
    const status = textOf(fields?.['io-status']);
    return status === undefined || status === 'ok' ? [] : [{ device: nameOf(fields, n), status }];
  });
}

/** `/machine/peripheral/virtio0/virtio-backend` → `virtio0`; a name that is no path stays. */
const shortName = (path: string): string =>
  path.split('/').findLast((part) => part !== '' && part !== 'virtio-backend') ?? path;

const nameOf = (fields: Fields | undefined, n: number): string =>
  shortName(
    textOf(fields?.['qdev']) ?? textOf(fields?.['device']) ?? textOf(fields?.['node-name']) ?? `#${n}`,
  );

export interface DiskCount {
  readonly read: number;
  readonly written: number;
  /** Undefined where only bytes are told. */
  readonly operations: number | undefined;
}

/** By the device's id: with -blockdev the `device` of blockstats is empty, and other devices may come first. */
export function diskCounts(sample: QmpSample | undefined): ReadonlyMap<string, DiskCount> | undefined {
  const list = valueTo(sample, 'query-blockstats');
  if (!Array.isArray(list)) return undefined;
  const counts = new Map<string, DiskCount>();
  for (const [n, entry] of list.entries()) {
    const fields = fieldsOf(entry);
    const stats = fieldsOf(fields?.['stats']);
    if (stats === undefined) continue;
    const of = (key: string): number => numberOf(stats[key]) ?? 0;
    const operations = [
      'rd',
      'wr',
      'flush',
      'unmap',
      'failed_rd',
      'failed_wr',
      'failed_flush',
      'failed_unmap',
    ];
    counts.set(nameOf(fields, n), {
      read: of('rd_bytes'),
      written: of('wr_bytes'),
      // One that failed has ended, too: the path under it is not stalled.
      operations: operations.reduce((sum, kind) => sum + of(`${kind}_operations`), 0),
    });
  }
  return counts;
}

export interface Queue {
  readonly device: string;
  readonly name: string;
  readonly inUse: number;
  readonly used: number;
}

export interface QueueSample {
  /** False: this QEMU tells of no queue. */
  readonly told: boolean;
  readonly queues: ReadonlyMap<string, Queue>;
  /** Devices that were not asked to their last queue, by name. */
  readonly unasked: readonly string[];
}

const isDisk = (kind: string): boolean => /^virtio-(?:blk|scsi)/.test(kind);

/**
 * Queues of virtio disks only, by path and number. A device has been asked to its end when QEMU said that there is no further
 * queue; one that was not may hide the one that stands still.
 */
export function diskQueues(sample: QmpSample): Reading<QueueSample> {
  const devices = answerTo(sample, 'x-query-virtio');
  const asked = sample.all.filter(({ command }) => command === 'x-query-virtio-queue-status');
  if (devices.is === 'unreadable') {
    const { error } = sample.all.find(({ command }) => command === 'x-query-virtio') ?? {};
    // Before QEMU 7.2: a fact about this QEMU, not about this moment.
    if (error?.class === 'CommandNotFound') return known({ told: false, queues: new Map(), unasked: [] });
  }
  if (devices.is !== 'known' && devices.is !== 'stale' && asked.length === 0) return devices;
  const kinds = new Map(
    listOf(devices.is === 'known' ? devices.value : undefined).map((device) => [
      textOf(fieldsOf(device)?.['path']) ?? '',
      textOf(fieldsOf(device)?.['name']) ?? '',
    ]),
  );
  const queues = new Map<string, Queue>();
  const complete = new Set<string>();
  const paths = new Set([...kinds].filter(([, kind]) => isDisk(kind)).map(([path]) => path));
  for (const { arguments: given, value, error } of asked) {
    const path = textOf(given?.['path']) ?? '';
    const status = fieldsOf(value);
    const kind = textOf(status?.['name']) ?? kinds.get(path) ?? '';
    if (error !== undefined && /invalid virtqueue/i.test(error.desc)) complete.add(path);
    const [inUse, used] = [numberOf(status?.['inuse']), numberOf(status?.['used-idx'])];
    if (inUse === undefined || used === undefined || !isDisk(kind)) continue;
    paths.add(path);
    const number = numberOf(given?.['queue']) ?? numberOf(status?.['queue-index']) ?? 0;
    const device = shortName(path) || kind;
    queues.set(`${path} ${number}`, { device, name: `${device} queue ${number}`, inUse, used });
  }
  return known({
    told: true,
    queues,
    unasked: [...paths].filter((path) => !complete.has(path)).map((path) => shortName(path) || path),
  });
}

/** Thread ids of the vCPUs. */
export const vcpuThreads = (sample: QmpSample | undefined): readonly number[] =>
  listOf(valueTo(sample, 'query-cpus-fast')).flatMap((cpu) => numberOf(fieldsOf(cpu)?.['thread-id']) ?? []);

/** Milliseconds, by the clock of the host. */
export function sampledAt(sample: QmpSample | undefined): number | undefined {
  const at = Date.parse(sample?.all[0]?.at ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** When QEMU was asked to draw the console; undefined where it did not, or the host did not tell. */
export function drawnAt(sample: QmpSample | undefined): string | undefined {
  const at = sample?.all.find(({ command, error }) => command === 'screendump' && error === undefined)?.at;
  return at === undefined || Number.isNaN(Date.parse(at)) ? undefined : new Date(at).toISOString();
}

export interface BalloonCount {
  /** Bytes. */
  readonly swappedIn: number;
  readonly swappedOut: number;
  readonly majorFaults: number;
  /** Bytes; undefined where the guest does not tell. */
  readonly free: number | undefined;
  readonly total: number | undefined;
  /** When the guest last told, Unix seconds: a guest that hangs tells nothing new. Undefined where QEMU does not say. */
  readonly toldAt: number | undefined;
}

/** Proxmox's query-balloon tells the guest's statistics; plain QEMU tells them as a property of the device. */
export function balloonCount(sample: QmpSample | undefined): BalloonCount | undefined {
  for (const { command, value } of sample?.all ?? []) {
    if (command !== 'query-balloon' && command !== 'qom-get') continue;
    const fields = fieldsOf(value);
    const stats = command === 'qom-get' ? fieldsOf(fields?.['stats']) : fields;
    const toldAt = numberOf(fields?.['last-update']) ?? numberOf(fields?.['last_update']);
    const of = (...names: readonly string[]): number | undefined => {
      const told = names.map((name) => numberOf(stats?.[name])).find((each) => each !== undefined);
      // What a guest does not know it tells as the largest number.
      return told === undefined || told >= 2 ** 63 ? undefined : told;
    };
    const swappedIn = of('mem_swapped_in', 'stat-swap-in');
    const majorFaults = of('major_page_faults', 'stat-major-faults');
    if (swappedIn !== undefined || majorFaults !== undefined)
      return {
        swappedIn: swappedIn ?? 0,
        swappedOut: of('mem_swapped_out', 'stat-swap-out') ?? 0,
        majorFaults: majorFaults ?? 0,
        free: of('free_mem', 'stat-free-memory'),
        total: of('total_mem', 'stat-total-memory'),
        toldAt,
      };
  }
  return undefined;
}
