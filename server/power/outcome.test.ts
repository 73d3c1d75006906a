import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VERBS } from '../../protocol/verbs.ts';
import { parseResult } from '../power-host/output.ts';
import type { VerbEnd } from '../power-host/run-verb.ts';
import { judgeEnd, judgeState } from './outcome.ts';

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
          caller: undefined,
          freeMb: undefined,
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

test('the reason of a refusal stays whole: what it tells a person to type is the last word', () => {
  const refused = (outcome: string) => {
    const end: VerbEnd = {
      how: 'exited',
      exitCode: 1,
      signal: undefined,
      begun: 'yes',
      reached: 'logged-in',
      failure: undefined,
      stderrTail: '',
      detail: '',
      stdout: '',
      stderr: '',
      answer: '',
      host: parseResult(JSON.stringify({ exit: 1, outcome, vm_state: 'running' })),
    };
    return judgeEnd('cycle', end, undefined).outcome.summary;
  };
  expect(refused('VM is locked. Type on the host: qm unlock 102')).toBe(
    'cycle failed, and the VM is running: VM is locked. Type on the host: qm unlock 102',
  );
  expect(refused('It may still come: ask for status.')).toBe(
    'cycle failed: It may still come: ask for status. The VM is running.',
  );
});
