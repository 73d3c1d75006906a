// What the agent may do in the open session of one target without asking: its mode, and the grants that run.
import type { Grant, PolicyMode, SessionPolicy } from '../../../protocol/approvals.ts';
import type { WireEvent } from '../../../protocol/events.ts';
import { endGrant, fetchPolicy, setPolicy } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { serverClock } from './server-clock.svelte.ts';

/** The stream tells of each change. This finds what it could not tell while it was away. */
const POLL_MS = 15_000;

interface PolicyPorts {
  readonly session: () => string | null;
  readonly notice: (text: string) => void;
  readonly signedOut: () => void;
}

export class PolicyStore {
  readonly #ports: PolicyPorts;
  #read = $state.raw<{ readonly session: string; readonly policy: SessionPolicy } | null>(null);
  #busy = $state(false);
  /** Requests are numbered as they leave: their answers may overtake each other. */
  #asked = 0;
  #answered = 0;
  #ending = $state.raw<ReadonlySet<string>>(new Set());

  constructor(ports: PolicyPorts) {
    this.#ports = ports;
  }

  /** Null: not known yet. */
  get current(): SessionPolicy | null {
    return this.#read !== null && this.#read.session === this.#ports.session() ? this.#read.policy : null;
  }
  /** A loosened mode that is past its end has ended, whether or not the console has said so yet. */
  get mode(): PolicyMode | null {
    const policy = this.current;
    if (policy === null) return null;
    return this.#isPast(policy.loosened_until) ? policy.configured : policy.mode;
  }
  /** When a loosened mode ends; null: the mode is not loosened. */
  get loosenedUntil(): string | null {
    const until = this.current?.loosened_until;
    return until === undefined || this.#isPast(until) ? null : until;
  }
  /** The grant that runs longest, or that somebody has just ended; null: none. */
  get grant(): Grant | null {
    const running = this.current?.grants.filter(({ expires_at }) => !this.#isPast(expires_at)) ?? [];
    return running.toSorted((a, b) => b.expires_at.localeCompare(a.expires_at))[0] ?? null;
  }
  get busy(): boolean {
    return this.#busy;
  }
  isEnding({ grant_id }: Grant): boolean {
    return this.#ending.has(grant_id);
  }

  /** Asks while the page is visible. Returns what stops it. */
  watch(): () => void {
    const poll = () => {
      if (document.visibilityState === 'visible') void this.refresh();
    };
    const timer = setInterval(poll, POLL_MS);
    document.addEventListener('visibilitychange', poll);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', poll);
    };
  }

  heard(event: WireEvent, live: boolean): void {
    if (!live) return;
    if (event.kind === 'policy_changed' || event.kind === 'grant_started' || event.kind === 'grant_ended')
      void this.refresh();
  }

  async refresh(): Promise<void> {
    const session = this.#ports.session();
    if (session === null) return;
    try {
      const answer = fetchPolicy(session, (serverMs) => serverClock.note(serverMs));
      await this.#take(session, answer);
    } catch (error) {
      // What was known stays: it ends by the clock.
      if (asApiError(error).status === 401) this.#ports.signedOut();
    }
  }

  /** Resolves with why it does not hold; empty where it does. */
  async set(mode: PolicyMode): Promise<string> {
    const session = this.#ports.session();
    if (session === null) return 'There is no session to change.';
    if (this.#busy) return '';
    this.#busy = true;
    try {
      await this.#take(session, setPolicy(session, mode));
      return '';
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      void this.refresh();
      return status === 0
        ? 'The console did not answer: it is not known whether the policy has changed. Try again.'
        : message;
    } finally {
      this.#busy = false;
    }
  }

  /** Ends every grant of the session. */
  async endGrants(): Promise<void> {
    const session = this.#ports.session();
    const grants = this.current?.grants ?? [];
    if (session === null) return;
    this.#ending = new Set(grants.map(({ grant_id }) => grant_id));
    const ends = grants.map(({ grant_id }) => endGrant(session, grant_id).catch(asApiError));
    const failure = (await Promise.all(ends)).find((error) => error !== undefined && error.status !== 404);
    this.#ending = new Set();
    if (failure?.status === 401) this.#ports.signedOut();
    else if (failure !== undefined)
      this.#ports.notice(`The grant may still run: ${failure.message} Try again.`);
    await this.refresh();
  }

  /** A lower version is older only where it was asked for earlier: a console that could not record a change has one after its next start. */
  async #take(session: string, answer: Promise<SessionPolicy>): Promise<void> {
    const request = ++this.#asked;
    const policy = await answer;
    const known = this.#read;
    if (known?.session === session && known.policy.version > policy.version && request < this.#answered)
      return;
    this.#answered = Math.max(this.#answered, request);
    this.#read = { session, policy };
  }

  #isPast(instant: string | undefined): boolean {
    return instant !== undefined && Date.parse(instant) <= serverClock.nowMs;
  }
}
