// The look at what an alert is about: triage without AI, then its verdict in the journal, and where that is wanted, the agent. An incident
// gets exactly one verdict, whatever hangs or fails on the way; one that the journal did not take is told again later.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { JournaledBody, NewEvent } from '../../protocol/events.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Journal } from '../journal/port.ts';
import type { Target } from '../targets/target.ts';
import type { Kept } from './incident-book.ts';
import { scopeOf } from './intake.ts';
import { type Looked, lookPrompt, verdictDetail } from './verdict.ts';

/** What a look needs of a target. */
export interface LookedAt {
  readonly diagnosis: Pick<Target['diagnosis'], 'triage'>;
  readonly power: Pick<Target['power'], 'running'>;
  readonly guest: Pick<Target['guest'], 'hasObserver'>;
}

/** The agent, as far as an alert may ask it: to look, whatever the policy is. */
export interface LookingAgent {
  /** Whether the deployment wants it. */
  readonly wanted: boolean;
  /** Resolves when the prompt is in the journal. Rejects where the agent cannot be asked, or could not be held to looking. */
  letLook(session: { readonly id: SessionId; readonly target: TargetName }, prompt: string): Promise<void>;
}

export interface LookParts {
  readonly journal: Pick<Journal, 'append'>;
  readonly find: (target: TargetName) => LookedAt | undefined;
  readonly agent: LookingAgent;
  readonly logger: Logger;
  /** For one triage, in milliseconds. */
  readonly triageLimitMs?: number;
}

export interface Looks {
  /** Looks in its own time. Does nothing where it looks already. */
  at(incident: Kept): void;
  /** Tells what could not be recorded before. */
  tellOwed(): Promise<void>;
  /** What has not ended says nothing any more: the next start looks again. */
  close(): void;
}

// A capture may take a minute (readings/triage-run.ts), and what comes before and after it half of one.
const TRIAGE_LIMIT_MS = 120_000;
const AGENT_LIMIT_MS = 10_000;
/** Of all targets. Each look starts ssh processes, on a machine that may be small. */
const LOOKS_AT_ONCE = 4;

export function createLooks({
  journal,
  find,
  agent,
  logger,
  triageLimitMs = TRIAGE_LIMIT_MS,
}: LookParts): Looks {
  const taken = new Set<string>();
  const waiting: Kept[] = [];
  const owed = new Map<string, readonly NewEvent[]>();
  let running = 0;
  let closed = false;

  const append = (incident: Kept, bodies: readonly JournaledBody[]): Promise<unknown> =>
    journal.append(bodies.map((body) => ({ ...body, ...scopeOf(incident) })));

  async function triage(incident: Kept, target: LookedAt): Promise<Looked> {
    const report = target.diagnosis
      // Nobody pressed for it: as long as nothing changes, the next alert of the same trouble causes no capture of its own.
      .triage({ by: SERVER, session_id: incident.session, unasked: true })
      .then((report): Looked => ({ type: 'report', report }))
      .catch((error: unknown): Looked => {
        logger.warn({ err: error, incident: incident.id }, 'triage of an alert failed');
        const said = error instanceof Error ? error.message : String(error);
        return { type: 'failed', why: `Triage failed: ${said.replace(/[.\s]*$/, '.')}` };
      });
    return before(report, triageLimitMs, {
      type: 'failed',
      why: `Triage did not come to an end within ${Math.ceil(triageLimitMs / 1_000)} s.`,
    });
  }

  async function askAgent(incident: Kept, target: LookedAt, detail: string) {
    if (!agent.wanted) return 'not-configured';
    if (!target.guest.hasObserver) return 'nothing-to-look-with';
    const asked = agent
      .letLook({ id: incident.session, target: incident.target }, lookPrompt(incident, detail))
      .then(() => 'looks' as const)
      .catch((error: unknown) => {
        logger.warn({ err: error, incident: incident.id }, 'the agent cannot look at what an alert is about');
        return 'unavailable' as const;
      });
    return before(asked, AGENT_LIMIT_MS, 'unavailable');
  }

  async function look(incident: Kept): Promise<void> {
    const target = find(incident.target);
    if (target === undefined) return; // It was taken out of the configuration.
    const looked = await triage(incident, target);
    if (closed) return;
    const detail = verdictDetail(looked, target.power.running());
    const report = looked.type === 'report' ? { report: looked.report } : {};
    const verdict = (asked: Awaited<ReturnType<typeof askAgent>>): NewEvent => ({
      kind: 'incident_verdict',
      incident_id: incident.id,
      title: incident.title,
      ...report,
      detail,
      agent: asked,
      ...scopeOf(incident),
    });
    try {
      if (looked.type === 'report') await append(incident, [{ kind: 'finding', report: looked.report }]);
    } catch (error) {
      // The agent could not be recorded either.
      logger.error({ err: error, incident: incident.id }, 'a verdict is not recorded yet');
      const finding =
        looked.type === 'report' ? [{ kind: 'finding', ...report, ...scopeOf(incident) } as NewEvent] : [];
      owed.set(incident.id, [...finding, verdict(agent.wanted ? 'unavailable' : 'not-configured')]);
      return;
    }
    const told = verdict(await askAgent(incident, target, detail));
    if (!closed) await tell(incident.id, [told]);
  }

  async function tell(id: string, events: readonly NewEvent[]): Promise<void> {
    try {
      await journal.append(events);
      owed.delete(id);
    } catch (error) {
      owed.set(id, events);
      logger.error({ err: error, incident: id }, 'a verdict is not recorded yet');
    }
  }

  function next(): void {
    if (running >= LOOKS_AT_ONCE || closed) return;
    const incident = waiting.shift();
    if (incident === undefined) return;
    running += 1;
    void look(incident)
      .catch((error: unknown) => logger.error({ err: error, incident: incident.id }, 'a look failed'))
      .finally(() => {
        running -= 1;
        if (!owed.has(incident.id)) taken.delete(incident.id);
        next();
      });
  }

  return {
    at(incident) {
      if (taken.has(incident.id)) return;
      taken.add(incident.id);
      waiting.push(incident);
      next();
    },
    async tellOwed() {
      for (const [id, events] of owed) {
        await tell(id, events);
        if (!owed.has(id)) taken.delete(id);
      }
    },
    close() {
      closed = true;
    },
  };
}

async function before<T>(promised: Promise<T>, limitMs: number, otherwise: T): Promise<T> {
  const patience = new AbortController();
  const overdue = sleep(limitMs, otherwise, { signal: patience.signal, ref: false });
  // Its own abort is no failure of the look.
  overdue.catch(() => undefined);
  try {
    return await Promise.race([promised, overdue]);
  } finally {
    patience.abort();
  }
}
