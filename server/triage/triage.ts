// Triage: from signals to a report. Pure.
//
// Less evidence never makes it bolder, by construction: a verb is advised only where its rule certainly holds and every rule
// above it, and every caution that warns of the verb, certainly does not. Conditions are monotone (reading.ts), so what is advised
// with less known is advised with more known too.
import type { Finding, TriageReport, WithheldVerb } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import { CAUTIONS, type CautionRule } from './cautions.ts';
import { watchedLong } from './conditions.ts';
import { INPUTS, type Input } from './inputs.ts';
import { holds, knownValue, not } from './reading.ts';
import type { Rule } from './rules/rule.ts';
import { NOT_KNOWN, RULES } from './rules.ts';
import type { Signals } from './signals.ts';

export interface Table {
  readonly rules: readonly Rule[];
  readonly cautions: readonly CautionRule[];
}

export const TABLE: Table = { rules: RULES, cautions: CAUTIONS };
/** Of a finding whose verb is withheld. */
const DOUBTED = 0.5;
/** How long a longer look takes. */
export const LONGER_LOOK_S = 30;

/** The rule that decides; the name is for tests. */
export function decide(signals: Signals, { rules, cautions }: Table = TABLE) {
  const doubts: Rule[] = [];
  let rule: Omit<Rule, 'when'> = NOT_KNOWN;
  for (const each of rules) {
    const truth = each.when(signals);
    // To say that all is well is as bold as a verb.
    const doubted = truth === 'yes' && each.claimsWell === true && doubts.length > 0;
    if (truth === 'yes' && !doubted) {
      rule = each;
      break;
    }
    if (truth !== 'no') doubts.push(each);
  }
  return { rule, ...confidenceOf(rule, doubts, obstacles(signals, rule.advised, cautions)) };
}

interface Decided {
  readonly advised: MutatingVerb | null;
  readonly confidence: number;
  readonly withheld: WithheldVerb | undefined;
}

function confidenceOf(
  { advised, confidence }: Omit<Rule, 'when'>,
  doubts: readonly Rule[],
  obstacles: readonly string[],
): Decided {
  if (advised === null) return { advised: null, withheld: undefined, confidence };
  // A doubt that would advise the same verb only costs confidence.
  const others = doubts.filter((doubt) => doubt.advised !== advised);
  const because = [
    ...obstacles,
    ...new Set(others.map(({ inputs, code }) => `not known: ${inputs[0]} (${code})`)),
  ];
  if (because.length > 0)
    return {
      advised: null,
      withheld: { verb: advised, because },
      confidence: Math.min(confidence, DOUBTED),
    };
  return {
    advised,
    withheld: undefined,
    confidence: Math.min(confidence, ...doubts.map((doubt) => doubt.confidence)),
  };
}

/** What stands in the way of a verb besides the findings. */
function obstacles(
  signals: Signals,
  verb: MutatingVerb | null,
  cautions: readonly CautionRule[],
): readonly string[] {
  if (verb === null) return [];
  const busy = not(holds(signals.busy, (what) => what === 'none'));
  return [
    ...cautions
      .filter(({ warned }) => warned.includes(verb))
      .flatMap(({ when, text, doubt }) => {
        const truth = when(signals);
        if (truth === 'no') return [];
        return [truth === 'yes' ? text(signals) : `not known: ${doubt}`];
      }),
    ...(busy === 'no'
      ? []
      : [
          busy === 'yes'
            ? 'The host is carrying out another verb.'
            : 'not known: whether the host carries out a verb',
        ]),
  ];
}

/** @param table another one for tests that show what happens without a rule */
export function triage(signals: Signals, table: Table = TABLE): TriageReport {
  const { rule, advised, confidence, withheld } = decide(signals, table);
  const { code, warned } = rule;
  const watched = knownValue(signals.watched)?.seconds;
  const finding: Finding = {
    code,
    word: rule.word,
    headline: rule.headline(signals),
    confidence,
    advised,
    ...(withheld === undefined ? {} : { withheld }),
    warned,
    summary: rule.summary(signals),
    advice:
      withheld === undefined ? rule.advice(signals) : `${rule.advice(signals)} ${withheldWords(withheld)}`,
    inputs: rule.inputs.map((name: Input) => ({ name, value: INPUTS[name](signals) })),
  };
  const longer = rule.longerLook;
  return {
    target: signals.target,
    at: signals.at,
    cautions: table.cautions
      .filter(({ when }) => when(signals) === 'yes')
      .map((caution) => ({
        code: caution.code,
        warned: caution.warned,
        text: caution.text(signals),
      })),
    finding,
    ...(longer === undefined || watchedLong(signals) === 'yes'
      ? {}
      : { longer_look: { seconds: LONGER_LOOK_S, why: `It would tell ${longer}.` } }),
    ...(watched === undefined ? {} : { watched_s: Math.round(watched) }),
  };
}

const withheldWords = ({ verb, because }: WithheldVerb): string =>
  `But ${verb} is not advised yet: ${because.join('; ')}`;
