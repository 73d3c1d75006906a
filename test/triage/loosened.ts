// The table of rules as it must not be: loosened one rule at a time. Tests show that they notice.
import type { Rule } from '../../server/triage/rules/rule.ts';
import type { Signals } from '../../server/triage/signals.ts';
import type { Table } from '../../server/triage/triage.ts';

type Loosen = (table: Table) => Table;

/** Asks each condition of the table once for each signals, however many tables are made of it: conditions are pure. */
export function remembering({ rules, cautions }: Table): Table {
  const known = new WeakMap<Signals, unknown[]>();
  // Conditions are asked one after another of the same signals.
  let [last, answers]: [Signals | undefined, unknown[]] = [undefined, []];
  let count = 0;
  const remembered = <T>(when: (signals: Signals) => T): ((signals: Signals) => T) => {
    const at = count++;
    return (signals) => {
      if (signals !== last) {
        last = signals;
        answers = known.get(signals) ?? [];
        known.set(signals, answers);
      }
      answers[at] ??= when(signals);
      return answers[at] as T;
    };
  };
  return {
    rules: rules.map((rule) => ({ ...rule, when: remembered(rule.when) })),
    cautions: cautions.map((caution) => ({ ...caution, when: remembered(caution.when) })),
  };
}

/** What is not known counts in favour of a verb: as yes for a rule that advises one, as no for one that stands in its way. */
const loosened = (rule: Rule): Rule => ({
  ...rule,
  when: (signals) => {
    const truth = rule.when(signals);
    if (truth !== 'unknown') return truth;
    return rule.advised === null && rule.claimsWell !== true ? 'no' : 'yes';
  },
});

/** What is not known counts as no. */
const blind = (rule: Rule): Rule => ({
  ...rule,
  when: (signals) => (rule.when(signals) === 'yes' ? 'yes' : 'no'),
});

export const loosenRule =
  (name: string): Loosen =>
  (table) => ({
    ...table,
    rules: table.rules.map((rule) => (rule.name === name ? loosened(rule) : rule)),
  });

/** The rule loosened, and whatever stands before it blind to what is not known. */
export const loosenUpTo =
  (name: string): Loosen =>
  (table) => {
    const at = table.rules.findIndex((rule) => rule.name === name);
    return {
      ...table,
      rules: table.rules.map((rule, n) => (n < at ? blind(rule) : n === at ? loosened(rule) : rule)),
    };
  };

export const loosenCaution =
  (code: string): Loosen =>
  (table) => ({
    ...table,
    cautions: table.cautions.map((caution) =>
      caution.code === code
        ? { ...caution, when: (signals) => (caution.when(signals) === 'yes' ? 'yes' : 'no') }
        : caution,
    ),
  });

/** Nothing that is not known stands in the way of anything; but for the one rule that is named. */
export const loosenGuards =
  (except?: string): Loosen =>
  (table) => ({
    ...table,
    rules: table.rules.map((rule) => (rule.advised === null && rule.name !== except ? blind(rule) : rule)),
  });

const loosenAll: Loosen = (table) => ({ ...table, rules: table.rules.map(loosened) });

export const looseners: readonly Loosen[] = [
  loosenGuards(),
  loosenAll,
  loosenCaution('quorum-lost'),
  loosenCaution('cluster-not-read'),
];
