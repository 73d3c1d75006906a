// One examination at a time, what is kept of it, what is told of it, and the schedule.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SERVER } from '../../protocol/actors.ts';
import type { TargetName } from '../../protocol/ids.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/wait-for.ts';
import { type Doctor, type DoctorParts, startDoctor } from './doctor.ts';
import { keptExamination } from './kept.ts';
import { broken, type Chain, notChecked, type Seen, works } from './link.ts';

const ANNA = { type: 'operator', name: 'anna' } as const;
const [devvm, buildvm] = ['devvm' as TargetName, 'buildvm' as TargetName];

/** What each link of a small console says now; the test changes it. */
const says = { edge: works('It works.'), devvm: works('It works.'), buildvm: works('It works.') };
const chain = (
  code: 'edge-address' | 'vm-route',
  target: TargetName | undefined,
  look: () => Promise<Seen>,
): Chain => ({
  ...(target === undefined ? {} : { target }),
  links: [{ code, title: code, needs: [], look }],
});

function started(change: Partial<DoctorParts> = {}) {
  Object.assign(says, { edge: works('It works.'), devvm: works('It works.'), buildvm: works('It works.') });
  const journal = createMemoryJournal();
  const dir = tempDir();
  const doctor = startDoctor({
    chains: (only) => [
      chain('edge-address', undefined, async () => says.edge),
      ...[devvm, buildvm]
        .filter((name) => only === undefined || name === only)
        .map((name) => chain('vm-route', name, async () => says[name as unknown as 'devvm'])),
    ],
    targets: [devvm, buildvm],
    kept: keptExamination(dir, silent),
    journal,
    everyHours: undefined,
    logger: silent,
    ...change,
  });
  onTestFinished(() => doctor.close());
  const told = () =>
    journal.events.map((event) =>
      event.kind === 'examined'
        ? [event.newly_broken.map(({ code }) => code), event.mended.map(({ code }) => code)]
        : event.kind,
    );
  return { doctor, journal, dir, told };
}

test('whoever asks while it is under way gets its result; one target is a part of it', async () => {
  let looks = 0;
  const go = Promise.withResolvers<Seen>();
  const { doctor } = started({
    chains: () => [
      chain('vm-route', devvm, () => {
        looks++;
        return go.promise;
      }),
      chain('vm-route', buildvm, async () => works('')),
    ],
  });
  const both = [doctor.examine(ANNA), doctor.examine(SERVER), doctor.examine(ANNA, devvm)];
  expect(doctor.show().running).not.toBeNull();
  go.resolve(works('It works.'));
  const [first, second, part] = await Promise.all(both);
  expect(second).toBe(first);
  expect(part?.links.map(({ target }) => target)).toEqual([devvm]);
  expect(part?.count.works).toBe(1);
  expect(looks).toBe(1);
  expect(doctor.show().running).toBeNull();
});

test('what breaks is told once, also when it could not be looked at in between, and what works again is told', async () => {
  const { doctor, told } = started();
  says.edge = broken('Gone.', 'Cure it.');
  await doctor.examine(ANNA);
  // The first look has nothing to compare with.
  expect(told()).toEqual([[[], []]]);
  says.edge = works('It works.');
  await doctor.examine(ANNA);
  says.edge = broken('Gone.', 'Cure it.');
  await doctor.examine(ANNA);
  says.edge = notChecked('Nobody could look.');
  await doctor.examine(ANNA);
  says.edge = broken('Gone.', 'Cure it.');
  await doctor.examine(ANNA);
  expect(told().slice(1)).toEqual([
    [[], ['edge-address']],
    [['edge-address'], []],
    [[], []],
    [[], []],
  ]);
});

