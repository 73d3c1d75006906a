// Whether a verb contradicts the finding of triage. It is apart from the schemas because the page asks this too, and loads no schema.
import type { TriageReport } from './triage.ts';
import type { MutatingVerb } from './verbs.ts';

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
