import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applicability, type KnownVm } from './applicable-verbs.ts';
import { MUTATING_VERBS } from './verbs.ts';
import { CONFIG_LOCKS, RUN_STATES } from './vm-states.ts';

const vm = (state: string, more: Partial<KnownVm> = {}): KnownVm => ({
  state,
  monitorAnswers: state !== 'stopped',
  lock: 'none',
  ...more,
});
const refused = (known: KnownVm | undefined): readonly string[] =>
  MUTATING_VERBS.filter((verb) => !applicability(known, verb).applies);

test('of each state it is said which verbs certainly change nothing', () => {
  const table = Object.fromEntries(Object.keys(RUN_STATES).map((state) => [state, refused(vm(state))]));
  const onlyStart = Object.fromEntries(Object.keys(RUN_STATES).map((state) => [state, ['start']]));
  expect(table).toEqual({ ...onlyStart, stopped: ['reset', 'stop'] });
});

test('what is not known forbids nothing', () => {
  expect(refused(undefined)).toEqual([]);
  fc.assert(
    fc.property(
      fc.string(),
      fc.boolean(),
      fc.option(fc.string(), { nil: undefined }),
      (state, answers, lock) => {
        fc.pre(!Object.hasOwn(RUN_STATES, state));
        expect(refused({ state, monitorAnswers: answers, lock })).toEqual([]);
      },
    ),
  );
  for (const state of ['constructor', '__proto__', 'toString', 'unknown', ''])
    expect(refused(vm(state))).toEqual([]);
});

test('less is known, no more is forbidden: without the lock, and without an answer of the monitor', () => {
  for (const state of Object.keys(RUN_STATES))
    for (const lock of ['none', ...Object.keys(CONFIG_LOCKS)])
      for (const monitorAnswers of [true, false]) {
        const known = vm(state, { lock, monitorAnswers });
        const all = refused(known);
        for (const verb of refused({ ...known, lock: undefined })) expect(all).toContain(verb);
      }
});

test('there is always a verb left that brings the VM back', () => {
  for (const state of Object.keys(RUN_STATES))
    for (const lock of [undefined, 'none', ...Object.keys(CONFIG_LOCKS)])
      for (const monitorAnswers of [true, false]) {
        const out = refused(vm(state, { lock, monitorAnswers }));
        expect(out.includes('start') && out.includes('cycle'), `${state} ${lock}`).toBe(false);
      }
});

test('a backup that holds the VM is let run on by start, and a VM that is suspended to disk has nothing to cycle', () => {
  expect(refused(vm('prelaunch', { lock: 'backup' }))).toEqual([]);
  expect(refused(vm('prelaunch', { lock: undefined }))).toEqual([]);
  expect(refused(vm('running', { monitorAnswers: false, lock: 'backup' }))).toEqual([]);
  expect(refused(vm('stopped', { lock: 'suspended' }))).toEqual(['cycle', 'reset', 'stop']);
});

test('each reason is a sentence, and does not say of a silent QEMU that the VM runs', () => {
  for (const state of Object.keys(RUN_STATES))
    for (const monitorAnswers of [true, false])
      for (const verb of MUTATING_VERBS) {
        const answer = applicability(vm(state, { monitorAnswers }), verb);
        if (answer.applies) continue;
        expect(answer.why).toMatch(/^The VM .+\.$/);
        if (!monitorAnswers) expect(answer.why).not.toContain('runs');
      }
  expect(applicability(vm('running'), 'start')).toEqual({
    applies: false,
    why: 'The VM runs already: start would change nothing.',
  });
});
