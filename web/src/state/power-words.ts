// What the power path says of a target in few words: its lamps, its state, and what a verb will do. Pure.
import type { TargetState } from '../../../protocol/me.ts';
import type { MutatingVerb, Verb } from '../../../protocol/verbs.ts';
import { isOver } from './operation-view.ts';
import type { Tone } from './tone.ts';
import { capital } from './words.ts';

export const READ_ONLY_ORDER = ['status', 'forensics'] as const;
/** From mild to strong; cycle is the recovery. */
export const MUTATING_ORDER = ['start', 'reset', 'cycle', 'stop'] as const;

/** As a button names it, and as one says that it goes on. */
export const VERB_WORDS: Readonly<Record<Verb, { readonly name: string; readonly going: string }>> = {
  status: { name: 'Status', going: 'Asking for the status of' },
  forensics: { name: 'Save evidence', going: 'Saving evidence of' },
  reset: { name: 'Reset', going: 'Resetting' },
  stop: { name: 'Stop', going: 'Stopping' },
  start: { name: 'Start', going: 'Starting' },
  cycle: { name: 'Cycle', going: 'Cycling' },
};

/** What each does, in one line. */
export const VERB_LINE: Readonly<Record<MutatingVerb, string>> = {
  start: 'Starts the stopped VM',
  reset: 'Restarts the guest, keeps the QEMU process',
  cycle: 'New QEMU process: cures a stall in it',
  stop: 'Switches the VM off',
};

/** What a person must have read before they hold: in the order in which it happens. */
export const CONSEQUENCES: Readonly<Record<MutatingVerb, readonly (readonly [string, string])[]>> = {
  start: [
    ['Save evidence', 'a few seconds'],
    ['Start the VM', 'a new process'],
  ],
  reset: [
    ['Save evidence', 'a few seconds'],
    ['Restart the guest', 'unsaved work is lost'],
    ['QEMU process', 'stays, and a stall in it'],
  ],
  stop: [
    ['Save evidence', 'a few seconds'],
    ['Switch the VM off', 'unsaved work is lost'],
    ['Start again', 'only when somebody does'],
  ],
  cycle: [
    ['Save evidence', 'a few seconds'],
    ['Stop, prove it gone', 'unsaved work is lost'],
    ['Start a new process', 'staged changes apply'],
  ],
};

/** The same in one sentence. */
export const CONSEQUENCE: Readonly<Record<MutatingVerb, string>> = {
  start: 'Evidence is saved, then the VM is started.',
  reset:
    'Evidence is saved, then the guest restarts at once inside the same QEMU process. Unsaved work in the guest is lost. A stall inside QEMU stays.',
  stop: 'Evidence is saved, then the VM is switched off. Unsaved work in the guest is lost. It stays off until somebody starts it.',
  cycle:
    'Evidence is saved, then the VM is switched off, its QEMU process is proven gone, and a new one is started. Unsaved work in the guest is lost.',
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

/** A reading that is older says nothing about now: it has missed two answers. */
const FRESH_MS = 15_000;

export const isFresh = (at: string | null, nowMs: number): boolean =>
  at !== null && nowMs - Date.parse(at) <= FRESH_MS;
export const isStale = (at: string | null, nowMs: number): boolean =>
  at !== null && nowMs - Date.parse(at) > FRESH_MS;

export const howOld = (at: string | null, nowMs: number): string => {
  const seconds = at === null ? 0 : Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
};

/** For so long nobody wonders why there is no answer yet. */
const ASKING_MS = 3_000;

export interface LampView {
  readonly name: string;
  readonly tone: Tone;
  /** An old reading: drawn hollow, said in the past. */
  readonly stale: boolean;
  readonly word: string;
}

type Reading = Pick<TargetState['qmp'], 'answers' | 'at'> & {
  readonly reading?: TargetState['ssh']['reading'];
  readonly asking?: { readonly since: string };
};

const said = ({ answers, reading }: Reading): { readonly tone: Tone; readonly word: string; was: string } => {
  // Both are no silence: something alive answered, or nobody could ask the VM.
  if (reading === 'refused') return { tone: 'warn', word: 'refused', was: 'refused' };
  if (reading === 'unreachable') return { tone: 'none', word: 'unreachable', was: 'was unreachable' };
  if (answers === null) return { tone: 'none', word: 'unknown', was: 'was unknown' };
  return answers
    ? { tone: 'ok', word: 'answers', was: 'answered' }
    : { tone: 'warn', word: 'silent', was: 'was silent' };
};

/** `nowMs`: the time by the server's clock, which dated the readings. */
export const lampOf = (name: string, reading: Reading | undefined, nowMs: number): LampView => {
  if (reading === undefined) return { name, tone: 'busy', stale: false, word: 'asking' };
  const { tone, word, was } = said(reading);
  if (tone !== 'none' && isStale(reading.at, nowMs))
    return { name, tone, stale: true, word: `${was}, old reading` };
  if (reading.asking !== undefined && (reading.answers === null || isStale(reading.at, nowMs))) {
    const late = nowMs - Date.parse(reading.asking.since) > ASKING_MS;
    return { name, tone: 'busy', stale: false, word: late ? 'no answer yet' : 'asking' };
  }
  return { name, tone, stale: false, word };
};

export const lampsOf = (state: TargetState | null, nowMs: number): readonly LampView[] => [
  lampOf('SSH', state?.ssh, nowMs),
  lampOf('Agent', state?.guest_agent, nowMs),
  lampOf('QMP', state?.qmp, nowMs),
];

/** What does not answer now, e.g. `SSH silent, QMP silent`; empty: nothing is known to be silent. */
export const troubleOf = (lamps: readonly LampView[]): string =>
  lamps
    .filter(({ tone, stale }) => tone === 'warn' && !stale)
    .map(({ name, word }) => `${name} ${word}`)
    .join(', ');
export const allAnswer = (lamps: readonly LampView[]): boolean =>
  lamps.every(({ tone, stale }) => tone === 'ok' && !stale);

/** The line under the name: "Running · SSH silent". */
export const stateLine = (state: TargetState | null, nowMs: number): string => {
  if (state === null) return 'Asking';
  const { vm, operation } = state;
  if (operation && !isOver(operation) && !['status', 'forensics'].includes(operation.verb))
    return VERB_WORDS[operation.verb]?.going.replace(/ of$/, '') ?? operation.verb;
  if (vm.at === null) return vm.detail === undefined ? 'Asking' : 'Unknown';
  if (isStale(vm.at, nowMs)) return `Unknown · last read ${howOld(vm.at, nowMs)} ago`;
  if (vm.state !== 'running') return capital(vm.state);
  const lamps = lampsOf(state, nowMs);
  const trouble = troubleOf(lamps);
  if (trouble !== '') return `Running · ${trouble}`;
  return allAnswer(lamps) ? 'Running · all answer' : 'Running';
};
