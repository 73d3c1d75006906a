import { expect, test } from 'vitest';
import type { TargetName } from '../../protocol/ids.ts';
import { BOUNDS, examine } from './examine.ts';
import { broken, type Chain, doubtful, type LinkLook, notUsed, type Seen, works } from './link.ts';

const link = (
  code: LinkLook['code'],
  needs: readonly LinkLook['code'][],
  look: LinkLook['look'] = async () => works('It works.'),
  limitMs?: number,
): LinkLook => ({ code, title: code, needs, look, ...(limitMs === undefined ? {} : { limitMs }) });
const saying = (seen: Seen) => async () => seen;
const never = () => new Promise<Seen>(() => undefined);
const [devvm, buildvm] = ['devvm' as TargetName, 'buildvm' as TargetName];

const statesOf = async (chains: readonly Chain[], bounds = BOUNDS) =>
  (await examine(chains, bounds)).map(({ code, target, state, because }) => [
    ...(target === undefined ? [] : [target]),
    code,
    state,
    ...(because === undefined ? [] : [because]),
  ]);

test('what needs a broken link is not looked at, and names the one that is really broken', async () => {
  let looked = 0;
  const count = async () => {
    looked++;
    return works('');
  };
  const chain: Chain = {
    target: devvm,
    links: [
      link('vm-route', [], saying(broken('Gone.', 'Start it.'))),
      link('vm-banner', ['vm-route'], count),
      link('vm-host-key', ['vm-banner'], count),
      link('vm-repair', ['ssh-key', 'vm-host-key'], count),
    ],
  };
  expect(await statesOf([{ links: [link('ssh-key', [])] }, chain])).toEqual([
    ['ssh-key', 'works'],
    ['devvm', 'vm-route', 'broken'],
    ['devvm', 'vm-banner', 'not-checked', 'vm-route'],
    ['devvm', 'vm-host-key', 'not-checked', 'vm-route'],
    ['devvm', 'vm-repair', 'not-checked', 'vm-route'],
  ]);
  expect(looked).toBe(0);
});

test('a doubtful link hides nothing, and what needs an unused one is unused', async () => {
  expect(
    await statesOf([
      {
        links: [
          link('edge-address', [], saying(doubtful('Slow.', 'Wait.'))),
          link('edge-certificate', ['edge-address']),
          link('model-credential', [], saying(notUsed('None.'))),
          link('model-answer', ['model-credential'], never),
        ],
      },
    ]),
  ).toEqual([
    ['model-credential', 'not-used'],
    ['model-answer', 'not-used'],
    ['edge-address', 'doubtful'],
    ['edge-certificate', 'works'],
  ]);
});

test('a target with a key of its own is judged by that key, the others by the common one', async () => {
  const needsKey = (target: TargetName): Chain => ({ target, links: [link('vm-repair', ['ssh-key'])] });
  expect(
    await statesOf([
      { links: [link('ssh-key', [])] },
      needsKey(devvm),
      { target: buildvm, links: [link('ssh-key', [], saying(broken('Open to all.', 'chmod')))] },
      needsKey(buildvm),
    ]),
  ).toEqual([
    ['ssh-key', 'works'],
    ['devvm', 'vm-repair', 'works'],
    ['buildvm', 'ssh-key', 'broken'],
    ['buildvm', 'vm-repair', 'not-checked', 'ssh-key'],
  ]);
});

test('a look that hangs is broken, one that throws could not be made, and neither holds up the rest', async () => {
  const links = await examine([
    { links: [link('journal', [], never, 5), link('drill', [])] },
    { links: [link('edge-address', [], () => Promise.reject(new Error('EIO')))] },
  ]);
  expect(links).toMatchObject([
    { code: 'journal', state: 'broken', detail: 'No answer within 0.005 s.' },
    { code: 'edge-address', state: 'not-checked', detail: 'It could not be looked at: EIO' },
    { code: 'drill', state: 'works', docs: 'docs/doctor.md#drill' },
  ]);
});

test('the whole ends in time: what was not looked at by then is not checked, and is no fault', async () => {
  const chain: Chain = { links: [link('journal', [], never), link('drill', [])] };
  expect(await statesOf([chain], { ...BOUNDS, wholeMs: 5 })).toEqual([
    ['journal', 'not-checked'],
    ['drill', 'not-checked'],
  ]);
});

test('at most so many targets are looked at at once, and what they share is given back', async () => {
  let [now, most, ended] = [0, 0, 0];
  const chains = Array.from(
    { length: 9 },
    (_, n): Chain => ({
      target: `vm${n}` as TargetName,
      links: [
        link('vm-route', [], async () => {
          most = Math.max(most, ++now);
          await new Promise((resolve) => setImmediate(resolve));
          now--;
          return works('');
        }),
      ],
      end: async () => {
        ended++;
        throw new Error('what is left behind is no verdict');
      },
    }),
  );
  expect(await examine(chains, { ...BOUNDS, targetsAtOnce: 4 })).toHaveLength(9);
  expect([most, ended]).toEqual([4, 9]);
});
