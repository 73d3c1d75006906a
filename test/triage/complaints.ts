// Whether a case comes out as it should.

import { INPUTS, type Input } from '../../server/triage/inputs.ts';
import type { Signals } from '../../server/triage/signals.ts';
import { TABLE, type Table, triage } from '../../server/triage/triage.ts';
import type { RawCase } from './case-library.ts';

/** What is not as the case wants it; empty: it is right. */
export function complaints(
  { expect: wanted }: Pick<RawCase, 'expect'>,
  signals: Signals,
  table: Table = TABLE,
): readonly string[] {
  const { finding, cautions, longer_look } = triage(signals, table);
  const said = [finding.summary, finding.advice, ...cautions.map(({ text }) => text)].join('\n');
  const wrong: string[] = [];
  const check = (name: string, right: boolean, got: unknown): void => {
    if (!right) wrong.push(`${name}: ${JSON.stringify(got)}`);
  };
  const sorted = (all: readonly string[]): string => all.toSorted().join();
  check('code', finding.code === wanted.code, finding.code);
  check('advised', finding.advised === wanted.advised, finding.advised);
  check('withheld', wanted.withheld === finding.withheld?.verb, finding.withheld);
  if (wanted.warned !== undefined)
    check('warned', sorted(finding.warned) === sorted(wanted.warned), finding.warned);
  if (wanted.confidence !== undefined)
    check('confidence', finding.confidence === wanted.confidence, finding.confidence);
  if (wanted.confidence_at_most !== undefined)
    check('confidence', finding.confidence <= wanted.confidence_at_most, finding.confidence);
  const codes = cautions.map(({ code }) => code);
  if (wanted.cautions !== undefined) check('cautions', sorted(codes) === sorted(wanted.cautions), codes);
  if (wanted.longer_look !== undefined)
    check('longer look', (longer_look !== undefined) === wanted.longer_look, longer_look);
  for (const words of wanted.says) check(`does not say "${words}"`, said.includes(words), said);
  for (const words of wanted.never_says) check(`says "${words}"`, !said.includes(words), said);
  for (const [name, words] of Object.entries(wanted.shows)) {
    const shown = Object.hasOwn(INPUTS, name) ? INPUTS[name as Input](signals) : 'no such input';
    check(`shows ${name} otherwise than "${words}"`, shown.includes(words), shown);
  }
  return wrong;
}
