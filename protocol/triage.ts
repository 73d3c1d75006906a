// What triage says: cautions that stand beside any finding, one finding, the inputs that decided it.
import type { MutatingVerb } from './verbs.ts';

export interface TriageInput {
  readonly name: string;
  readonly value: string;
}

/** A verb that would be advised, were it known what stands in its way. */
export interface WithheldVerb {
  readonly verb: MutatingVerb;
  /** What is not known, or speaks against it: one sentence each. */
  readonly because: readonly string[];
}

export interface Finding {
  /** Stable for programs, e.g. `block-path-stalled`, `not-known`. */
  readonly code: string;
  /** One sentence for a person. */
  readonly summary: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** The verb to press, or null: no verb helps, none is needed, or too little is known. */
  readonly advised: MutatingVerb | null;
  readonly withheld?: WithheldVerb;
  /** Verbs that would make it worse. */
  readonly warned: readonly MutatingVerb[];
  /** What to do, in one or two sentences; the exact host command where no verb helps. */
  readonly advice: string;
  /** What decided it. */
  readonly inputs: readonly TriageInput[];
}

/** Stands beside any finding and changes what a verb will do. */
export interface Caution {
  readonly code: string;
  readonly text: string;
  /** Verbs that would strand the VM while it holds. */
  readonly warned: readonly MutatingVerb[];
}

/** Two seconds cannot decide it; a longer look may. */
export interface LongerLook {
  readonly seconds: number;
  /** What it would tell. */
  readonly why: string;
}

export interface TriageReport {
  readonly target: string;
  readonly at: string;
  readonly cautions: readonly Caution[];
  readonly finding: Finding;
  /** Offered; ask for it, and triage watches that long. */
  readonly longer_look?: LongerLook;
  /** How long movement was watched for this report, in seconds; absent where nothing moved or nobody looked. */
  readonly watched_s?: number;
}

export interface Contradiction {
  readonly verb: MutatingVerb;
  /** Of the finding or the caution that speaks against the verb. */
  readonly code: string;
  /** A sentence for a person, naming it. */
  readonly text: string;
}

/** Undefined when nothing that is known speaks against the verb. */
export function contradictionOf(report: TriageReport, verb: MutatingVerb): Contradiction | undefined {
  const { finding } = report;
  if (finding.warned.includes(verb)) {
    const instead = finding.advised === null ? finding.advice : `Advised is ${finding.advised}.`;
    return {
      verb,
      code: finding.code,
      text: `Triage advises against ${verb} (${finding.code}): ${finding.summary} ${instead}`,
    };
  }
  const caution = report.cautions.find(({ warned }) => warned.includes(verb));
  if (caution === undefined) return undefined;
  return { verb, code: caution.code, text: `Triage warns of ${verb} (${caution.code}): ${caution.text}` };
}
