// Ways to know less: each signal of a case taken away or aged, each part of a list, each file of its bundle.

import { aged, notAsked, type Reading, tooLate, unreadable } from '../../server/triage/reading.ts';
import type { Queues, Signals } from '../../server/triage/signals.ts';
import type { RawCase } from './case-library.ts';

export interface Weaker {
  /** What was done. */
  readonly how: string;
  readonly signals: Signals;
}

const isReading = (value: unknown): value is Reading<unknown> =>
  typeof value === 'object' && value !== null && 'is' in value;

/** Longer than any memory of ours. */
const AGE_S = 3_600;

export function* weakerSignals(signals: Signals): Generator<Weaker> {
  for (const [name, value] of Object.entries(signals)) {
    if (!isReading(value)) continue;
    const { [name as keyof Signals]: _, ...without } = signals;
    yield { how: `${name} is not there`, signals: without as Signals };
    for (const reading of [
      notAsked('taken away'),
      tooLate('taken away'),
      unreadable('taken away'),
      aged(value, AGE_S),
    ])
      yield { how: `${name} is ${reading.is}`, signals: { ...signals, [name]: reading } };
    yield* weakerLists(signals, name, value);
  }
  yield { how: 'SSH is unknown', signals: { ...signals, ssh: { reading: 'unknown', detail: 'taken away' } } };
  const { reached: _r, refusal: _f, ...ssh } = signals.ssh;
  yield { how: 'how far SSH came is not told', signals: { ...signals, ssh } };
  yield {
    how: 'the power host is unknown',
    signals: { ...signals, powerHost: { reading: 'unknown', detail: 'taken away' } },
  };
  const { vmid: _v, pid: _p, evidence: _e, ...anonymous } = signals;
  yield { how: 'which VM it is is not told', signals: anonymous };
}

/** One of several devices was not asked, or the watch was shorter. */
function* weakerLists(signals: Signals, name: string, value: Reading<unknown>): Generator<Weaker> {
  if (value.is !== 'known') return;
  if (name === 'queues') {
    const queues = value.value as Queues;
    for (const [n, queue] of queues.list.entries()) {
      const list = queues.list.filter((_queue, at) => at !== n);
      const unasked = [...queues.unasked, queue.device];
      yield {
        how: `${queue.name} was not asked`,
        signals: { ...signals, queues: { is: 'known', value: { ...queues, list, unasked } } },
      };
    }
    yield {
      how: 'a further disk was not asked',
      signals: {
        ...signals,
        queues: { is: 'known', value: { ...queues, unasked: [...queues.unasked, 'virtio9'] } },
      },
    };
  }
  if (name === 'disks' || name === 'vcpus' || name === 'queues')
    yield { how: `${name} watched for two seconds only`, signals: shorter(signals) };
}

/** The watch of two seconds that a single capture is. */
function shorter(signals: Signals): Signals {
  const most = <K extends string>(entry: Readonly<Record<K, number>>, keys: readonly K[]) => ({
    ...entry,
    ...Object.fromEntries(keys.map((key) => [key, Math.min(2, entry[key])])),
  });
  const { queues, disks, vcpus, memory, watched, lockFile } = signals;
  return {
    ...signals,
    ...(queues?.is === 'known'
      ? {
          queues: {
            is: 'known',
            value: {
              ...queues.value,
              list: queues.value.list.map((each) => ({ ...each, ...most(each, ['stuckForS']) })),
            },
          },
        }
      : {}),
    ...(disks?.is === 'known'
      ? {
          disks: {
            is: 'known',
            value: disks.value.map((each) => ({ ...each, ...most(each, ['stillForS']) })),
          },
        }
      : {}),
    ...(vcpus?.is === 'known'
      ? {
          vcpus: {
            is: 'known',
            value: vcpus.value.map((each) => ({ ...each, ...most(each, ['spunForS', 'haltedForS']) })),
          },
        }
      : {}),
    ...(memory?.is === 'known'
      ? { memory: { is: 'known', value: { ...memory.value, ...most(memory.value, ['thrashedForS']) } } }
      : {}),
    ...(watched?.is === 'known' ? { watched: { is: 'known', value: { seconds: 2, samples: 2 } } } : {}),
    ...(lockFile?.is === 'known'
      ? { lockFile: { is: 'known', value: { ...lockFile.value, seenForS: undefined } } }
      : {}),
  } as Signals;
}

/** The case with less of what the host sent, as it may come out under load, or arrive. */
export function* weakerFiles(raw: RawCase): Generator<{ readonly how: string; readonly raw: RawCase }> {
  for (const part of ['bundle', 'later'] as const) {
    for (const [name, text] of raw[part]) {
      if (name === 'manifest.json') continue;
      const without = new Map(raw[part]);
      without.delete(name);
      const manifest = without.get('manifest.json') ?? raw.bundle.get('manifest.json');
      const step = name.replace(/\.[a-z]+$/, '');
      const files = (changes: readonly (readonly [string, string])[]) => new Map([...without, ...changes]);
      // A second capture is the first one's files but for its own: there only a step that says so takes one away.
      if (part === 'bundle') yield { how: `${part}: ${name} is missing`, raw: { ...raw, [part]: without } };
      if (manifest === undefined) continue;
      for (const status of ['timeout', 'skipped'])
        yield {
          how: `${part}: ${step} ${status}`,
          raw: {
            ...raw,
            [part]: files([
              ['manifest.json', withStep(manifest, { name: step, status, why: null })],
              ...(part === 'later' && name.startsWith('qmp') ? [[name, ''] as const] : []),
            ]),
          },
        };
      yield {
        how: `${part}: ${name} is cut in half`,
        raw: {
          ...raw,
          [part]: files([
            [name, text.slice(0, text.length / 2)],
            [
              'manifest.json',
              withStep(manifest, { name: step, status: 'ok', why: null, bytes: Buffer.byteLength(text) }),
            ],
          ]),
        },
      };
    }
  }
  const { bundle } = raw;
  yield {
    how: 'no manifest',
    raw: { ...raw, bundle: new Map([...bundle].filter(([name]) => name !== 'manifest.json')) },
  };
  yield { how: 'no bundle', raw: { ...raw, bundle: new Map(), later: new Map() } };
  yield { how: 'no second capture', raw: { ...raw, later: new Map() } };
  yield { how: 'no word of the capture itself', raw: { ...raw, forensics: '' } };
  if (raw.host !== undefined) return;
  yield { how: 'status came too late', raw: { ...raw, host: 'slow' } };
  yield { how: 'the connection was lost in the status', raw: { ...raw, host: 'lost' } };
}

function withStep(
  manifest: string,
  step: { readonly name: string; readonly [key: string]: unknown },
): string {
  try {
    const json = JSON.parse(manifest) as { steps: { name: string }[] };
    return JSON.stringify({ ...json, steps: [...json.steps.filter(({ name }) => name !== step.name), step] });
  } catch {
    return manifest;
  }
}
