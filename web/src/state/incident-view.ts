// An incident in the transcript of its session: what the monitor said, and what became of it. Pure.
import type { JournaledBody } from '../../../protocol/events.ts';
import type { MutatingVerb } from '../../../protocol/verbs.ts';

type BodyOf<Kind extends JournaledBody['kind']> = Extract<JournaledBody, { kind: Kind }>;

export interface AlertLine {
  readonly status: 'firing' | 'resolved';
  readonly title: string;
  readonly at: string;
}

export interface IncidentView {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  readonly detail: string;
  /** The last ones, oldest first. */
  readonly alerts: readonly AlertLine[];
  readonly closed: { readonly at: string; readonly words: string } | null;
}

export interface VerdictView {
  readonly detail: string;
  readonly advised: MutatingVerb | null;
  readonly agent: string;
}

const LINES = 12;

export const incidentOf = (event: BodyOf<'incident_opened'>): IncidentView => ({
  id: event.incident_id,
  title: event.title,
  source: event.source,
  detail: event.detail ?? '',
  alerts: [],
  closed: null,
});

/** What only came again is no news. */
export const withAlert = (
  incident: IncidentView,
  { status, title, fingerprints }: BodyOf<'incident_alert'>,
  at: string,
): IncidentView =>
  fingerprints?.length === 0
    ? incident
    : { ...incident, alerts: [...incident.alerts, { status, title, at }].slice(-LINES) };

export const closedWords = ({ by, why }: BodyOf<'incident_closed'>): string => {
  switch (why) {
    case 'resolved':
      return 'All its alerts are resolved.';
    case 'silent':
      return 'Nothing was heard of its alerts for a day.';
    case 'person':
    case undefined:
      return `Closed by ${by}.`;
    default:
      return why satisfies never;
  }
};

const AGENT: Readonly<Record<BodyOf<'incident_verdict'>['agent'], string>> = {
  looks: 'The agent looks at it, and changes nothing.',
  'not-configured': '',
  'nothing-to-look-with':
    'The agent does not look: the VM has no observer account, so it could only look as root.',
  unavailable: 'The agent cannot look now.',
};

export const verdictOf = ({ detail, report, agent }: BodyOf<'incident_verdict'>): VerdictView => ({
  detail,
  advised: report?.finding.advised ?? null,
  agent: AGENT[agent],
});
