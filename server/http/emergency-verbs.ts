// The six verbs as forms: the advised one first, then the two that only look, then the others. What cannot apply stands in its place, cannot
// be pressed and says why.
import type { Contradiction } from '../../protocol/contradiction.ts';
import type { TargetState } from '../../protocol/me.ts';
import { isMutating, MUTATING_VERBS, VERB_MEANING, VERBS, type Verb } from '../../protocol/verbs.ts';
import { asText, hidden } from './emergency-html.ts';

export interface Pressable {
  readonly state: TargetState;
  readonly formToken: string;
  /** The path of this target's page. The forms post to paths below it. */
  readonly base: string;
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** Undefined: it may be pressed. */
function whyNot(verb: Verb, { verbs, operation }: TargetState): string | undefined {
  if (!isMutating(verb)) return undefined;
  if (operation !== null && isMutating(operation.verb))
    return `${capital(operation.verb)} by ${operation.by.name} is running: one at a time.`;
  const answer = verbs?.[verb];
  return answer === undefined || answer.applies ? undefined : answer.why;
}

/** The box counts like the page that asks again: whoever leaves it out gets that page. */
function verbForm(verb: Verb, { state, formToken, base }: Pressable, ink: boolean): string {
  const name = asText(state.name);
  const label = isMutating(verb) ? `${capital(verb)} ${name}` : capital(verb);
  const meaning = `<p class="small">${VERB_MEANING[verb]}</p>`;
  const why = whyNot(verb, state);
  if (why !== undefined)
    return `<div><p><button disabled>${label}</button></p><p class="small">Not possible: ${asText(why)}</p></div>`;
  const box = isMutating(verb)
    ? `<label class="tick"><input type="checkbox" name="sure" value="yes"> Yes, ${verb} ${name}</label>\n`
    : '';
  return `<form method="post" action="${base}/power/${verb}">${hidden('form', formToken)}
${box}<p><button${ink ? ' class="ink"' : ''}>${label}</button></p>${meaning}</form>`;
}

const group = (title: string, forms: readonly string[]): string =>
  forms.length === 0 ? '' : `<h2>${title}</h2>\n<div class="rows">${forms.join('\n')}</div>\n`;

/** The verb of the finding that holds, as long as it can be pressed. */
function advisedVerb(state: TargetState): Verb | undefined {
  const { finding } = state;
  const advised = finding?.past === undefined ? finding?.report.finding.advised : undefined;
  return advised === null || advised === undefined || whyNot(advised, state) !== undefined
    ? undefined
    : advised;
}

export function verbsBody(shown: Pressable): string {
  const advised = advisedVerb(shown.state);
  const looks = VERBS.filter((verb) => !isMutating(verb)).toReversed();
  return [
    group('Advised', advised === undefined ? [] : [verbForm(advised, shown, true)]),
    group(
      'Looks only',
      looks.map((verb) => verbForm(verb, shown, false)),
    ),
    group(
      advised === undefined ? 'Verbs' : 'Other verbs',
      MUTATING_VERBS.filter((verb) => verb !== advised).map((verb) => verbForm(verb, shown, false)),
    ),
  ].join('');
}

/** The page that asks again: where the box was left out, or where the finding speaks against the verb. */
export const confirmBody = (
  verb: Verb,
  { state, formToken, base }: Pressable,
  against?: Contradiction,
): string =>
  `<p>The VM ${asText(state.name)} is <strong>${asText(state.vm.state)}</strong> now. Forensics are captured first.</p>
${against === undefined ? '' : `<p><strong>${asText(against.text)}</strong></p>`}
<form class="box" method="post" action="${base}/power/${verb}">${hidden('form', formToken)}${hidden('sure', 'yes')}${against === undefined ? '' : hidden('against', against.code)}
<p><button class="ink">Yes, ${verb} now${against === undefined ? '' : ', against the finding'}</button></p><p class="small">${VERB_MEANING[verb]}</p></form><p><a href="${base}">Do nothing</a></p>`;
