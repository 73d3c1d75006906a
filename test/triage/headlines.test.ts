// What the card says in one word and one sentence, over the whole library: short enough to be read in a second, and true to the finding.
import { expect, test } from 'vitest';
import { STATE_TONES } from '../../protocol/state-words.ts';
import { triage } from '../../server/triage/triage.ts';
import { CASES, signalsOfCase } from './case-library.ts';
import { headlineFaults } from './headline-faults.ts';

const LIBRARY = await Promise.all(
  CASES.map(async (raw) => ({ raw, finding: triage(await signalsOfCase(raw)).finding })),
);

test('every case has a headline of at most twelve words, without a time stamp, and ends with a period', () => {
  const faults = LIBRARY.flatMap(({ raw, finding }) =>
    headlineFaults(finding.headline ?? '').map((fault) => `${raw.name}: ${fault}`),
  );
  expect(faults).toEqual([]);
});

test('a verb is advised only of what is called bad, thrashing, stalled, stopped or asleep, and all is well only where nothing is wrong', () => {
  for (const { raw, finding } of LIBRARY) {
    const tone = STATE_TONES[finding.word ?? 'Not known'];
    if (finding.advised !== null)
      expect(
        tone === 'bad' || ['Thrashing', 'Stalled', 'Stopped', 'Asleep'].includes(finding.word ?? ''),
        raw.name,
      ).toBe(true);
    expect(tone === 'ok', raw.name).toBe(finding.code === 'nothing-wrong-found');
  }
});

test('what can be counted comes first, and of several disks the broken one is named', () => {
  const headlineOf = (name: string) => LIBRARY.find(({ raw }) => raw.name === name)?.finding.headline;
  expect(headlineOf('stalled-lsi')).toBe('No disk writes for 30 min. QEMU still answers.');
  expect(headlineOf('third-disk-stalled')).toMatch(
    /^virtioscsi2 holds \d+ requests, completes none\. QEMU still answers\.$/,
  );
});
