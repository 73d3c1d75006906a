// What the two samples of a capture say, for people: one sentence, and the differences by device. Pure.
import type { EvidenceRecord, SamplePair } from '../../../protocol/evidence.ts';
import { wordOf } from './verdict.ts';
import { capital, size } from './words.ts';

/** What was not read has no value, and never a zero. */
const NOT_READ = 'not read';
/** Of user space on Linux: 100 ticks a second. */
const MS_PER_TICK = 10n;
/** Virtio counts with 16 bits. */
const QUEUE_INDEXES = 65_536n;

export interface Difference {
  /** What it counts. */
  readonly label: string;
  /** The value of B, or both where it is no number. */
  readonly total: bigint | { readonly a: string; readonly b: string } | 'not known';
  readonly change: bigint | 'not known' | 'none';
  /** It ought to have moved. */
  readonly still: boolean;
}
export interface DeviceDifferences {
  /** Empty: of the VM as a whole. */
  readonly device: string;
  readonly rows: readonly Difference[];
}

/** The samples' own names of what they count, most telling first. */
const COUNTERS = {
  'bytes written': 'Written, bytes',
  'bytes read': 'Read, bytes',
  'operations completed': 'Operations done',
  'used index': 'Requests done',
  'requests in use': 'Requests waiting',
  'time used': 'CPU time, ms',
  diskwrite: 'Written, bytes',
  diskread: 'Read, bytes',
  netout: 'Network out, bytes',
  netin: 'Network in, bytes',
} as const satisfies Readonly<Record<string, string>>;
type Counter = keyof typeof COUNTERS;
const ORDER = Object.keys(COUNTERS);
const isCounter = (name: string): name is Counter => Object.hasOwn(COUNTERS, name);

interface Named {
  readonly device: string;
  readonly counter: string;
}
const namedOf = (name: string): Named => {
  const cut = name.lastIndexOf(': ');
  return cut < 0
    ? { device: '', counter: name }
    : { device: name.slice(0, cut), counter: name.slice(cut + 2) };
};
const PROXMOX = 'qm status';
const deviceWords = (device: string): string =>
  device === PROXMOX ? 'All devices, by Proxmox' : device.replace(/ queue (\d+)$/, ', queue $1');

const integer = (value: string): bigint | undefined =>
  /^-?\d{1,40}$/.test(value) ? BigInt(value) : undefined;

const changeOf = (a: bigint, b: bigint, counter: string): bigint =>
  counter === 'used index' && b < a && a < QUEUE_INDEXES ? b - a + QUEUE_INDEXES : b - a;

const differenceOf = ({ name, a, b, still }: SamplePair): Difference => {
  const { counter } = namedOf(name);
  const label = isCounter(counter) ? COUNTERS[counter] : capital(counter);
  const [from, to] = [integer(a), integer(b)];
  const scale = counter === 'time used' ? MS_PER_TICK : 1n;
  if (to !== undefined && from !== undefined)
    return { label, total: to * scale, change: changeOf(from, to, counter) * scale, still };
  if (b === NOT_READ || a === NOT_READ) {
    const known = b === NOT_READ ? 'not known' : to === undefined ? { a, b } : to * scale;
    return { label, total: known, change: 'not known', still: false };
  }
  return { label, total: { a, b }, change: 'none', still };
};

const rank = ({ name }: SamplePair): number => {
  const { device, counter } = namedOf(name);
  const at = ORDER.indexOf(counter);
  // What each device tells by itself comes before the sum that Proxmox tells.
  return (at < 0 ? ORDER.length : at) + (device === PROXMOX ? ORDER.length / 2 : 0);
};

/** @param most only so many rows, the most telling ones */
export const differencesOf = (
  samples: readonly SamplePair[],
  most = Number.POSITIVE_INFINITY,
): readonly DeviceDifferences[] => {
  const chosen = new Set(samples.toSorted((one, other) => rank(one) - rank(other)).slice(0, most));
  const devices = new Map<string, SamplePair[]>();
  for (const pair of samples) {
    if (!chosen.has(pair)) continue;
    const { device } = namedOf(pair.name);
    devices.set(device, [...(devices.get(device) ?? []), pair]);
  }
  return [...devices]
    .map(([device, pairs]) => ({ device, pairs: pairs.toSorted((one, other) => rank(one) - rank(other)) }))
    .toSorted(({ pairs: [one] }, { pairs: [other] }) => (one && other ? rank(one) - rank(other) : 0))
    .map(({ device, pairs }) => ({ device: deviceWords(device), rows: pairs.map(differenceOf) }));
};

