// The room of alerts: deliveries are taken one after the other, so that a target never has two open incidents. What was acknowledged is on
// disk; all else (triage, the agent, closing what is over) goes on by itself, and is taken up again after a restart.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { AlertsTaken, Incident, Incidents, OpenIncident } from '../../protocol/alerts.ts';
import type { NewEvent } from '../../protocol/events.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import { INCIDENT_KINDS, IncidentBook, type Kept, shown, shownOpen } from './incident-book.ts';
import type { Alert, Delivery } from './incoming.ts';
import { intake, repeatedEvent, scopeOf } from './intake.ts';
import { createLooks, type LookedAt, type LookingAgent } from './looks.ts';
import { type Stray, Unmapped } from './unmapped.ts';
import { type Mapped, targetsMeant } from './which-target.ts';

export interface AlertsParts {
  readonly journal: Journal;
  readonly targets: readonly Mapped[];
  readonly find: (target: TargetName) => LookedAt | undefined;
  readonly agent: LookingAgent;
  readonly logger: Logger;
  readonly now?: () => number;
  readonly triageLimitMs?: number;
}

export interface Alerts {
  /**
   * Resolves when it is on disk. Rejects with `unmapped-alert` where none of its alerts means a target, and with `journal-unavailable`,
   * `alerts-waiting` or `shutting-down` where it should be sent again.
   */
  deliver(delivery: Delivery): Promise<AlertsTaken>;
  list(): Promise<Incidents>;
  /** Closes it for a person. Rejects with `unknown-incident`. */
  closeIncident(id: string, by: Actor): Promise<Incident>;
  /** What is known, without asking anybody. */
  openIncident(target: TargetName): OpenIncident | undefined;
  /** For the page, where an alert meant no target. */
  warnings(): readonly string[];
  /** Closes what is over, looks at what has no verdict yet, tells what could not be recorded. Once a minute it does so by itself. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

const EVERY_MS = 60_000;
/** Each waits with its whole body. */
const WAITING = 50;
/** Of its repeated alerts something is recorded only so often. */
const REPEATS_EVERY_MS = 3_600_000;
/** Longer than any monitor waits before it repeats itself (Alertmanager: 4 hours). A forgotten incident must not swallow the next alert. */
const SILENT_MS = 24 * 3_600_000;
/** An alert that comes and goes opens so many incidents in an hour; the next stays open until it was quiet for some minutes. */
const OFTEN = 3;
const OFTEN_WITHIN_MS = 3_600_000;
const QUIET_BEFORE_CLOSE_MS = 600_000;
const _PAGE = 500;

export function startAlerts(parts: AlertsParts): Alerts {
  const { journal, targets, logger, now = Date.now } = parts;
  const looks = createLooks(parts);
  const unmapped = new Unmapped(journal, now);
  /** Of open incidents: what came again and is not recorded, and when they were heard of last. */
  const heard = new Map<string, { times: number; atMs: number }>();
  let book: Promise<IncidentBook> | undefined;
  let known: IncidentBook | undefined;
  let line: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let closing = false;

  const read = (): Promise<IncidentBook> => {
    book ??= readBook(journal).then(
      (made) => {
        known = made;
        return made;
      },
      (error: unknown) => {
        book = undefined;
        throw error;
      },
    );
    return book;
  };
  const inLine = <T>(task: () => Promise<T>): Promise<T> => {
    const done = line.then(task);
    line = done.catch(() => undefined);
    return done;
  };

  async function take({ source, alerts, remark }: Delivery): Promise<AlertsTaken> {
    const kept = await read();
    // An incident that is over must not swallow this.
    await settle(kept);
    const { byTarget, strays } = sortOut(alerts, targets);
    const nowMs = now();
    const taken = [...byTarget].map(([target, ofTarget]) => ({
      target,
      ...intake({ target, source, alerts: ofTarget, last: kept.last(target), nowMs }),
    }));
    const events: NewEvent[] = taken.flatMap((each) => each.events);
    if (events.length > 0) await journal.append(events);
    for (const { incident, events: own, repeats } of taken) {
      if (incident === undefined) continue;
      const before = heard.get(incident.id) ?? { times: 0, atMs: nowMs };
      heard.set(incident.id, { times: before.times + (own.length > 0 ? 0 : repeats), atMs: nowMs });
    }
    await settle(kept);
    if (strays.length > 0) await unmapped.note(source, strays);
    const [stray] = strays;
    if (stray !== undefined && byTarget.size === 0)
      throw new BreakglassError(
        'unmapped-alert',
        `No target is meant by "${stray.alert.title}". ${stray.why}`,
      );
    const incidents = taken.flatMap(({ target, incident }) =>
      incident === undefined ? [] : [{ incident_id: incident.id, session_id: incident.session, target }],
    );
    return { incidents, unmapped: strays.length, detail: saidOf(incidents.length, stray, remark) };
  }

  /** Whatever follows from what is known now. */
  async function settle(kept: IncidentBook): Promise<void> {
    const nowMs = now();
    const events: NewEvent[] = [];
    for (const incident of kept.open()) {
      const why = whyOver(incident, kept, nowMs);
      if (why === undefined) {
        if (incident.verdict === undefined) looks.at(incident);
        events.push(...repeatsDue(incident, nowMs));
        continue;
      }
      events.push(closedEvent(incident, why, SERVER));
      // What was resolved within a moment is looked at all the same: whoever was woken wants to know what it was.
      if (why === 'resolved' && incident.verdict === undefined) looks.at(incident);
    }
    if (events.length > 0) await journal.append(events);
    for (const id of heard.keys()) if (kept.get(id)?.closed !== undefined) heard.delete(id);
  }

  function repeatsDue(incident: Kept, nowMs: number): readonly NewEvent[] {
    const before = heard.get(incident.id);
    if (before === undefined || before.times === 0) return [];
    if (nowMs - Date.parse(incident.lastAt) < REPEATS_EVERY_MS) return [];
    heard.set(incident.id, { times: 0, atMs: before.atMs });
    return [repeatedEvent(incident, before.times)];
  }

  function whyOver(incident: Kept, kept: IncidentBook, nowMs: number): 'resolved' | 'silent' | undefined {
    const lastMs = Math.max(heard.get(incident.id)?.atMs ?? 0, Date.parse(incident.lastAt));
    if (nowMs - lastMs >= SILENT_MS) return 'silent';
    if (incident.counted > 0 || [...incident.alerts.values()].includes('firing')) return undefined;
    const often = kept.openedSince(incident.target, nowMs - OFTEN_WITHIN_MS) >= OFTEN;
    return often && nowMs - lastMs < QUIET_BEFORE_CLOSE_MS ? undefined : 'resolved';
  }

  const alerts: Alerts = {
    async deliver(delivery) {
      if (closing) throw new BreakglassError('shutting-down', 'The server is shutting down. Send it again.');
      if (waiting >= WAITING)
        throw new BreakglassError(
          'alerts-waiting',
          'Too many alerts are waiting to be recorded. Send it again.',
        );
      waiting += 1;
      return inLine(() => take(delivery)).finally(() => {
        waiting -= 1;
      });
    },
    list: async () => ({ incidents: (await read()).list(), unmapped: unmapped.last }),
    closeIncident: (id, by) =>
      inLine(async () => {
        const incident = (await read()).get(id);
        if (incident === undefined)
          throw new BreakglassError('unknown-incident', 'There is no incident with this id.');
        if (incident.closed === undefined) await journal.append([closedEvent(incident, 'person', by)]);
        heard.delete(id);
        return shown(incident);
      }),
    openIncident(target) {
      const last = known?.last(target);
      return last === undefined || last.closed !== undefined ? undefined : shownOpen(last);
    },
    warnings() {
      const [last] = unmapped.last;
      return last === undefined || now() - Date.parse(last.at) >= SILENT_MS
        ? []
        : [`An alert of ${last.source} at ${last.at} means no target: ${last.title}. ${last.why}`];
    },
    sweep: () =>
      inLine(async () => {
        if (closing) return;
        await looks.tellOwed();
        await settle(await read());
      }).catch((error: unknown) => logger.error({ err: error }, 'incidents could not be brought up to date')),
    async close() {
      closing = true;
      clearInterval(timer);
      looks.close();
      await line;
    },
  };
  const timer = setInterval(() => void alerts.sweep(), EVERY_MS).unref();
  void alerts.sweep();
  return alerts;
}

/** From the journal, and from then on with it. Nobody writes of incidents before this has resolved. */
async function readBook(journal: Journal): Promise<IncidentBook> {
  const book = new IncidentBook();
  for await (const event of readAll(journal, { kinds: INCIDENT_KINDS })) book.apply(event);
  journal.follow({ kinds: INCIDENT_KINDS }, (event) => book.apply(event));
  return book;
}

function sortOut(
  alerts: readonly Alert[],
  targets: readonly Mapped[],
): { readonly byTarget: ReadonlyMap<TargetName, Alert[]>; readonly strays: readonly Stray[] } {
  const byTarget = new Map<TargetName, Alert[]>();
  const strays: Stray[] = [];
  for (const alert of alerts) {
    const meant = targetsMeant(alert, targets);
    if (meant.type === 'none') {
      strays.push({ alert, why: meant.why });
      continue;
    }
    for (const name of meant.names) {
      const own = byTarget.get(name);
      if (own === undefined) byTarget.set(name, [alert]);
      else own.push(alert);
    }
  }
  return { byTarget, strays };
}

function saidOf(incidents: number, stray: Stray | undefined, remark: string | undefined): string {
  const taken = incidents === 0 ? 'It is taken, and opens no incident.' : 'It is recorded.';
  const lost = stray === undefined ? [] : [`"${stray.alert.title}" means no target: ${stray.why}`];
  return [remark ?? taken, ...lost].join(' ');
}

const closedEvent = (incident: Kept, why: 'resolved' | 'person' | 'silent', by: Actor): NewEvent => ({
  kind: 'incident_closed',
  incident_id: incident.id,
  title: incident.title,
  by: by.name,
  why,
  ...scopeOf(incident),
  actor: by,
});
