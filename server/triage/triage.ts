// Triage: from signals to a report. Pure.
import type { TriageReport } from '../../protocol/triage.ts';
import { CAUTIONS } from './cautions.ts';
import { INPUTS } from './inputs.ts';
import { NOT_KNOWN, RULES } from './rules.ts';
import type { Signals } from './signals.ts';

export function triage(signals: Signals): TriageReport {
  const rule = RULES.find(({ when }) => when(signals)) ?? NOT_KNOWN;
  const { code, confidence, advised, warned } = rule;
  return {
    target: signals.target,
    at: signals.at,
    cautions: CAUTIONS.filter(({ when }) => when(signals)).map((caution) => ({
      code: caution.code,
      warned: caution.warned,
      text: caution.text(signals),
    })),
    finding: {
      code,
      confidence,
      advised,
      warned,
      summary: rule.summary(signals),
      advice: rule.advice(signals),
      inputs: rule.inputs.map((name) => ({ name, value: INPUTS[name](signals) })),
    },
  };
}
