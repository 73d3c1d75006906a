// The incidents as the journal tells them: a state made of events and of nothing else, so that it is the same after a restart. It keeps
// the last incident of each target, and some hundred before them: for the list, and to see which target has many.
import type { Incident, OpenIncident } from '../../protocol/alerts.ts';
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';

export const INCIDENT_KINDS: readonly JournaledKind[] = [
  'incident_opened',
  'incident_alert',
  'incident_verdict',
  'incident_closed',
];

export interface Kept {
  readonly id: string;
  readonly session: SessionId;
  readonly target: TargetName;
  readonly title: string;
  readonly source: string;
  readonly detail: string;
  readonly openedAt: string;
  /** The alerts by their fingerprints. Bounded: see intake.ts. */
  readonly alerts: Map<string, 'firing' | 'resolved'>;
  /** Events of alerts so far. */
  events: number;
  /** How often alerts came that are only counted; above 0 nothing is listed any more. */
  counted: number;
  /** When something of it was recorded last. */
  lastAt: string;
  verdict: NonNullable<Incident['verdict']> | undefined;
  closed: { readonly at: string; readonly by: string; readonly byPerson: boolean } | undefined;
}

const LISTED = 100;
const KEPT = 300;

export class IncidentBook {
  readonly #byId = new Map<string, Kept>();
  readonly #last = new Map<TargetName, Kept>();

  apply(event: JournalEvent): void {
    if (event.kind === 'incident_opened') this.#open(event);
    if (!('incident_id' in event) || event.kind === 'incident_opened') return;
    const incident = this.#byId.get(event.incident_id);
    if (incident === undefined) return; // Its beginning was deleted because it is old.
    incident.lastAt = event.at;
    switch (event.kind) {
      case 'incident_alert':
        incident.events += 1;
        if (event.fingerprints === undefined) incident.counted += event.times ?? 1;
        for (const fingerprint of event.fingerprints ?? []) incident.alerts.set(fingerprint, event.status);
        return;
      case 'incident_verdict': {
        const advised = event.report?.finding.advised ?? null;
        incident.verdict = { at: event.at, detail: event.detail, advised, agent: event.agent };
        return;
      }
      case 'incident_closed':
        incident.closed ??= { at: event.at, by: event.by, byPerson: event.actor.type === 'operator' };
        return;
      default:
        event satisfies never;
    }
  }

  get(id: string): Kept | undefined {
    return this.#byId.get(id);
  }

  /** The open one, or the one that was closed last. */
  last(target: TargetName): Kept | undefined {
    return this.#last.get(target);
  }

  /** At most one a target. */
  open(): readonly Kept[] {
    return [...this.#last.values()].filter(({ closed }) => closed === undefined);
  }

  /** How many of a target were opened since then. */
  openedSince(target: TargetName, ms: number): number {
    return [...this.#byId.values()].filter(
      (each) => each.target === target && Date.parse(each.openedAt) >= ms,
    ).length;
  }

  /** The open ones first, then newest first. */
  list(): readonly Incident[] {
    const newest = [...this.#byId.values()].toReversed();
    const open = newest.filter(({ closed }) => closed === undefined);
    return [...open, ...newest.filter(({ closed }) => closed !== undefined)].slice(0, LISTED).map(shown);
  }

  #open(event: Extract<JournalEvent, { kind: 'incident_opened' }>): void {
    const { incident_id: id, session_id: session, target, title, source, detail = '', at } = event;
    if (session === undefined || target === undefined || this.#byId.has(id)) return;
    const opened: Kept = {
      id,
      session,
      target,
      title,
      source,
      detail,
      openedAt: at,
      alerts: new Map(),
      events: 0,
      counted: 0,
      lastAt: at,
      verdict: undefined,
      closed: undefined,
    };
    this.#byId.set(id, opened);
    this.#last.set(target, opened);
    const old = [...this.#byId.values()].find((each) => this.#last.get(each.target) !== each);
    if (this.#byId.size > KEPT && old !== undefined) this.#byId.delete(old.id);
  }
}

export const shown = (kept: Kept): Incident => {
  const states = [...kept.alerts.values()];
  const firing = states.filter((status) => status === 'firing').length;
  return {
    incident_id: kept.id,
    session_id: kept.session,
    target: kept.target,
    title: kept.title,
    source: kept.source,
    opened_at: kept.openedAt,
    firing,
    resolved: states.length - firing,
    counted: kept.counted,
    ...(kept.verdict === undefined ? {} : { verdict: kept.verdict }),
    ...(kept.closed === undefined ? {} : { closed: { at: kept.closed.at, by: kept.closed.by } }),
  };
};

export const shownOpen = ({ id, session, title, openedAt }: Kept): OpenIncident => ({
  incident_id: id,
  session_id: session,
  title,
  opened_at: openedAt,
});
