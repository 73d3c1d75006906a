// What the operator must know before a mutating verb, depending on the verb and the last known state. Pure.
import type { TargetState } from '../../../protocol/me.ts';
import type { MutatingVerb } from '../../../protocol/verbs.ts';
import type { Tone } from './tone.ts';

export const READ_ONLY_ORDER = ['status', 'forensics'] as const;
/** From mild to strong; cycle is the recovery. */
export const MUTATING_ORDER = ['start', 'reset', 'cycle', 'stop'] as const;

export const CONSEQUENCE: Readonly<Record<MutatingVerb, string>> = {
  start: 'Forensics are captured, then the VM is started.',
  reset:
    'Forensics are captured, then the guest restarts at once inside the same QEMU process. Unsaved work in the guest is lost. A stall inside QEMU stays.',
  stop: 'Forensics are captured, then the VM is switched off. Unsaved work in the guest is lost. It stays off until somebody starts it.',
  cycle:
    'Forensics are captured, then the VM is switched off, its QEMU process is proven gone, and a new one is started. Unsaved work in the guest is lost.',
};

/** Why the verb may be wrong in this state. It stays allowed, because the reading may be old. */
export const stateDoubt = (verb: MutatingVerb, state: string): string => {
  if (verb === 'start' && state === 'running') return 'The VM runs already: start will change nothing.';
  if (verb === 'stop' && state === 'stopped') return 'The VM is stopped already.';
  if (verb === 'reset' && state === 'stopped')
    return 'The VM is stopped: a reset needs a running VM. Use start.';
  if (verb === 'cycle' && state === 'stopped') return 'The VM is stopped: start is enough.';
  return '';
};

export const vmLamp = (state: TargetState | null): { tone: Tone; text: string } => {
  if (!state || state.vm.state === 'unknown') return { tone: 'none', text: 'VM unknown' };
  return { tone: state.vm.state === 'running' ? 'ok' : 'warn', text: `VM ${state.vm.state}` };
};

/** `refused` and `unreachable` are no silence: something alive answered, or nobody could ask the VM. */
export const sshLamp = (ssh: TargetState['ssh'] | undefined): { tone: Tone; text: string } => {
  if (ssh?.reading === 'refused' || ssh?.reading === 'unreachable')
    return { tone: ssh.reading === 'refused' ? 'warn' : 'none', text: `SSH ${ssh.reading}` };
  return answerLamp('SSH', ssh?.answers);
};

export const answerLamp = (
  name: string,
  answers: boolean | null | undefined,
): { tone: Tone; text: string } => {
  if (answers === null || answers === undefined) return { tone: 'none', text: `${name} unknown` };
  return answers ? { tone: 'ok', text: `${name} answers` } : { tone: 'warn', text: `${name} silent` };
};
