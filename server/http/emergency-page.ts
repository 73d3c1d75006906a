// The emergency page of one target, the list of them, and the page of an operation. In this order: how it is, what waits for an answer, the
// verbs, what happened, who is here.
import type { Approval } from '../../protocol/approvals.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { incidentBody, journalBody, linksBody, type Told } from './emergency-console.ts';
import { asText, frame } from './emergency-html.ts';
import { approvalsBody, hostKeysBody } from './emergency-questions.ts';
import { shape, type Tone } from './emergency-shape.ts';
import { verbsBody } from './emergency-verbs.ts';
import { ago, headline, readings, urgency, vmReading } from './emergency-words.ts';

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
  readonly doctor: Told['doctor'];
}

/** @param notice what came of the form that was sent; it is read first */
export function statePage(shown: Shown, notice?: string, nowMs = Date.now()): string {
  const { name, state } = shown;
  const { words, tone } = headline(state, nowMs);
  const said = `${asText(state.title ?? state.name)}: ${asText(words)}`;
  const drawn = `${shape(tone)}${said}`;
  return frame({
    title: notice ?? `${state.title ?? state.name}: ${words}`,
    heading: notice === undefined ? drawn : asText(notice),
    name,
    body: `${notice === undefined ? '' : `<h2 class="state">${drawn}</h2>\n`}${stateBody(shown, nowMs)}`,
  });
}

function stateBody(shown: Shown, nowMs: number): string {
  const { state, base, others } = shown;
  return `<p>Target: <strong>${asText(state.name)}</strong>${others ? ' · <a href="/emergency/targets">All targets</a>' : ''}</p>
${runningBody(state)}${incidentBody(state, nowMs)}${journalBody(state)}${findingBody(state, nowMs)}${approvalsBody(shown)}${hostKeysBody(shown)}<ul class="facts">${readings(
    state,
    nowMs,
  )
    .map(
      ({ name, words, tone }) =>
        `<li>${name}: <strong>${shape(tone)}${asText(words)}</strong>${name === 'VM' && state.vm.detail !== undefined ? ` ${asText(state.vm.detail)}` : ''}</li>`,
    )
    .join('\n')}</ul>
<p><a href="${base}">Read again</a></p>
${warningsBody(state)}${linksBody(shown.doctor, state.name, nowMs)}${verbsBody(shown)}${recentBody(state, nowMs)}${hereBody(state, nowMs)}
<p class="small">This page needs no JavaScript, no agent and no journal. If it fails too: <code>ssh &lt;power host&gt; cycle</code> from any shell with the key. <a href="/">The whole console</a></p>`;
}

const runningBody = ({ operation }: TargetState): string =>
  operation === null
    ? ''
    : `<p class="box"><strong>${operation.verb} by ${asText(operation.by.name)} is running.</strong> <a href="/emergency/operation/${operation.id}">Watch it</a></p>\n`;

/** What is past says so first, and advises nothing. */
function findingBody({ finding }: TargetState, nowMs: number): string {
  if (finding === undefined) return '';
  const { report, at, past } = finding;
  const { summary, advised, warned } = report.finding;
  if (past !== undefined)
    return `<p class="small">Past finding (${ago(at, nowMs)}): ${asText(summary)} It advises nothing any more. ${asText(past)}</p>\n`;
  const cautions = report.cautions.map(({ text }) => `<p>${asText(text)}</p>\n`).join('');
  const advice = advised === null ? 'No verb is advised.' : `Advised: <strong>${advised}</strong>.`;
  const not = warned.length === 0 ? '' : ` Not: ${warned.join(', ')}.`;
  return `<p>${asText(summary)} ${advice}${not} <small>Found ${ago(at, nowMs)}.</small></p>\n${cautions}`;
}

const warningsBody = ({ warnings }: TargetState): string =>
  warnings.map((warning) => `<p>${asText(warning)}</p>\n`).join('');

const OUTCOME_TONE: Readonly<Record<Operation['state'], Tone>> = {
  running: 'none',
  succeeded: 'ok',
  failed: 'bad',
  unknown: 'none',
};

function recentBody({ recent }: TargetState, nowMs: number): string {
  if (recent === undefined) return '';
  const { operations, evidence } = recent;
  const rows = operations.map(
    ({ id, verb, by, state, started_at, summary }) =>
      `<li>${shape(OUTCOME_TONE[state])}<a href="/emergency/operation/${id}">${verb} by ${asText(by.name)}</a>, ${state}${summary === undefined ? '' : `: ${asText(summary)}`} <small>${ago(started_at, nowMs)}</small></li>`,
  );
  const list =
    rows.length === 0 ? '' : `<h2>Last operations</h2>\n<ul class="rows">${rows.join('\n')}</ul>\n`;
  if (evidence === undefined) return list;
  const path = `/api/evidence/${encodeURIComponent(evidence.id)}`;
  return `${list}<h2>Last evidence</h2>
<p>Saved ${ago(evidence.at, nowMs)}: <a href="${path}/text">read it</a>, <a href="${path}/bundle.tar.gz">keep a copy</a></p>\n`;
}

const hereBody = ({ here = [] }: TargetState, nowMs: number): string =>
  here.length === 0
    ? ''
    : `<h2>Who is here</h2>\n<p>${here.map(({ name, since }) => `${asText(name)} <small>since ${ago(since, nowMs)}</small>`).join(', ')}</p>\n`;

/** The worst first: what needs a look is at the top. */
export function listBody(states: readonly TargetState[], nowMs = Date.now()): string {
  const rows = states
    .toSorted((a, b) => urgency(a) - urgency(b))
    .map((state) => {
      const { name, title, qmp, operation } = state;
      const { words, tone } = vmReading(state, nowMs);
      return `<li>${shape(qmp.answers === false ? 'warn' : tone)}<a href="/emergency/t/${name}">${asText(title ?? name)}</a>${title === undefined ? '' : ` (${name})`}: <strong>${asText(words)}</strong>${qmp.answers === false ? ', QMP silent' : ''}${operation === null ? '' : `, ${operation.verb} is running`}</li>`;
    });
  return `<ul class="rows">${rows.join('\n')}</ul>
<p><a href="/emergency/targets">Read again</a></p>`;
}

/** The result first, the log last. */
export function operationBody(operation: Operation, output: string, base: string): string {
  const { verb, by, state, steps, outcome, result, started_at, finished_at } = operation;
  const shown = finished_at === undefined ? 'running' : state;
  const list = steps.map(
    ({ name, ms, ok }) =>
      `<li>${shape(ok === undefined ? 'none' : ok ? 'ok' : 'bad')}${asText(name)}: ${ok === undefined ? 'running' : ok ? 'done' : 'failed'}${ms === undefined ? '' : `, ${(ms / 1000).toFixed(1)} s`}</li>`,
  );
  return `<p>${shape(OUTCOME_TONE[shown])}<strong>${shown}</strong>: ${verb} by ${asText(by.name)}, started ${ago(started_at, Date.now())}</p>
${outcome === undefined ? '' : `<p><strong>${asText(outcome.summary)}</strong></p>\n${(outcome.warnings ?? []).map((warning) => `<p>${asText(warning)}</p>`).join('')}`}
${list.length === 0 ? '' : `<ol class="rows">${list.join('\n')}</ol>`}
<pre>${asText(result === undefined ? output : `${result.stdout}${result.stderr}`) || 'No output yet.'}</pre>
<p><a href="${base}">Back to ${asText(operation.target)}</a></p>`;
}
