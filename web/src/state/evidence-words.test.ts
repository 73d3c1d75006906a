import { describe, expect, it } from 'vitest';
import type { SamplePair } from '../../../protocol/evidence.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import {
  capturedAt,
  differencesOf,
  evidenceWords,
  gapHeading,
  savedFor,
  thousands,
} from './evidence-words.ts';

const pair = (name: string, a: string, b: string, still = a === b): SamplePair => ({ name, a, b, still });
const report = (more: Partial<TriageReport['finding']> = {}): TriageReport => ({
  target: 'devvm',
  at: '2026-01-31T02:03:09.000Z' as TriageReport['at'],
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    word: 'Wedged',
    headline: 'No disk writes for 27 min.',
    summary: 'The block path is stalled.',
    confidence: 0.9,
    advised: 'cycle',
    warned: [],
    advice: 'Cycle devvm.',
    inputs: [],
    ...more,
  },
});
const said = (samples: readonly SamplePair[], apart_s?: number, finding: TriageReport = report()) =>
  evidenceWords({ samples, report: finding, ...(apart_s === undefined ? {} : { apart_s }) });
const rowsOf = (...samples: SamplePair[]) => differencesOf(samples).flatMap(({ rows }) => rows);

describe('the sentence', () => {
  it('counts what was written in the time between the samples', () => {
    expect(said([pair('virtio0: bytes written', '794', '794')], 2.1)).toEqual({
      word: 'Wedged',
      sentence: '0 bytes written in 2 s',
      because: 'No disk writes for 27 min.',
    });
    const two = [pair('a: bytes written', '0', '1200000'), pair('b: bytes written', '5', '300005')];
    expect(said(two, 0.4).sentence).toBe('1.5 MB written in 0.4 s');
  });

  it('claims no seconds that the host did not tell', () => {
    expect(said([pair('virtio0: bytes written', '1', '1')]).sentence).toBe(
      '0 bytes written between the samples',
    );
    expect(gapHeading({})).toBe('change');
    expect(gapHeading({ apart_s: 2.02 })).toBe('in 2 s');
  });

  it('takes what was not read for unknown and not for zero, and then asks Proxmox, or the finding', () => {
    const unread = pair('virtio0: bytes written', '794', 'not read', false);
    expect(said([unread, pair('qm status: diskwrite', '7', '9')], 2).sentence).toBe('2 bytes written in 2 s');
    expect(said([unread], 2)).toMatchObject({
      sentence: 'No disk writes for 27 min.',
      because: 'The block path is stalled.',
    });
    const { headline: _, word: __, ...old } = report().finding;
    expect(said([], 2, { ...report(), finding: old })).toEqual({
      word: 'Wedged',
      sentence: 'The block path is stalled.',
      because: '',
    });
  });

  it('is about the disk whose requests wait, though another one writes', () => {
    const samples = [
      pair('virtio0: bytes written', '5', '5'),
      pair('virtio1: bytes written', '5', '9'),
      pair('virtio0 queue 0: requests in use', '3', '3', false),
      pair('virtio0 queue 0: used index', '70', '70'),
    ];
    expect(said(samples, 2).sentence).toBe('0 bytes written to virtio0 in 2 s');
    expect(said(samples.slice(0, 2), 2).sentence).toBe('4 bytes written in 2 s');
  });

  it('says nothing of counters that went back: they began anew', () => {
    expect(said([pair('virtio0: bytes written', '900', '3')], 2).sentence).toBe('No disk writes for 27 min.');
  });
});

describe('the differences', () => {
  it('are by device, the most telling first, and as many as there is room for', () => {
    const samples = [
      pair('QMP', 'answers', 'answers', false),
      pair('virtio0 queue 0: requests in use', '3', '3', false),
      pair('virtio0 queue 0: used index', '70', '70'),
      pair('virtio0: bytes read', '5', '5'),
      pair('virtio0: bytes written', '6', '6'),
      pair('CPU 0/KVM: time used', '100', '290', false),
      pair('a name: with a colon: bytes written', '1', '2', false),
    ];
    expect(
      differencesOf(samples).map(({ device, rows }) => [device, rows.map(({ label }) => label)]),
    ).toEqual([
      ['virtio0', ['Written, bytes', 'Read, bytes']],
      ['a name: with a colon', ['Written, bytes']],
      ['virtio0, queue 0', ['Requests done', 'Requests waiting']],
      ['CPU 0/KVM', ['CPU time, ms']],
      ['', ['QMP']],
    ]);
    expect(differencesOf(samples, 3).flatMap(({ rows }) => rows)).toHaveLength(3);
    expect(differencesOf(samples, 3).map(({ device }) => device)).toEqual([
      'virtio0',
      'a name: with a colon',
    ]);
  });

  it('are exact for counters of any size, and a queue index that wraps has moved on', () => {
    expect(rowsOf(pair('d: bytes read', '9007199254740993', '9007199254740995'))).toMatchObject([
      { change: 2n },
    ]);
    expect(rowsOf(pair('v queue 0: used index', '65530', '4', false))).toMatchObject([
      { total: 4n, change: 10n },
    ]);
    expect(rowsOf(pair('CPU 0/KVM: time used', '100', '290', false))).toMatchObject([
      { total: 2900n, change: 1900n },
    ]);
  });

  it('of what is no number show both values, and of what was not read that it is not known', () => {
    expect(rowsOf(pair('thread kworker', 'D io_schedule', 'R 0', false))).toMatchObject([
      { label: 'Thread kworker', total: { a: 'D io_schedule', b: 'R 0' }, change: 'none' },
    ]);
    expect(rowsOf(pair('d: bytes read', 'not read', '70', false))).toMatchObject([
      { total: 70n, change: 'not known' },
    ]);
    expect(rowsOf(pair('d: bytes read', '70', 'not read', true))).toMatchObject([
      { total: 'not known', change: 'not known', still: false },
    ]);
    expect(rowsOf(pair('x: big', '1e+21', '1e+21', false))).toMatchObject([{ change: 'none' }]);
  });
});

it('thousands are groups of three from the right, without a sign', () => {
  expect([0n, 12n, 1_234n, -123_456n, 794_665_194_496n].map(thousands)).toEqual([
    ['0'],
    ['12'],
    ['1', '234'],
    ['123', '456'],
    ['794', '665', '194', '496'],
  ]);
});

it('a capture says what it was saved for, and a time that is none does not stand for when', () => {
  expect(savedFor({ verb: 'cycle' })).toBe('Before cycle');
  expect(savedFor({ verb: 'forensics' })).toBe('Saved by triage');
  const at = '2026-01-31T02:03:09.000Z';
  const manifest = (began_at: string) => ({ id: 'x', steps: [], began_at });
  expect(capturedAt({ at, manifest: null })).toBe(at);
  expect(capturedAt({ at, manifest: manifest('yesterday') })).toBe(at);
  expect(capturedAt({ at, manifest: manifest('2026-01-31T02:03:04.567Z') })).toBe('2026-01-31T02:03:04.567Z');
});
