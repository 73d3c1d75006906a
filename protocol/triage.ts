// What triage says: cautions that stand beside any finding, one finding, the inputs that decided it.
import type { MutatingVerb } from './verbs.ts';

export interface TriageInput {
  readonly name: string;
  readonly value: string;
}

export interface Finding {
  /** Stable for programs, e.g. `block-path-stalled`, `not-known`. */
  readonly code: string;
  /** One sentence for a person. */
  readonly summary: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** The verb to press, or null: no verb helps or none is needed. */
  readonly advised: MutatingVerb | null;
  /** Verbs that would make it worse. */
  readonly warned: readonly MutatingVerb[];
  /** What to do, in one or two sentences; the exact host command where no verb helps. */
  readonly advice: string;
  /** What decided it. */
  readonly inputs: readonly TriageInput[];
}

export interface TriageReport {
  readonly target: string;
  readonly at: string;
  readonly cautions: readonly { readonly code: string; readonly text: string }[];
  readonly finding: Finding;
}
