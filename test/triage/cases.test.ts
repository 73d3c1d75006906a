// Every case of the library: what the host and SSH said goes in raw, and the finding that is right comes out. And each case bites: it
// fails when the rule that decides it is taken out of the table, or, where what is right is to say little, when a rule is loosened.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { RULES } from '../../server/triage/rules.ts';
import type { Signals } from '../../server/triage/signals.ts';
import { decide, TABLE } from '../../server/triage/triage.ts';
import { CASES, type RawCase, signalsOfCase } from './case-library.ts';
import { complaints } from './complaints.ts';
import { looseners } from './loosened.ts';

const LIBRARY = await Promise.all(CASES.map(async (raw) => ({ raw, signals: await signalsOfCase(raw) })));

test.each(LIBRARY.map((each) => [each.raw.name, each] as const))('%s', (_name, { raw, signals }) => {
  expect(complaints(raw, signals)).toEqual([]);
});

test('every rule decides a case, and the case fails without it', () => {
  const idle = RULES.filter(({ name }) => !LIBRARY.some(({ signals }) => decide(signals).rule.name === name));
  expect(idle.map(({ name }) => name)).toEqual([]);
  const unmoved = LIBRARY.filter(({ raw, signals }) => {
    const { name } = decide(signals).rule;
    const without = { ...TABLE, rules: RULES.filter((rule) => rule.name !== name) };
    if (complaints(raw, signals, without).length > 0) return false;
    // To say little is right where little is known: the case is there for who would say more.
    if (looseners.some((loosen) => complaints(raw, signals, loosen(TABLE)).length > 0)) return false;
    return complaints(raw, withSignalsOf(signals, raw.butFor)).length === 0;
  });
  expect(unmoved.map(({ raw }) => raw.name)).toEqual([]);
});

function withSignalsOf(signals: Signals, butFor: RawCase['butFor']): Signals {
  const other = LIBRARY.find(({ raw }) => raw.name === butFor?.case)?.signals;
  const taken = Object.entries(other ?? {}).filter(([name]) => butFor?.signals.includes(name));
  return { ...signals, ...Object.fromEntries(taken) };
}

test('no SSH record lies unused', () => {
  const records = readdirSync(path.join(import.meta.dirname, '../../server/triage/cases/_ssh')).map(
    (name) => path.parse(name).name,
  );
  const used = new Set(CASES.map(({ ssh }) => ssh));
  expect(records.filter((name) => !used.has(name))).toEqual([]);
  console.log(`${CASES.length} cases, ${RULES.length} rules, ${records.length} records of SSH`);
});
