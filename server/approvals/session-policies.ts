// What the agent may do in each session: the configured mode until a person changes it, and the grants that run. A mode that was
// tightened is kept over a restart; what was loosened and what was granted ends with it.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { Grant, PolicyMode, SessionPolicy } from '../../protocol/approvals.ts';
import type { JournalEvent } from '../../protocol/events.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import { closePolicies, POLICY_KINDS } from './after-restart.ts';
import { Deadline } from './deadline.ts';

export interface SessionPoliciesParts {
  readonly journal: Journal;
  /** Of a target; what holds in a session of it where nobody changed it. */
  readonly configured: (target: TargetName) => PolicyMode;
  readonly logger: Logger;
}

export interface SessionOf {
  readonly id: SessionId;
  readonly target: TargetName;
}

interface HeldGrant {
  readonly grant: Grant;
  readonly deadline: Deadline;
}

interface Held {
  readonly session: SessionOf;
  readonly configured: PolicyMode;
  mode: PolicyMode;
  version: number;
  by: string | undefined;
  loosened: { readonly until: string; readonly deadline: Deadline } | undefined;
  readonly grants: Map<string, HeldGrant>;
  /** Changes that are on their way to the disk, or that it did not take: only memory knows them. */
  unrecorded: number;
}

/** How long a loosened mode may hold, and how long it does where nobody says otherwise. */
const LOOSE_MINUTES = { default: 60, max: 60 } as const;
/** Of a grant. */
export const GRANT_MINUTES = 15;
/** Sessions whose policy is kept in memory. One that is left out is read from the journal again. */
const HELD_SESSIONS = 500;
const RANK: Readonly<Record<PolicyMode, number>> = { observe: 0, ask: 1, autonomous: 2 };

export class SessionPolicies {
  readonly #parts: SessionPoliciesParts;
  readonly #held = new Map<SessionId, Promise<Held>>();
  /** The same, once read: for whoever looks at any later moment. */
  readonly #now = new Map<SessionId, Held>();
  /** Called after a mode was tightened or a grant ended, with the session. */
  onTightened: (session: SessionId) => void = () => undefined;

  constructor(parts: SessionPoliciesParts) {
    this.#parts = parts;
  }

