// The three answers of the first second: is it well, what is wrong, what to do. From what the console knows of a target, and from how long
// ago it knew it. Pure.
import type { TargetState } from '../../../protocol/me.ts';
import { STATE_TONES, type StateWord } from '../../../protocol/state-words.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import type { MutatingVerb } from '../../../protocol/verbs.ts';
import { allAnswer, howOld, isStale, lampsOf, troubleOf } from './power-words.ts';
import type { Tone } from './tone.ts';
import { capital } from './words.ts';

export interface Verdict {
  readonly tone: Tone;
  /** One word, e.g. `Wedged`. */
  readonly word: string;
  /** What is wrong, in at most 12 words. */
  readonly headline: string;
  /** What explains it, and what to do if no verb helps. */
  readonly detail: string;
  /** What it comes from and when: the finding's time, or the reading's. */
  readonly from: 'finding' | 'readings' | 'nothing';
  readonly at: string | null;
  /** The verb to hold, where the finding advises one. */
  readonly advised: MutatingVerb | null;
}

export interface Known {
  readonly target: string;
  readonly state: TargetState | null;
  /** The finding that holds; undefined: there is none. */
  readonly report: TriageReport | undefined;
  /** The console did not answer the last time. */
  readonly unreachable: boolean;
  readonly online: boolean;
  /** By the server's clock. */
  readonly nowMs: number;
}

const NOTHING = { from: 'nothing', at: null, advised: null } as const;

const ofSilence = ({ target, online, state }: Known): Verdict => ({
  ...NOTHING,
  tone: 'none',
  word: 'Unknown',
  headline: online ? 'Breakglass does not answer.' : 'This device is offline.',
  detail: `${target} may be well or not. A verb that was running goes on without this page.`,
  at: state?.vm.at ?? null,
});

/** No line ends between a number and what it counts. */
export const unbroken = (sentence: string): string => sentence.replace(/(\d) (?=\p{L})/gu, '$1\u00A0');

/** A record from before there were words has none. */
export const wordOf = ({ word, advised }: Pick<TriageReport['finding'], 'word' | 'advised'>): StateWord =>
  word ?? (advised === null ? 'Unwell' : 'Wedged');

const ofFinding = (report: TriageReport): Verdict => {
  const { finding } = report;
  const word = wordOf(finding);
  return {
    tone: STATE_TONES[word],
    word,
    headline: unbroken(finding.headline ?? finding.summary),
    detail: finding.advice,
    from: 'finding',
    at: report.at,
    advised: finding.advised,
  };
};

const ofReadings = (target: string, state: TargetState, nowMs: number): Verdict => {
  const { vm } = state;
  const readings = { from: 'readings', at: vm.at, advised: null } as const;
  if (vm.state === 'unknown')
    return {
      ...readings,
      tone: 'none',
      word: 'Unknown',
      headline: 'The power host does not say how it is.',
      detail: vm.detail ?? '',
    };
  if (vm.state !== 'running')
    return {
      ...readings,
      tone: 'warn',
      word: capital(vm.state),
      headline: `${target} is ${vm.state}.`,
      detail: vm.state === 'stopped' ? 'Start brings it back, if it should run.' : '',
    };
  const lamps = lampsOf(state, nowMs);
  const trouble = troubleOf(lamps);
  if (trouble !== '')
    return {
      ...readings,
      tone: 'warn',
      word: 'Silent',
      headline: `${trouble}.`,
      detail: '',
    };
  const [ssh] = lamps;
  if (ssh?.tone !== 'ok' || ssh.stale)
    return {
      ...readings,
      tone: ssh?.tone === 'busy' ? 'busy' : 'none',
      word: 'Running',
      headline: `SSH ${ssh?.word ?? 'unknown'}.`,
      detail: '',
    };
  // Of the disks nothing was seen yet: that takes triage.
  const all = allAnswer(lamps);
  return {
    ...readings,
    tone: 'ok',
    word: all ? 'Well' : 'Answers',
    headline: all ? `${target} answers. Nothing to do.` : 'SSH answers.',
    detail: '',
  };
};

export const verdictOf = (known: Known): Verdict => {
  const { target, state, report, unreachable, online, nowMs } = known;
  // A browser may call itself offline while answers come: they count.
  if (unreachable || (!online && isStale(state?.vm.at ?? null, nowMs))) return ofSilence(known);
  if (state === null || (state.vm.at === null && state.vm.detail === undefined))
    return { ...NOTHING, tone: 'busy', word: 'Asking', headline: `Asking how ${target} is.`, detail: '' };
  if (isStale(state.vm.at, nowMs))
    return {
      ...NOTHING,
      tone: 'none',
      word: 'Unknown',
      headline: `No reading of ${target} for ${howOld(state.vm.at, nowMs)}.`,
      detail: 'It may be well or not. Asking again.',
      at: state.vm.at,
    };
  return report === undefined ? ofReadings(target, state, nowMs) : ofFinding(report);
};