test('a look at one target leaves what was seen of the others, and the age of the whole', async () => {
  const { doctor } = started();
  await doctor.examine(ANNA, devvm);
  expect(doctor.show().last).toBeNull();
  const whole = await doctor.examine(ANNA);
  says.devvm = broken('Gone.', 'Start it.');
  await doctor.examine(ANNA, devvm);
  const { last } = doctor.show();
  expect(last?.at).toBe(whole.at);
  expect(last?.links.map(({ target, state }) => [target, state])).toEqual([
    [undefined, 'works'],
    [devvm, 'broken'],
    [buildvm, 'works'],
  ]);
  expect(last?.count).toMatchObject({ works: 2, broken: 1 });
});

test('the last one is kept in a file for nobody else; garbage there is none, and a journal that refuses stops nothing', async () => {
  const { doctor, dir, journal } = started();
  journal.mode = 'fail';
  const examination = await doctor.examine(ANNA);
  const file = path.join(dir, 'doctor.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(examination);
  expect(keptExamination(dir, silent).read()).toEqual(examination);
  writeFileSync(file, '{"links":');
  expect(keptExamination(dir, silent).read()).toBeUndefined();
  expect(keptExamination(undefined, silent).read()).toBeUndefined();
});

test('it looks by itself when the last look is a day old, not before, and says when the next one is', async () => {
  const dayAgo = (hours: number) => ({
    read: () => ({
      at: new Date(Date.now() - hours * 3_600_000).toISOString(),
      took_ms: 1,
      by: ANNA,
      links: [],
      count: { works: 0, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 },
    }),
    write: () => undefined,
  });
  const schedule = { everyHours: 24, firstAfterMs: 0 };
  const lastOf = (doctor: Doctor) => doctor.show().last;
  const due = started({ ...schedule, kept: dayAgo(25) });
  await until('the look that is due', () => lastOf(due.doctor)?.by.type === 'server');
  const next = Date.parse(due.doctor.show().next_at ?? '') - Date.parse(lastOf(due.doctor)?.at ?? '');
  expect(next).toBe(24 * 3_600_000);
  const early = started({ ...schedule, kept: dayAgo(23) });
  expect(Date.parse(early.doctor.show().next_at ?? '') - Date.now()).toBeGreaterThan(3_000_000);
  expect(lastOf(early.doctor)?.by).toEqual(ANNA);
  expect(started({ everyHours: undefined }).doctor.show().next_at).toBeNull();
});

test('it looks by itself although the clock was set back since the last look, and since the start', async () => {
  const clock = { ms: Date.now() + 365 * 86_400_000 };
  const { doctor } = started({ everyHours: 24, firstAfterMs: 50, now: () => clock.ms });
  await doctor.examine(ANNA);
  clock.ms -= 365 * 86_400_000;
  expect(Date.parse(doctor.show().next_at ?? '')).toBeLessThanOrEqual(clock.ms);
  const restarted = started({
    everyHours: 24,
    firstAfterMs: 0,
    now: () => clock.ms,
    kept: { read: () => doctor.show().last ?? undefined, write: () => undefined },
  });
  await until('the look after the restart', () => restarted.doctor.show().last?.by.type === 'server');
});

test.each([
  ['a link that is none', { links: [null] }],
  [
    'a state of another version',
    { links: [{ code: 'vm-route', title: '', state: 'asleep', detail: '', docs: '' }] },
  ],
  ['no count', { count: undefined }],
  ['a time that is none', { at: 'yesterday' }],
])('what another version kept is not believed: %s', async (_name, change) => {
  const { doctor, dir } = started();
  const whole = await doctor.examine(ANNA);
  writeFileSync(path.join(dir, 'doctor.json'), JSON.stringify({ ...whole, ...change }));
  expect(keptExamination(dir, silent).read()).toBeUndefined();
});

test('a console that closes ends the look, and whoever asked is told', async () => {
  const { doctor } = started({
    chains: () => [chain('vm-route', devvm, () => new Promise(() => undefined))],
  });
  const asked = doctor.examine(ANNA);
  const refused = expect(asked).rejects.toMatchObject({ code: 'shutting-down' });
  await doctor.close();
  await refused;
  await expect(doctor.examine(ANNA)).rejects.toMatchObject({ code: 'shutting-down' });
});
