// The first three rules of evidence, over the whole library: absence is no proof; less evidence never makes us bolder; a verb
// needs a positive sign and none that speaks against it. And the tests themselves: each fails when a rule is loosened.
import { expect, test } from 'vitest';
import type { Rule } from '../../server/triage/rules/rule.ts';
import { RULES } from '../../server/triage/rules.ts';
import type { Signals } from '../../server/triage/signals.ts';
import { decide, TABLE, type Table } from '../../server/triage/triage.ts';
import { CASES, signalsOfCase } from './case-library.ts';
import { loosenCaution, loosenGuards, loosenRule, loosenUpTo, remembering } from './loosened.ts';
import { weakerFiles, weakerSignals } from './weaker.ts';

const LIBRARY = await Promise.all(CASES.map(async (raw) => ({ raw, signals: await signalsOfCase(raw) })));

type Decided = ReturnType<typeof decide>;

/** How the second is bolder than the first, which knew more; undefined: it is the same or weaker. */
function bolder(before: Decided, after: Decided): string | undefined {
  if (after.advised !== null) {
    if (after.advised !== before.advised) return `${before.advised ?? 'no verb'} became ${after.advised}`;
    if (after.confidence > before.confidence)
      return `${after.advised} rose from ${before.confidence} to ${after.confidence}`;
  }
  if (after.rule.claimsWell === true && before.rule.claimsWell !== true) return 'all is called well';
  return undefined;
}

interface Outcome {
  readonly tried: number;
  /** What was taken away changed the finding. */
  readonly decisive: number;
  /** It took a verb away. */
  readonly disarming: number;
  readonly bolder: readonly string[];
}

interface Less {
  readonly name: string;
  readonly signals: Signals;
  readonly how: string;
  readonly less: Signals;
}

const ALL: readonly Less[] = LIBRARY.flatMap(({ raw, signals }) =>
  [...weakerSignals(signals)].map(({ how, signals: less }) => ({ name: raw.name, signals, how, less })),
);
/** One way of not knowing for each signal: enough to see what a loosened rule does. */
const ONE_WAY = ALL.filter(({ how }) => !/ is (?:not-asked|too-late|unreadable|stale)$/.test(how));

/** A hundred tables are made of this one, and each is asked of the same signals. */
const REMEMBERED = remembering(TABLE);

function takeAway(table: Table, all = ALL): Outcome {
  let [decisive, disarming] = [0, 0];
  const found: string[] = [];
  const before = new Map(LIBRARY.map(({ signals }) => [signals, decide(signals, table)]));
  for (const { name, signals, how, less } of all) {
    const [was, is] = [before.get(signals) ?? decide(signals, table), decide(less, table)];
    if (is.rule.code !== was.rule.code || is.advised !== was.advised) decisive += 1;
    if (was.advised !== null && is.advised === null) disarming += 1;
    const why = bolder(was, is);
    if (why !== undefined) found.push(`${name}, ${how}: ${why} (${was.rule.name} → ${is.rule.name})`);
  }
  return { tried: all.length, decisive, disarming, bolder: found };
}

test('whatever signal is taken away or aged, in whatever case, the advice is the same or weaker', () => {
  const outcome = takeAway(TABLE);
  expect(outcome.bolder).toEqual([]);
  // It would be easy to hold of rules that never advise anything.
  expect(outcome.disarming).toBeGreaterThan(300);
  const signals = LIBRARY.reduce((sum, each) => sum + Object.keys(each.signals).length, 0);
  console.log(
    `${CASES.length} cases with ${signals} signals: ${outcome.tried} times one was taken away or aged; ${outcome.decisive} times that was decisive, ${outcome.disarming} times it took a verb away, never did it bring one.`,
  );
});

