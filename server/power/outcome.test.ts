import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VERBS } from '../../protocol/verbs.ts';
import { judgeState } from './outcome.ts';

test('after a lost connection nothing is called a success unless the state of the host proves it', () => {
  const state = fc.constantFrom('running', 'stopped', 'io-error', 'paused');
  const seconds = fc.option(fc.nat({ max: 1_000 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.constantFrom(...VERBS),
      state,
      seconds,
      fc.nat({ max: 1_000 }),
      fc.boolean(),
      (verb, vmState, uptimeS, since, busy) => {
        const status = {
          vmState,
          uptimeS,
          qmp: undefined,
          pid: undefined,
          lock: undefined,
          task: undefined,
          guestAgent: undefined,
          vm: undefined,
          monitor: undefined,
          askedAgoS: undefined,
          cluster: undefined,
          holder: undefined,
          busy: busy ? 'cycle' : undefined,
        };
        const judged = judgeState(verb, status, since);
        if (judged.state !== 'succeeded') return;
        expect(busy).toBe(false);
        expect(['cycle', 'start', 'stop']).toContain(verb);
        expect(vmState).toBe(verb === 'stop' ? 'stopped' : 'running');
        if (verb === 'cycle') expect(uptimeS).toBeLessThanOrEqual(since);
      },
    ),
  );
});
