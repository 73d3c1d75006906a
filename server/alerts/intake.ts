// What a delivery of alerts does to one target: a function from the incident as it is and the alerts to the events that record them. An
// alert that is known changes nothing. What one incident can write is bounded: beyond it alerts are only counted, and then it is no
// longer known when all of them are resolved, so it stays open until a person closes it, or nothing is heard of it for a day.
import { SERVER } from '../../protocol/actors.ts';
import type { NewEvent } from '../../protocol/events.ts';
import { newSessionId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import type { Kept } from './incident-book.ts';
import { type Alert, labelsTold, type Source } from './incoming.ts';

/** Alerts that are listed one by one in one incident. */
export const LISTED_ALERTS = 500;
/** Events of alerts in one incident: an alert that comes and goes all night stops being listed. */
export const LISTED_EVENTS = 200;
/** After a person closed an incident, what still fires does not open another one for so long. */
const QUIET_MS = 3_600_000;

/** Alerts that one event names. */
const NAMED = 3;

export interface Intake {
  readonly events: readonly NewEvent[];
  /** To which the alerts belong; undefined: they open nothing. */
  readonly incident: { readonly id: string; readonly session: SessionId } | undefined;
  /** Alerts that change nothing, because they are known or only counted. */
  readonly repeats: number;
}

export interface Intaken {
  readonly target: TargetName;
  readonly source: Source;
  readonly alerts: readonly Alert[];
  /** The last incident of the target. */
  readonly last: Kept | undefined;
  readonly nowMs: number;
}

export function intake({ target, source, alerts, last, nowMs }: Intaken): Intake {
  // The same alert twice in one delivery: the later one counts.
  const distinct = [...new Map(alerts.map((alert) => [alert.fingerprint, alert])).values()];
  const firing = distinct.filter(({ status }) => status === 'firing');
  const resolved = distinct.filter(({ status }) => status === 'resolved');
  const known = (alert: Alert): boolean => last?.alerts.get(alert.fingerprint) === 'firing';
  const ended = resolved.filter(known);
  if (last !== undefined && last.closed === undefined) {
    const came = firing.filter((alert) => !known(alert));
    const again = firing.length - came.length;
    if (last.counted > 0) return { events: [], incident: last, repeats: distinct.length };
    const events = [...tell(last, 'firing', came), ...tell(last, 'resolved', ended)];
    return { events, incident: last, repeats: again };
  }
  const { closed } = last ?? {};
  const quiet = closed?.byPerson === true && nowMs - Date.parse(closed.at) < QUIET_MS;
  const fresh = firing.filter((alert) => !(quiet && known(alert)));
  const [first] = fresh;
  if (first === undefined) {
    // So that it counts again when it comes again.
    const events = last !== undefined && ended.length > 0 ? [alertEvent(last, 'resolved', ended)] : [];
    return { events, incident: undefined, repeats: firing.length };
  }
  const incident = { id: crypto.randomUUID(), session: newSessionId(), target, alerts: new Map(), events: 0 };
  const scope = scopeOf(incident);
  return {
    events: [
      { kind: 'session_opened', session_id: incident.session, actor: SERVER, target },
      {
        kind: 'incident_opened',
        incident_id: incident.id,
        title: first.title,
        source,
        ...detailOf(first),
        ...scope,
      },
      ...tell(incident, 'firing', fresh),
    ],
    incident,
    repeats: 0,
  };
}

type Scoped = Pick<Kept, 'id' | 'session' | 'target'>;

export const scopeOf = ({ session, target }: Scoped) =>
  ({ actor: SERVER, session_id: session, target }) as const;

/** One event for all of them; where there is no room for them, one more that says that they are only counted from here on. */
function tell(
  incident: Scoped & Pick<Kept, 'alerts' | 'events'>,
  status: Alert['status'],
  alerts: readonly Alert[],
): readonly NewEvent[] {
  if (alerts.length === 0) return [];
  if (incident.events >= LISTED_EVENTS) return [countedEvent(incident, status, alerts)];
  const added = alerts.filter(({ fingerprint }) => !incident.alerts.has(fingerprint));
  const fit = new Set(added.slice(0, Math.max(0, LISTED_ALERTS - incident.alerts.size)));
  const listed = alerts.filter((alert) => incident.alerts.has(alert.fingerprint) || fit.has(alert));
  const rest = alerts.filter((alert) => !listed.includes(alert));
  return [
    ...(listed.length === 0 ? [] : [alertEvent(incident, status, listed)]),
    ...(rest.length === 0 ? [] : [countedEvent(incident, status, rest)]),
  ];
}

function detailOf({ detail, labels }: Alert): { readonly detail?: string } {
  const words = [detail, labelsTold(labels)].filter((part) => part !== '').join(' · ');
  return words === '' ? {} : { detail: words };
}

/** The first of them by their titles. */
function titleOf(alerts: readonly Alert[]): string {
  const more = alerts.length - NAMED;
  const named = alerts.slice(0, NAMED).map(({ title }) => title);
  return `${named.join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const timesOf = (count: number) => (count === 1 ? {} : { times: count });

const alertEvent = (incident: Scoped, status: Alert['status'], alerts: readonly Alert[]): NewEvent => ({
  kind: 'incident_alert',
  incident_id: incident.id,
  status,
  title: titleOf(alerts),
  ...timesOf(alerts.length),
  fingerprints: alerts.map(({ fingerprint }) => fingerprint),
  ...scopeOf(incident),
});

const countedEvent = (incident: Scoped, status: Alert['status'], alerts: readonly Alert[]): NewEvent => ({
  kind: 'incident_alert',
  incident_id: incident.id,
  status,
  title: `${titleOf(alerts)}. Too many: from here on they are only counted`,
  ...timesOf(alerts.length),
  ...scopeOf(incident),
});

/** What came again since the last event, in one. */
export const repeatedEvent = (incident: Kept, times: number): NewEvent => ({
  kind: 'incident_alert',
  incident_id: incident.id,
  status: 'firing',
  title: incident.title,
  ...timesOf(times),
  ...(incident.counted > 0 ? {} : { fingerprints: [] }),
  ...scopeOf(incident),
});
