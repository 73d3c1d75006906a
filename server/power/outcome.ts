// What is true of the VM after a verb, judged by what the host said. An exit code alone is not an outcome. Pure.
import type { Outcome } from '../../protocol/operations.ts';
import { isMutating, type MutatingVerb, type Verb } from '../../protocol/verbs.ts';
import { type HostStatus, parseStatus } from '../power-host/output.ts';
import type { VerbEnd } from '../power-host/run-verb.ts';

export interface Judgement {
  readonly state: 'succeeded' | 'failed' | 'unknown';
  readonly outcome: Outcome;
}

const EXPECTED: Readonly<Record<MutatingVerb, string>> = {
  cycle: 'running',
  reset: 'running',
  start: 'running',
  stop: 'stopped',
};

/** Whether the verb promises a fresh QEMU process. */
const makesProcess = (verb: Verb): boolean => verb === 'cycle' || verb === 'start';

const lastLine = (text: string): string | undefined =>
  text.trim().split('\n').at(-1)?.slice(0, 300) || undefined;

/** @param status what the host said afterwards, if the closing line did not name the state */
export function judgeEnd(verb: Verb, end: VerbEnd, status: HostStatus | undefined): Judgement {
  const printed = verb === 'status' ? parseStatus(end.stdout, end.host) : undefined;
  const vmState = end.host?.vmState ?? (printed ?? status)?.vmState;
  const state = vmState === undefined ? {} : { vm_state: vmState };
  const isNow = vmState === undefined ? '' : ` The VM is ${vmState}.`;
  if (end.exitCode !== 0) {
    const said = end.host?.outcome ?? lastLine(end.stderr) ?? `exit code ${end.exitCode ?? 'none'}`;
    // A reason that ends with what to type on the host stays the last word: whoever copies it copies nothing else.
    const failed = /[.!?]$/.test(said)
      ? `${verb} failed: ${said}${isNow}`
      : `${verb} failed${vmState === undefined ? '' : `, and the VM is ${vmState}`}: ${said}`;
    return { state: 'failed', outcome: { summary: failed, ...state } };
  }
  const summary = end.host?.outcome;
  if (!isMutating(verb))
    return { state: 'succeeded', outcome: { summary: summary ?? `${verb} done.${isNow}`, ...state } };

  if (vmState === undefined) {
    const unknown = `The host says that ${verb} is done, but it could not be asked for the VM's state afterwards.`;
    return { state: 'unknown', outcome: { summary: unknown } };
  }
  const { oldPid, newPid } = end.host ?? {};
  const fresh = newPid === undefined ? undefined : newPid !== oldPid;
  const process = verb === 'stop' || fresh === undefined ? {} : { new_process: fresh };
  const failed = (why: string): Judgement => ({
    state: 'failed',
    outcome: { summary: why, ...state, ...process },
  });
  if (vmState !== EXPECTED[verb]) return failed(`${verb} ended without an error, but the VM is ${vmState}.`);
  if (makesProcess(verb) && fresh === false)
    return failed(`${verb} ended without an error, but the QEMU process is the same as before.`);
  if (verb !== 'stop' && (end.host?.qmp ?? status?.qmp) === 'silent')
    return failed(summary ?? `${verb} ended without an error, but QEMU does not answer.`);
  return {
    state: 'succeeded',
    outcome: { summary: summary ?? `${verb} done.${isNow}`, ...state, ...process },
  };
}

/**
 * After a lost connection, or when the server died, nobody saw how the verb ended. Only the present state of the host can tell.
 * @param sinceS seconds since the operation began
 */
export function judgeState(verb: Verb, status: HostStatus, sinceS: number): Judgement {
  const { vmState, uptimeS } = status;
  const say = (state: Judgement['state'], text: string, fresh?: boolean): Judgement => ({
    state,
    outcome: { summary: text, vm_state: vmState, ...(fresh === undefined ? {} : { new_process: fresh }) },
  });
  if (!isMutating(verb))
    return say('unknown', `How ${verb} ended is not known; it changes nothing. The VM is ${vmState}.`);
  if (status.busy !== undefined)
    return say('unknown', `The host is still working: ${status.busy}. The VM is ${vmState}.`);
  if (vmState !== EXPECTED[verb]) {
    const next = vmState === 'stopped' ? ' It has to be started.' : '';
    return say('failed', `${verb} did not come to its end: the VM is ${vmState}.${next}`);
  }
  // The age of the QEMU process tells whether it is still the one from before the verb.
  const fresh = uptimeS === undefined ? undefined : uptimeS <= sinceS;
  switch (verb) {
    case 'stop':
      return say('succeeded', 'The VM is stopped.');
    case 'start':
      return say('succeeded', 'The VM is running.', fresh);
    case 'cycle':
      if (fresh === undefined)
        return say('unknown', 'The VM is running; whether in a new QEMU process is not known.');
      return fresh
        ? say('succeeded', 'The VM is running in a new QEMU process.', true)
        : say(
            'failed',
            'cycle was not carried out: the VM still runs in the QEMU process from before.',
            false,
          );
    case 'reset':
      return say('unknown', 'The VM is running; whether it was reset cannot be told from outside.');
  }
}
