// The report of an incident: a function from events of the journal to a document. It knows no clock and reads nothing.
import type { Actor } from '../../protocol/operations.ts';
import { approvals, commands, findings, verbs } from './actions.ts';
import { type Block, list, type ReportDocument, sentence } from './document.ts';
import type { Gathered } from './gather.ts';
import { outcomeOf, whatIsLeft } from './outcome.ts';
import { type Story, storyOf } from './story.ts';
import { spanOf, timeline } from './timeline.ts';
import { plural, timeOf, whoOf } from './words.ts';

/** What it is about, beside the target: a session by its id, or a span of time (UTC, ISO 8601). */
export type About =
  | { readonly type: 'session'; readonly id: string }
  | { readonly type: 'span'; readonly since: string; readonly until: string };

export function incidentReport(
  { target, events, leftOut, firstPart }: Gathered,
  about: About,
): ReportDocument {
  const story = storyOf(events);
  const left = whatIsLeft(story);
  return {
    title: titleOf(story, target),
    sections: [
      { title: 'In short', blocks: inBrief({ story, target, about, leftOut }) },
      {
        title: 'What is left',
        blocks: left.length === 0 ? [sentence('Nothing that is known.')] : [list(left)],
      },
      { title: 'Timeline', blocks: timeline(events, { count: leftOut, after: firstPart }) },
      { title: 'Findings', blocks: findings(story) },
      { title: 'Verbs', blocks: verbs(story) },
      { title: 'Approvals', blocks: approvals(story) },
      { title: 'Commands', blocks: commands(story) },
    ],
  };
}

function titleOf({ events }: Story, target: string): string {
  const opened = events.find(({ kind }) => kind === 'incident_opened');
  return opened?.kind === 'incident_opened'
    ? `Incident on ${target}: ${opened.title}`
    : `Report on ${target}`;
}

function inBrief({
  story,
  target,
  about,
  leftOut,
}: {
  story: Story;
  target: string;
  about: About;
  leftOut: number;
}): Block[] {
  const { events } = story;
  return [
    sentence(outcomeOf(story)),
    list([
      `Target: ${target}`,
      about.type === 'session'
        ? `Session: ${about.id}`
        : `Asked for: ${timeOf(about.since)} to ${timeOf(about.until)} UTC`,
      `Recorded: ${spanOf(events)}`,
      `Who: ${peopleOf(events.map(({ actor }) => actor)).join(', ') || 'nobody'}`,
      ...(leftOut === 0
        ? []
        : [
            `Left out: ${plural(leftOut, 'event')} in the middle, because there are too many. The journal has them.`,
          ]),
    ]),
    sentence(
      'All times are UTC. What a machine or a model wrote is shown with stand-ins for what cannot be seen.',
    ),
  ];
}

const peopleOf = (actors: readonly Actor[]): string[] => [...new Set(actors.map(whoOf))];