/** From right to left in threes, for the eye alone: a copied number stays a number. */
export const thousands = (value: bigint): readonly string[] => {
  const digits = String(value < 0n ? -value : value);
  const first = digits.length % 3 || 3;
  const groups = [digits.slice(0, first)];
  for (let at = first; at < digits.length; at += 3) groups.push(digits.slice(at, at + 3));
  return groups;
};

/** Undefined where one of them was not read: then the sum is not known. */
const writtenIn = (samples: readonly SamplePair[]): bigint | undefined => {
  let sum = 0n;
  for (const { a, b } of samples) {
    const [from, to] = [integer(a), integer(b)];
    if (from === undefined || to === undefined) return undefined;
    sum += to - from;
  }
  return samples.length === 0 || sum < 0n ? undefined : sum;
};

/** The disk that has requests waiting and completes none, though other disks write. */
const stuckDisk = (samples: readonly SamplePair[], disks: readonly SamplePair[]): string | undefined => {
  const waiting = samples.filter(
    ({ name, b }) => name.endsWith(': requests in use') && (integer(b) ?? 0n) > 0n,
  );
  return disks
    .filter(({ still }) => still)
    .map(({ name }) => namedOf(name).device)
    .find((disk) =>
      waiting.some(({ name }) => {
        const queue = namedOf(name).device;
        const used = samples.find((pair) => pair.name === `${queue}: used index`);
        return queue.startsWith(`${disk} queue `) && used?.still === true;
      }),
    );
};

/** E.g. `2 s`; the words where the host told no clock. */
const gapOf = ({ apart_s }: Pick<EvidenceRecord, 'apart_s'>): string =>
  apart_s === undefined
    ? 'between the samples'
    : `in ${apart_s < 1 ? apart_s.toFixed(1) : Math.round(apart_s)} s`;
export const gapHeading = ({ apart_s }: Pick<EvidenceRecord, 'apart_s'>): string =>
  apart_s === undefined ? 'change' : gapOf({ apart_s });

export interface EvidenceWords {
  readonly word: ReturnType<typeof wordOf>;
  /** What moved between the samples; the finding where no disk was read twice. */
  readonly sentence: string;
  /** Empty where the sentence says it already. */
  readonly because: string;
}

export const evidenceWords = (
  record: Pick<EvidenceRecord, 'samples' | 'apart_s' | 'report'>,
): EvidenceWords => {
  const { finding } = record.report;
  const found = finding.headline ?? finding.summary;
  const word = wordOf(finding);
  const said = differenceSentence(record);
  return said === undefined
    ? { word, sentence: found, because: found === finding.summary ? '' : finding.summary }
    : { word, sentence: said, because: found };
};

function differenceSentence(record: Pick<EvidenceRecord, 'samples' | 'apart_s'>): string | undefined {
  const disks = record.samples.filter(({ name }) => name.endsWith(': bytes written'));
  const each = writtenIn(disks);
  const sum = each ?? writtenIn(record.samples.filter(({ name }) => name === `${PROXMOX}: diskwrite`));
  if (sum === undefined) return undefined;
  const stuck = sum > 0n && each !== undefined ? stuckDisk(record.samples, disks) : undefined;
  return stuck === undefined
    ? `${size(Number(sum))} written ${gapOf(record)}`
    : `0 bytes written to ${stuck} ${gapOf(record)}`;
}

/** What it was saved for. */
export const savedFor = ({
  verb,
  operation_id,
  session_id,
}: Pick<EvidenceRecord, 'verb' | 'operation_id' | 'session_id'>): string => {
  if (verb !== 'forensics') return `Before ${verb}`;
  // Triage saves without an operation.
  if (operation_id === undefined) return 'Saved by triage';
  return session_id === undefined ? 'Saved by hand' : 'Saved in a chat';
};

/** When it was captured: what the host's manifest says, if that is a time, or else when it was kept here. */
export const capturedAt = ({ manifest, at }: Pick<EvidenceRecord, 'manifest' | 'at'>): string => {
  const began = manifest?.began_at;
  return began === undefined || Number.isNaN(Date.parse(began)) ? at : began;
};
