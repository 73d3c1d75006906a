// What a rule is, and the lists of verbs that several rules warn of.
import type { StateWord } from '../../../protocol/state-words.ts';
import type { Finding } from '../../../protocol/triage.ts';
import type { MutatingVerb } from '../../../protocol/verbs.ts';
import type { Input } from '../inputs.ts';
import type { Truth } from '../reading.ts';
import type { Signals } from '../signals.ts';

export interface Rule extends Pick<Finding, 'code' | 'confidence' | 'advised' | 'warned'> {
  /** One of its kind: several rules may tell the same finding by different signs. */
  readonly name: string;
  readonly when: (signals: Signals) => Truth;
  /** Of the target, in one word. */
  readonly word: StateWord;
  /** The cause in at most twelve words, what can be counted first. */
  readonly headline: (signals: Signals) => string;
  readonly summary: (signals: Signals) => string;
  readonly advice: (signals: Signals) => string;
  /** What decided it. */
  readonly inputs: readonly Input[];
  /** What a longer look would tell, where two seconds cannot decide. */
  readonly longerLook?: string;
  /** It says that all is well, which is as bold as a verb: only where everything above is known not to be so. */
  readonly claimsWell?: true;
}

export const HARD = ['cycle', 'reset', 'stop'] as const satisfies readonly MutatingVerb[];
export const ALL_VERBS = ['cycle', 'reset', 'start', 'stop'] as const satisfies readonly MutatingVerb[];

/** For a command to type. */
export const vm = ({ vmid }: Signals): string => (vmid === undefined ? 'VMID' : String(vmid));
