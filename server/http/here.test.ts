import { expect, test } from 'vitest';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Identity } from '../access/identity.ts';
import { Here } from './here.ts';

const devvm = 'devvm' as TargetName;
const who = (name: string, how: 'proxy' | 'token' = 'token'): Identity => ({
  name,
  root: name,
  how,
  role: 'operator',
});
const guest = (share: string): Identity => ({
  name: 'guest of ann',
  root: 'ann',
  how: 'share',
  role: 'guest',
  guest: share,
  share,
  session: 's' as SessionId,
  target: devvm,
  endsAt: 0,
});

function house() {
  const time = { ms: 0 };
  const here = new Here(() => time.ms);
  return { here, time, names: (target = devvm) => here.at(target).map(({ name }) => name) };
}

test('whoever polls is there until they have not been heard for half a minute, with the time of their coming', () => {
  const { here, time, names } = house();
  here.polls(devvm, who('ann'));
  time.ms = 20_000;
  here.polls(devvm, who('ann'));
  here.polls(devvm, who('bob'));
  time.ms = 50_000;
  expect(here.at(devvm)).toEqual([
    { name: 'ann', since: '1970-01-01T00:00:00.000Z' },
    { name: 'bob', since: '1970-01-01T00:00:20.000Z' },
  ]);
  expect(names('web' as TargetName)).toEqual([]);
  time.ms = 50_001;
  expect(names()).toEqual([]);
});

test('whoever is attached is there without polling, until the last of their pages goes', () => {
  const { here, time, names } = house();
  const first = here.attach(devvm, who('ann'));
  const second = here.attach(devvm, who('ann'));
  time.ms = 3_600_000;
  first();
  first();
  time.ms += 3_600_000;
  expect(names()).toEqual(['ann']);
  second();
  expect(names()).toEqual(['ann']);
  time.ms += 30_001;
  expect(names()).toEqual([]);
});

test('a name is told once, by whatever way it came, and a guest by the name that the record has', () => {
  const { here, names } = house();
  here.polls(devvm, who('ann', 'token'));
  here.polls(devvm, who('ann', 'proxy'));
  here.attach(devvm, guest('a'));
  here.attach(devvm, guest('b'));
  expect(names()).toEqual(['ann', 'guest of ann']);
});

test('a crowd is bounded, and pushes nobody out who is there', () => {
  const { here, names } = house();
  for (let n = 0; n < 1_000; n++) here.attach(devvm, who(`p${n}`))();
  expect(names()).toEqual(Array.from({ length: 20 }, (_, n) => `p${n}`));
});