  async of(session: SessionOf): Promise<SessionPolicy> {
    return view(await this.#hold(session));
  }

  /** The mode and whether a grant runs, as they are at this moment, once this session's policy is in memory. */
  async reader(session: SessionOf): Promise<() => { mode: PolicyMode; granted: boolean; version: number }> {
    const first = await this.#hold(session);
    return () => {
      // It may have been left out of memory meanwhile, and then read again to be changed.
      const held = this.#now.get(session.id) ?? first;
      return { mode: modeOf(held), granted: grantsOf(held).length > 0, version: held.version };
    };
  }

  /**
   * Tightening counts at once, also where the journal cannot be written (then it throws `journal-unavailable` afterwards, and holds until
   * the server stops). Loosening counts once it is recorded, and for a time only.
   */
  async set(
    session: SessionOf,
    { mode, minutes }: { readonly mode: PolicyMode; readonly minutes?: number | undefined },
    by: Actor,
  ): Promise<SessionPolicy> {
    const held = await this.#hold(session);
    const version = held.version + 1;
    const looser = RANK[mode] > RANK[held.configured];
    if (!looser && minutes !== undefined)
      throw new BreakglassError(
        'invalid-input',
        `minutes: only a mode that is looser than the configured one (${held.configured}) ends by itself.`,
      );
    const deadline = looser ? new Deadline((minutes ?? LOOSE_MINUTES.default) * 60_000) : undefined;
    const event = {
      kind: 'policy_changed' as const,
      mode,
      version,
      by: by.name,
      ...(deadline === undefined ? {} : { loosened_until: deadline.at }),
    };
    const tighter = RANK[mode] < RANK[modeOf(held)];
    if (tighter) this.#apply(held, mode, version, by.name, deadline);
    held.unrecorded++;
    try {
      await this.#append(session, by, event);
      held.unrecorded--;
    } catch (error) {
      // A tightening holds all the same.
      if (!tighter) held.unrecorded--;
      throw error;
    } finally {
      if (tighter) await this.#tightened(held);
    }
    if (tighter) return view(held);
    // Whoever set a tighter one while this was being written wins.
    const overtaken = held.version !== version - 1;
    const nowTighter = RANK[mode] < RANK[modeOf(held)];
    if (!overtaken || nowTighter) this.#apply(held, mode, Math.max(version, held.version), by.name, deadline);
    if (overtaken && nowTighter) await this.#tightened(held);
    return view(held);
  }

  /** It counts once it is recorded. Throws `too-late` when the mode was changed meanwhile. */
  async grant(session: SessionOf, minutes: number, by: Actor): Promise<Grant> {
    const held = await this.#hold(session);
    const deadline = new Deadline(minutes * 60_000);
    const grant: Grant = {
      grant_id: crypto.randomUUID(),
      session_id: session.id,
      target: session.target,
      by: by.name,
      at: new Date().toISOString(),
      expires_at: deadline.at,
    };
    const { grant_id, expires_at } = grant;
    const { version } = held;
    held.unrecorded++;
    try {
      await this.#append(session, by, { kind: 'grant_started', grant_id, by: by.name, expires_at });
    } finally {
      held.unrecorded--;
    }
    held.grants.set(grant_id, { grant, deadline });
    // It was not there to be ended while it was being written.
    if (held.version !== version) {
      await this.#endGrant(held, grant_id, 'tightened', SERVER).catch(this.#log);
      throw new BreakglassError(
        'too-late',
        'The policy of this session was changed in the same moment, so nothing is granted.',
      );
    }
    deadline.onPast(() => void this.#endGrant(held, grant_id, 'expired', SERVER).catch(this.#log));
    return grant;
  }

  /** Throws `unknown-grant` when none of this session has that id, or it ended before. */
  async endGrant(session: SessionOf, id: string, by: Actor): Promise<void> {
    const held = await this.#hold(session);
    if (!held.grants.has(id))
      throw new BreakglassError('unknown-grant', 'There is no such grant in this session, or it has ended.');
    await this.#endGrant(held, id, 'ended', by);
  }

  /** Called at the start: what was loosened or granted when the server stopped has ended with it. */
  async recover(): Promise<void> {
    const { journal, configured } = this.#parts;
    const close = await closePolicies(readAll(journal, { kinds: POLICY_KINDS }), configured);
    if (close.length > 0) await journal.append(close);
  }

  close(): void {
    for (const each of this.#held.values())
      void each.then((held) => {
        held.loosened?.deadline.cancel();
        for (const { deadline } of held.grants.values()) deadline.cancel();
      });
  }

  readonly #log = (error: unknown): void =>
    this.#parts.logger.error({ err: error }, 'a change of policy was not recorded');

  #hold(session: SessionOf): Promise<Held> {
    let held = this.#held.get(session.id);
    if (held === undefined) {
      held = this.#read(session);
      this.#held.set(session.id, held);
      held.then(
        (read) => this.#now.set(session.id, read),
        // One that could not be read is asked for again.
        () => this.#held.delete(session.id),
      );
      if (this.#held.size > HELD_SESSIONS) void this.#forgetOne();
    }
    return held;
  }

  async #read(session: SessionOf): Promise<Held> {
    const configured = this.#parts.configured(session.target);
    const [last] = await this.#parts.journal.newest({ session: session.id, kinds: ['policy_changed'] }, 1);
    const changed = last?.kind === 'policy_changed' ? last : undefined;
    // A configuration that is tighter now than what was set then counts. What was loosened has ended (see `recover`).
    const tightened = changed !== undefined && RANK[changed.mode] < RANK[configured];
    return {
      session,
      configured,
      mode: tightened ? changed.mode : configured,
      version: changed?.version ?? 0,
      by: tightened ? changed.by : undefined,
      loosened: undefined,
      grants: new Map(),
      unrecorded: 0,
    };
  }

  /** The one that is in memory longest and has nothing that only memory knows. */
  async #forgetOne(): Promise<void> {
    for (const [id, each] of this.#held) {
      const held = await each.catch(() => undefined);
      if (held === undefined || held.loosened !== undefined || held.grants.size > 0) continue;
      if (held.unrecorded > 0 || this.#held.get(id) !== each) continue;
      this.#held.delete(id);
      this.#now.delete(id);
      return;
    }
  }

  #apply(
    held: Held,
    mode: PolicyMode,
    version: number,
    by: string | undefined,
    deadline: Deadline | undefined,
  ): void {
    held.loosened?.deadline.cancel();
    held.mode = mode;
    held.version = version;
    held.by = by;
    held.loosened = deadline === undefined ? undefined : { until: deadline.at, deadline };
    deadline?.onPast(() => void this.#loosenedEnds(held).catch(this.#log));
  }

  async #loosenedEnds(held: Held): Promise<void> {
    const version = held.version + 1;
    this.#apply(held, held.configured, version, undefined, undefined);
    try {
      const body = { kind: 'policy_changed' as const, mode: held.configured, version, by: SERVER.name };
      await this.#append(held.session, SERVER, body);
    } finally {
      await this.#tightened(held);
    }
  }

  async #tightened(held: Held): Promise<void> {
    if (modeOf(held) === 'observe')
      for (const id of held.grants.keys())
        await this.#endGrant(held, id, 'tightened', SERVER).catch(this.#log);
    this.onTightened(held.session.id);
  }

  /** It has ended whether or not that can be recorded. */
  async #endGrant(held: Held, id: string, why: 'ended' | 'expired' | 'tightened', by: Actor): Promise<void> {
    held.grants.get(id)?.deadline.cancel();
    if (held.grants.delete(id))
      await this.#append(held.session, by, { kind: 'grant_ended', grant_id: id, why });
  }

  #append(session: SessionOf, actor: Actor, body: PolicyEvent): Promise<unknown> {
    return this.#parts.journal.append([{ ...body, actor, session_id: session.id, target: session.target }]);
  }
}

type PolicyEvent =
  | Omit<Extract<JournalEvent, { kind: 'policy_changed' }>, keyof Stamp>
  | Omit<Extract<JournalEvent, { kind: 'grant_started' }>, keyof Stamp>
  | Omit<Extract<JournalEvent, { kind: 'grant_ended' }>, keyof Stamp>;
type Stamp = Pick<
  JournalEvent,
  'id' | 'at' | 'v' | 'actor' | 'target' | 'session_id' | 'turn_id' | 'operation_id'
>;

/** A deadline that is past counts even if its timer has not been called yet. */
const modeOf = (held: Held): PolicyMode =>
  held.loosened?.deadline.isPast === true ? held.configured : held.mode;

const grantsOf = (held: Held): readonly Grant[] =>
  [...held.grants.values()].flatMap(({ grant, deadline }) => (deadline.isPast ? [] : [grant]));

function view(held: Held): SessionPolicy {
  const mode = modeOf(held);
  const { configured, version, by, loosened } = held;
  return {
    mode,
    configured,
    version,
    ...(by === undefined || mode === configured ? {} : { by }),
    ...(loosened === undefined || mode === configured ? {} : { loosened_until: loosened.until }),
    grants: grantsOf(held),
  };
}
