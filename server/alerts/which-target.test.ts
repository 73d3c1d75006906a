import { expect, test } from 'vitest';
import type { TargetName } from '../../protocol/ids.ts';
import { type Mapped, targetsMeant } from './which-target.ts';

const [devvm, buildvm] = ['devvm', 'buildvm'] as unknown as readonly [TargetName, TargetName];
const two: readonly Mapped[] = [
  { name: devvm, alerts: [{ instance: ['10.0.10.10:9100', '10.0.10.10:22'] }, { host: ['pve1'] }] },
  { name: buildvm, alerts: [{ job: ['node'], instance: ['10.0.10.11:9100'] }, { host: ['pve1'] }] },
];
const meant = (labels: Record<string, string>, all = two, target?: string) => {
  const answer = targetsMeant({ labels, target }, all);
  return answer.type === 'targets' ? answer.names : answer.why;
};

test('the name of a target wins over every label of the configuration', () => {
  expect(meant({ instance: '10.0.10.10:22' }, two, 'buildvm')).toEqual(['buildvm']);
  expect(meant({ breakglass_target: 'buildvm', target: 'devvm', instance: '10.0.10.10:22' })).toEqual([
    'buildvm',
  ]);
  expect(meant({ target: 'buildvm' })).toEqual(['buildvm']);
});

test('a name that is no target means none, except in the label target, which others use too', () => {
  expect(meant({ instance: '10.0.10.10:22' }, two, 'web')).toMatch(
    /"web", which is not one of devvm, buildvm/,
  );
  expect(meant({ breakglass_target: 'web', instance: '10.0.10.10:22' })).toMatch(/"web"/);
  expect(meant({ target: 'https://web.example', instance: '10.0.10.10:22' })).toEqual(['devvm']);
});

test('all labels of a set must match, any set is enough, and several targets may be meant', () => {
  expect(meant({ instance: '10.0.10.10:9100' })).toEqual(['devvm']);
  expect(meant({ instance: '10.0.10.11:9100', job: 'node' })).toEqual(['buildvm']);
  expect(meant({ instance: '10.0.10.11:9100' })).toMatch(/mean none/);
  expect(meant({ host: 'pve1' })).toEqual(['devvm', 'buildvm']);
});

test('where there is one target, everything means it that names no other', () => {
  const one: readonly Mapped[] = [{ name: devvm, alerts: [] }];
  expect(meant({}, one)).toEqual(['devvm']);
  expect(meant({ breakglass_target: 'web' }, one)).toMatch(/"web"/);
});

test('what means none is told with its labels, made visible, and with how to map it', () => {
  expect(meant({ instance: 'a\u202Eb' })).toMatch(/instance="a⟨U\+202E⟩b".*breakglass_target.*alerts:/);
  expect(meant({ constructor: 'x' })).toMatch(/constructor="x"/);
  expect(meant({})).toMatch(/It has no labels/);
});
