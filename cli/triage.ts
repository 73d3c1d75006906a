// `breakglass triage [target]`: what is wrong and what to press, without AI. It changes nothing.
import type { TriageReport } from '../protocol/triage.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { ask, type ConsoleAddress } from './console-client.ts';
import { targetOr, targetPath } from './default-target.ts';
import type { Room } from './surroundings.ts';

/** Where SSH is silent evidence is captured first, and `--longer` watches half a minute more. */
const TRIAGE_MS = 300_000;

export async function triage(
  address: ConsoleAddress,
  {
    target,
    longer,
    json,
  }: { readonly target: string | undefined; readonly longer: boolean; readonly json: boolean },
  { print, talk }: Pick<Room, 'print' | 'talk'>,
): Promise<void> {
  const name = await targetOr(address, target);
  talk(`Looking at ${name}.`);
  const report = await ask<TriageReport>(
    address,
    'POST',
    `${targetPath(name)}/triage`,
    longer ? { longer } : {},
    { limitMs: TRIAGE_MS },
  );
  if (json) print(visibleJson(report));
  else for (const line of reportLines(report)) print(visibleLine(line));
}

function reportLines({ finding, cautions, longer_look }: TriageReport): string[] {
  const { code, summary, headline, confidence, advised, advice, withheld, warned, inputs } = finding;
  return [
    headline ?? summary,
    ...(headline === undefined ? [] : [summary]),
    `${code}, confidence ${Math.round(confidence * 100)} %`,
    advised === null ? 'No verb is advised.' : `Advised: ${advised}.`,
    advice,
    ...(withheld === undefined ? [] : [`Withheld: ${withheld.verb}, because: ${withheld.because.join(' ')}`]),
    ...(warned.length === 0 ? [] : [`Advised against: ${warned.join(', ')}.`]),
    ...cautions.map(({ text }) => `Caution: ${text}`),
    ...inputs.map(({ name, value }) => `  ${name}: ${value}`),
    ...(longer_look === undefined ? [] : [`--longer watches ${longer_look.seconds} s: ${longer_look.why}`]),
  ];
}
