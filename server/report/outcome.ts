// How it came out, in one sentence, and what is left: what nobody knows yet, or somebody still has to do.
import { isMutating } from '../../protocol/verbs.ts';
import type { Story, VerbRun } from './story.ts';
import { inShort, plural, timeOf } from './words.ts';

export function outcomeOf(story: Story): string {
  const closed = story.events.findLast(({ kind }) => kind === 'incident_closed');
  const opened = story.events.findLast(({ kind }) => kind === 'incident_opened');
  const incident =
    opened === undefined && closed === undefined
      ? ''
      : closed === undefined || (opened !== undefined && opened.id > closed.id)
        ? 'The incident is open. '
        : `The incident was closed at ${timeOf(closed.at)}. `;
  const last = mutatingRuns(story).at(-1);
  if (last === undefined) return `${incident}Nobody pressed a verb that changes the VM.`;
  const { began, ended } = last;
  const verb = (began ?? ended)?.verb ?? '';
  if (ended === undefined) return `${incident}${verb} was pressed, and no end of it is recorded.`;
  return `${incident}${verb} ${WORDS[ended.state]}: ${ended.outcome?.summary ?? 'what the VM does now was not checked.'}`;
}

const WORDS = {
  succeeded: 'succeeded',
  failed: 'failed',
  unknown: 'ended, and how is not known',
} as const;

const mutatingRuns = ({ verbs }: Story): VerbRun[] =>
  verbs.filter(({ began, ended }) => {
    const verb = (began ?? ended)?.verb;
    return verb !== undefined && isMutating(verb);
  });

export function whatIsLeft(story: Story): string[] {
  return [
    ...openIncident(story),
    ...openTurns(story),
    ...openVerbs(story),
    ...lastFinding(story),
    ...stagedConfiguration(story),
    ...openQuestions(story),
    ...unprovenStops(story),
    ...failedDeliveries(story),
  ];
}

function openIncident({ events }: Story): string[] {
  const closed = new Set(
    events.flatMap((event) => (event.kind === 'incident_closed' ? [event.incident_id] : [])),
  );
  return events.flatMap((event) =>
    event.kind === 'incident_opened' && !closed.has(event.incident_id)
      ? [`The incident is open: ${event.title}`]
      : [],
  );
}

function openTurns({ events }: Story): string[] {
  const ended = new Set(events.flatMap((event) => (event.kind === 'turn_end' ? [event.turn_id] : [])));
  return events.flatMap((event) =>
    event.kind === 'user' && !ended.has(event.turn_id)
      ? [`A turn has no end yet: ${inShort(event.text)}`]
      : [],
  );
}

const openVerbs = ({ verbs }: Story): string[] =>
  verbs.flatMap(({ began, ended }) => {
    const { verb, at } = began ?? ended ?? { verb: undefined, at: '' };
    if (verb === undefined) return [];
    if (ended === undefined) return [`${verb} of ${timeOf(at)} has no end: it may still run.`];
    return ended.state === 'unknown'
      ? [
          `The outcome of ${verb} of ${timeOf(at)} is not known: ${ended.outcome?.summary ?? 'look at the VM.'}`,
        ]
      : [];
  });

/** What triage said last belongs to the moment before a verb that came after it. */
function lastFinding(story: Story): string[] {
  const last = story.findings.at(-1);
  if (last === undefined) return [];
  const { code, summary } = last.report.finding;
  if (code === 'nothing-wrong-found') return [];
  const since = mutatingRuns(story).findLast(({ ended }) => ended !== undefined && ended.at >= last.at);
  const what = `the last finding (${timeOf(last.at)}, ${code}): ${summary}`;
  return since?.ended === undefined
    ? [`Standing is ${what}`]
    : [`Past since ${since.ended.verb} of ${timeOf(since.ended.at)} is ${what} Nobody has looked since.`];
}

function stagedConfiguration(story: Story): string[] {
  const last = story.findings.at(-1);
  const caution = last?.report.cautions.find(({ code }) => code === 'staged-configuration');
  if (last === undefined || caution === undefined) return [];
  const applied = mutatingRuns(story).some(
    ({ ended }) => ended?.verb === 'cycle' && ended.state === 'succeeded' && ended.at >= last.at,
  );
  return applied ? [] : [`Staged configuration: ${caution.text}`];
}

const openQuestions = ({ questions }: Story): string[] =>
  questions.flatMap(({ asked, answer }) => {
    if (answer === undefined)
      return [`A question waits for an answer: ${inShort(asked.asked.input.command)}`];
    return answer.answer === 'expired'
      ? [`Nobody answered in time: ${inShort(asked.asked.input.command)}`]
      : [];
  });

const unprovenStops = ({ commands }: Story): string[] =>
  commands.flatMap(({ call, unproven }) =>
    unproven
      ? [
          `A command was stopped, and it is not proven that it no longer runs: ${inShort(call.input.command ?? call.name)}`,
        ]
      : [],
  );

function failedDeliveries({ events }: Story): string[] {
  const failed = events.filter((event) => event.kind === 'notified' && event.result === 'failed');
  const last = failed.at(-1);
  if (last?.kind !== 'notified') return [];
  return [
    `${plural(failed.length, 'notification')} did not arrive; the last by ${last.channel}: ${last.detail}`,
  ];
}
