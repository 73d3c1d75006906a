// The words and the markup of the emergency page. Plain HTML without scripts: it must work in a text browser over a bad line.

import type { Approval } from '../../protocol/approvals.ts';
import type { Contradiction } from '../../protocol/contradiction.ts';
import type { HostKey, HostKeyChange } from '../../protocol/host-keys.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { isMutating, VERB_MEANING, VERBS, type Verb } from '../../protocol/verbs.ts';
import { visibleText } from '../../protocol/visible-text.ts';

export const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 0 auto; padding: 1rem; }
form { margin: 0 0 1rem; }
button, input { font: inherit; padding: .6rem 1rem; min-height: 44px; }
button.mutating { border: 2px solid #b3261e; color: #b3261e; background: none; }
@media (prefers-color-scheme: dark) { button.mutating { border-color: #ff9b93; color: #ff9b93; } }
pre { overflow-x: auto; padding: .6rem; border: 1px solid; }
section { margin: 0 0 1rem; padding: .6rem; border: 2px solid #b3261e; overflow-wrap: anywhere; }
section h2 { margin: 0; font-size: 1.2rem; }
`;

/** Text and no markup, with the stand-ins of the page for what cannot be seen. */
const asText = (text: string): string =>
  visibleText(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export function page(title: string, body: string, refreshS?: number): string {
  const refresh = refreshS === undefined ? '' : `<meta http-equiv="refresh" content="${refreshS}">`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${refresh}<title>${asText(title)}</title><link rel="stylesheet" href="/emergency.css"></head>
<body><h1>${asText(title)}</h1>
${body}
</body></html>
`;
}

export const signInBody = (note: string): string => `<p>${asText(note)}</p>
<form method="post" action="/emergency/login"><p><label>Access token, or the code of a login link <input type="password" name="token" autocomplete="current-password" required></label></p>
<p><label><input type="checkbox" name="remember" value="yes"> Remember this device for 90 days</label></p>
<p><button>Sign in</button></p></form>`;

export interface Shown {
  readonly name: string;
  readonly state: TargetState;
  readonly formToken: string;
  /** The path of this target's page. The forms post to paths below it. */
  readonly base: string;
  /** There are further targets. */
  readonly others: boolean;
  /** What the agent asks on this target. */
  readonly waiting: readonly Approval[];
}

export function stateBody(shown: Shown, nowMs = Date.now()): string {
  const { name, state, formToken, base, others } = shown;
  const { vm, ssh, qmp, operation } = state;
  const words = (answers: boolean | null): string =>
    answers === null ? 'not known' : answers ? 'answers' : 'silent';
  const running =
    operation === null
      ? ''
      : `<p><strong>${operation.verb} by ${asText(operation.by.name)} is running:</strong> <a href="/emergency/operation/${operation.id}">watch it</a></p>`;
  return `<p>Signed in as ${asText(name)}. This page needs neither JavaScript nor the agent nor the journal.</p>
<p>Target: <strong>${asText(state.title ?? state.name)}</strong></p>
<ul><li>VM: <strong>${asText(vm.state)}</strong>${vm.detail === undefined ? '' : ` (${asText(vm.detail)})`}</li>
<li>SSH: ${words(ssh.answers)}</li><li>QMP: ${words(qmp.answers)}</li></ul>
${approvalsBody(shown)}${hostKeysBody(state, formToken, base)}${findingBody(state, nowMs)}${running}${lastBody(state)}<p><a href="${base}">Look again</a>${others ? ' · <a href="/emergency/targets">All targets</a>' : ''}</p>
${VERBS.toSorted((a, b) => Number(isMutating(a)) - Number(isMutating(b)))
  .map((verb) => whyNotForm(verb, state) ?? verbForm(verb, formToken, base))
  .join('\n')}`;
}

/** One at a time, with a count: whoever reads two answers neither. A box to tick takes the place of holding. */
function approvalsBody({ waiting, formToken, base, state }: Shown): string {
  const [first] = waiting;
  if (first === undefined) return '';
  const { approval_id, asked, said, expires_at, observer } = first;
  const { command, stdin, timeout_s, despite_finding } = asked.input;
  const what =
    'verb' in asked
      ? `the verb <strong>${asked.verb}</strong> on ${asText(state.name)}`
      : `a command on ${asText(state.name)} as <strong>${asked.account}</strong>${asked.account === 'repair' ? ' (root)' : ''}`;
  const lines = [
    `<section id="asks"><h2>Claude asks${waiting.length === 1 ? '' : ` (1 of ${waiting.length})`}</h2>`,
    `<p>It wants to run ${what}:</p><pre>${asText(command)}</pre>`,
    stdin === undefined ? '' : `<p>With this input:</p><pre>${asText(stdin)}</pre>`,
    timeout_s === undefined ? '' : `<p>For at most ${timeout_s} s.</p>`,
    despite_finding === true
      ? '<p><strong>Triage speaks against it. Claude says it knows better.</strong></p>'
      : '',
    said === undefined ? '' : `<p>Claude says: “${asText(said)}”</p>`,
    observer ? '' : '<p>This target has no observer account: nothing separates looking from changing.</p>',
    `<p>It ends by itself at ${asText(expires_at.slice(11, 19))} UTC: then it is not run.</p>`,
    `<form method="post" action="${base}/approval">${hidden('form', formToken)}${hidden('session', first.session_id)}${hidden('approval', approval_id)}`,
    '<p><label>What Claude should know <input name="reason" maxlength="500"></label></p>',
    '<p><button name="answer" value="deny">Deny</button></p>',
    '<p><label><input type="checkbox" name="sure" value="yes"> I have read it to its end</label></p>',
    '<p><button class="mutating" name="answer" value="approve">Approve</button></p></form></section>\n',
  ];
  return lines.filter((line) => line !== '').join('\n');
}

const hidden = (name: string, value: string): string =>
  `<input type="hidden" name="${name}" value="${asText(value)}">`;

const whoseKey = ({ side }: HostKeyChange): string => (side === 'vm' ? 'VM' : 'power host');

const keyWords = ({ fingerprint, type }: HostKey): string =>
  `<br><code>${asText(fingerprint)}</code> (${asText(type)})`;

const fingerprints = ({ known, offered }: HostKeyChange): string =>
  `<p>Known until now: ${known.map(keyWords).join('') || 'not readable'}</p>
<p>Offered now: ${keyWords(offered)}</p>`;

const hostKeysBody = (
  { name, host_key_changed = [] }: TargetState,
  formToken: string,
  base: string,
): string =>
  host_key_changed
    .map(
      (
        change,
      ) => `<section><h2>The ${whoseKey(change)} of ${asText(name)} shows another host key than before.</h2>
<p>${
        change.side === 'vm'
          ? 'If it was rebuilt, accept it. If not, <strong>somebody may sit in between</strong>: accept nothing.'
          : 'This key is the way to the hypervisor, and no verb works until it is settled. If you know that the power host was rebuilt, accept it. If not, <strong>somebody may sit in between</strong>: accept nothing, and go to the host by another way.'
      }</p>
${fingerprints(change)}
${hostKeyForm(change, formToken, base)}</section>
`,
    )
    .join('');

const hostKeyForm = (change: HostKeyChange, formToken: string, base: string, sure = false): string =>
  `<form method="post" action="${base}/host-key">${hidden('form', formToken)}${hidden('side', change.side)}${hidden('fingerprint', change.offered.fingerprint)}${sure ? hidden('sure', 'yes') : ''}
<button class="mutating">${sure ? 'Yes, accept this key now' : `Accept the new key of the ${whoseKey(change)}`}</button></form>`;

export const confirmHostKeyBody = (change: HostKeyChange, { state, formToken, base }: Shown): string =>
  `<p>The key of the <strong>${whoseKey(change)}</strong> of ${asText(state.name)}. Do you know that it was rebuilt? On its own console the fingerprint is shown by <code>ssh-keygen -lf /etc/ssh/ssh_host_${asText(change.offered.type.toLowerCase())}_key.pub</code>.</p>
${fingerprints(change)}
${hostKeyForm(change, formToken, base, true)}<p><a href="${base}">Do nothing</a></p>`;

/** What cannot apply has no form, so that nothing can be pressed; a word and the reason stand in its place. */
function whyNotForm(verb: Verb, { verbs }: TargetState): string | undefined {
  const answer = isMutating(verb) ? verbs?.[verb] : undefined;
  if (answer === undefined || answer.applies) return undefined;
  return `<p><button disabled>${verb}</button><br>${asText(answer.why)}</p>`;
}

/** What is past says so first, and advises nothing. */
function findingBody({ finding }: TargetState, nowMs: number): string {
  if (finding === undefined) return '';
  const { report, at, past } = finding;
  const { summary, advised } = report.finding;
  const minutes = Math.max(0, Math.floor((nowMs - Date.parse(at)) / 60_000));
  const age = minutes === 0 ? 'less than a minute ago' : `${minutes} min ago`;
  if (past !== undefined)
    return `<p>Past finding of triage (${age}): ${asText(summary)} It advises nothing any more. ${asText(past)}</p>`;
  const advice = advised === null ? 'No verb is advised.' : `Advised: <strong>${advised}</strong>.`;
  return `<p>Triage found (${age}): <strong>${asText(summary)}</strong> ${advice}</p>`;
}

/** Of the last operation that is over. */
function lastBody({ recent }: TargetState): string {
  const last = recent?.operations.find(({ finished_at }) => finished_at !== undefined);
  if (last === undefined) return '';
  return `<p>Last: <a href="/emergency/operation/${last.id}">${last.verb} by ${asText(last.by.name)}</a>, ${last.state}${last.summary === undefined ? '' : `: ${asText(last.summary)}`}</p>`;
}

const verbForm = (
  verb: Verb,
  formToken: string,
  base: string,
  sure = false,
  against?: Contradiction,
): string =>
  `<form method="post" action="${base}/power/${verb}">${hidden('form', formToken)}${sure ? hidden('sure', 'yes') : ''}${against === undefined ? '' : hidden('against', against.code)}
<button${isMutating(verb) ? ' class="mutating"' : ''}>${sure ? `Yes, ${verb} now${against === undefined ? '' : ', against the finding'}` : verb}</button><br>${VERB_MEANING[verb]}</form>`;

export const confirmBody = (verb: Verb, { state, formToken, base }: Shown, against?: Contradiction): string =>
  `<p>The VM ${asText(state.name)} is <strong>${asText(state.vm.state)}</strong> now. Forensics are captured first.</p>
${against === undefined ? '' : `<p><strong>${asText(against.text)}</strong></p>`}
${verbForm(verb, formToken, base, true, against)}<p><a href="${base}">Do nothing</a></p>`;

/** The worst first: what needs a look is at the top. */
export const listBody = (states: readonly TargetState[]): string =>
  `<p>This page needs neither JavaScript nor the agent nor the journal.</p>
<ul>${states
    .toSorted((a, b) => urgency(a) - urgency(b))
    .map(
      ({ name, title, vm, qmp, operation }) =>
        `<li><a href="/emergency/t/${name}">${asText(title ?? name)}</a>${title === undefined ? '' : ` (${name})`}: <strong>${asText(vm.state)}</strong>${qmp.answers === false ? ', QMP silent' : ''}${operation === null ? '' : `, ${operation.verb} is running`}</li>`,
    )
    .join('\n')}</ul>
<p><a href="/emergency/targets">Look again</a></p>`;

const urgency = ({ vm, qmp }: TargetState): number => {
  if (vm.state === 'running') return qmp.answers === false ? 0 : 3;
  return vm.state === 'unknown' ? 1 : vm.state === 'stopped' ? 2 : 0;
};

export function operationBody(operation: Operation, output: string): string {
  const { verb, by, state, steps, outcome, result } = operation;
  const list = steps.map(
    ({ name, ms, ok }) =>
      `<li>${asText(name)}: ${ok === undefined ? 'running' : ok ? 'done' : 'failed'}${ms === undefined ? '' : `, ${(ms / 1000).toFixed(1)} s`}</li>`,
  );
  return `<p>${verb} by ${asText(by.name)}, started ${asText(operation.started_at)}: <strong>${operation.finished_at === undefined ? 'running' : state}</strong></p>
${outcome === undefined ? '' : `<p><strong>${asText(outcome.summary)}</strong></p>`}
<ol>${list.join('')}</ol>
<pre>${asText(result === undefined ? output : `${result.stdout}${result.stderr}`) || 'No output yet.'}</pre>
<p><a href="/emergency">Back</a></p>`;
}