test('whatever file is missing, late, left out or cut, the advice is the same or weaker', async () => {
  let [tried, decisive] = [0, 0];
  const found: string[] = [];
  for (const { raw, signals } of LIBRARY) {
    const before = decide(signals);
    for (const { how, raw: less } of weakerFiles(raw)) {
      const after = decide(await signalsOfCase(less));
      tried += 1;
      if (after.rule.code !== before.rule.code || after.advised !== before.advised) decisive += 1;
      const why = bolder(before, after);
      if (why !== undefined)
        found.push(`${raw.name}, ${how}: ${why} (${before.rule.name} → ${after.rule.name})`);
    }
  }
  expect(found).toEqual([]);
  console.log(`${tried} times a file was missing, late or cut: ${decisive} times that was decisive.`);
});

test('two signals taken away at once make nothing bolder either', () => {
  const found: string[] = [];
  for (const { raw, signals } of LIBRARY.filter(({ signals: all }) => decide(all).advised !== null)) {
    const before = decide(signals);
    const names = Object.keys(signals).filter((name) => typeof signals[name as keyof Signals] === 'object');
    for (const a of names)
      for (const b of names) {
        if (a === b || ['ssh', 'powerHost'].includes(a) || ['ssh', 'powerHost'].includes(b)) continue;
        const less = Object.fromEntries(Object.entries(signals).filter(([name]) => name !== a && name !== b));
        const why = bolder(before, decide(less as unknown as Signals));
        if (why !== undefined) found.push(`${raw.name} without ${a} and ${b}: ${why}`);
      }
  }
  expect(found).toEqual([]);
});

test('with nothing known nothing is advised, nothing is well, and nothing is warned of', () => {
  const nothing: Signals = {
    target: 'devvm',
    at: '2026-01-01T00:00:00.000Z',
    powerHost: { reading: 'unknown', detail: 'not asked' },
    ssh: { reading: 'unknown', detail: 'not asked' },
  };
  expect(decide(nothing)).toMatchObject({ advised: null, rule: { code: 'not-known' }, confidence: 0 });
});

/** Advises a verb, or says that all is well: what it needs has to be known. */
const isBold = ({ advised, claimsWell }: Rule): boolean => advised !== null || claimsWell === true;

test('a rule that takes what is not known for a yes is caught, whichever it is', () => {
  const bold = RULES.filter(isBold);
  const caught = (loosen: (name: string) => (table: Table) => Table) =>
    bold.filter(({ name }) => takeAway(loosen(name)(REMEMBERED), ONE_WAY).bolder.length > 0);
  const alone = caught(loosenRule);
  // Of the others a rule before them needs to know the same: they are guarded twice, and caught when that one is blind, too.
  expect(caught(loosenUpTo).map(({ name }) => name)).toEqual(bold.map(({ name }) => name));
  expect(alone.length).toBeGreaterThan(8);
  console.log(
    `${bold.length} bold rules loosened: ${alone.length} caught alone, all with what guards them blind.`,
  );
});

test('a rule in the way of a verb that takes what is not known for a no is caught', () => {
  const guards = RULES.filter((rule) => !isBold(rule));
  const bolderBy = (table: Table): number => takeAway(table, ONE_WAY).bolder.length;
  const alone = guards.filter(({ name }) => bolderBy(loosenRule(name)(REMEMBERED)) > 0);
  const none = bolderBy(loosenGuards()(REMEMBERED));
  const helps = guards.filter(({ name }) => bolderBy(loosenGuards(name)(REMEMBERED)) < none);
  expect(alone.map(({ name }) => name)).toEqual([
    'thread in D',
    'lock file held',
    'monitor silent, guest alive',
    'still disk on storage in trouble',
  ]);
  expect(helps.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['locked by a task', 'stale lock', 'locked by who knows', 'being resumed']),
  );
  console.log(
    `${guards.length} guards: ${alone.length} are the only ones of what they guard, ${helps.length} hold something back when all others are blind; with all of them blind advice grows bolder ${none} times.`,
  );
});

test('a caution that takes what is not known for a no is caught', () => {
  expect(takeAway(loosenCaution('quorum-lost')(REMEMBERED), ONE_WAY).bolder.length).toBeGreaterThan(0);
});
