// One turn, from its first event to its only `turn_end`. The agent tells it what happens; each step is on disk before the agent
// goes on. The first cause of the end wins: stop, limit, shutdown, or the agent's own end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { AGENT, SERVER } from '../../protocol/actors.ts';
import type { EphemeralEvent, JournaledBody } from '../../protocol/events.ts';
import type { SessionId, TargetName, TurnId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { type AgentPrompt, type LiveAgent, type LiveText, NotRecorded, type TurnLog } from '../agent/port.ts';
import type { Journal } from '../journal/port.ts';
import { Partial } from './partial.ts';
import { RunningLimit } from './running-limit.ts';
import { RunningText } from './running-text.ts';
import type { Slots } from './slots.ts';

/** After Stop the agent has this long to end by itself (its own promise is 2 s for the whole); then the turn ends without it. */
const STOP_GRACE_MS = 1_900;
/** Between attempts to record what must be recorded, such as the end of a turn, while the journal refuses. */
export const JOURNAL_RETRY_MS = 1_000;

export interface TurnDeps {
  readonly journal: Journal;
  readonly slots: Slots;
  readonly turnTimeoutMs: number;
  readonly publish: (event: EphemeralEvent) => void;
  readonly logger: Logger;
  /** Default 1.9 s. */
  readonly stopGraceMs?: number;
}

type Cause =
  | { readonly type: 'stop'; readonly by: string }
  | { readonly type: 'limit' }
  | { readonly type: 'shutdown' };

export class Turn implements TurnLog {
  readonly id: TurnId;
  readonly partial: Partial;
  readonly #session: SessionId;
  readonly #target: TargetName;
  readonly #deps: TurnDeps;
  readonly #stop = new AbortController();
  readonly #closing = new AbortController();
  #cause: Cause | undefined;
  /** Why something could not be recorded. From then on nothing is. */
  #unrecorded: NotRecorded | undefined;
  #over = false;
  readonly #text: RunningText;
  #limit: RunningLimit | undefined;
  #giveBack: (() => void) | undefined;
  /** How many of its calls wait for a person. */
  #paused = 0;
  /** Its questions whose end is not recorded and not on its way to the disk. */
  readonly #questions = new Set<string>();

  constructor(id: TurnId, session: SessionId, target: TargetName, deps: TurnDeps) {
    this.id = id;
    this.#session = session;
    this.#target = target;
    this.#deps = deps;
    this.partial = new Partial(session, id);
    this.#text = new RunningText((text, snapshot) => deps.publish(this.partial.delta(text, snapshot)));
  }

  /** The first cause wins; false when the turn was being ended already. */
  end(cause: Cause): boolean {
    // A server that is shutting down must not wait for a journal that refuses.
    if (cause.type === 'shutdown') this.#closing.abort();
    if (this.#cause !== undefined) return false;
    this.#cause = cause;
    this.#stop.abort();
    return true;
  }

  /**
   * Runs to the end and never rejects. The `user` event is in the journal already.
   * -> whether all of it could be recorded at once: else any time may have passed until its end was.
   */
  async run(agent: LiveAgent, prompt: AgentPrompt): Promise<boolean> {
    this.#limit = new RunningLimit(this.#deps.turnTimeoutMs, () => this.end({ type: 'limit' }));
    let failure: Error | undefined;
    try {
      if (this.#deps.slots.full)
        await this.record(
          { kind: 'note', text: 'Waiting: other turns are running. This one starts when a slot is free.' },
          SERVER,
        );
      this.#giveBack = await this.#deps.slots.take(this.#stop.signal);
      if (this.#giveBack !== undefined) await this.#drive(agent, prompt);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#limit.stop();
    this.#over = true;
    this.#giveBack?.();
    this.#text.end();
    failure = this.#unrecorded ?? failure;
    if (failure === undefined) return this.#close(undefined);
    this.#deps.logger.error({ err: failure, session: this.#session, turn: this.id }, 'turn failed');
    this.#stop.abort();
    this.#closeAgent(agent);
    const closedAtOnce = await this.#close(failure.message);
    return closedAtOnce && this.#unrecorded === undefined;
  }

  /** Resolves when the agent is through, or when it has had its time after a stop. */
  async #drive(agent: LiveAgent, prompt: AgentPrompt): Promise<void> {
    const { signal } = this.#stop;
    const overdue = Promise.withResolvers<'overdue'>();
    let grace: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      grace = setTimeout(() => overdue.resolve('overdue'), this.#deps.stopGraceMs ?? STOP_GRACE_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const how = await Promise.race([agent.run(prompt, this, signal), overdue.promise]);
      if (how !== 'overdue') return;
    } finally {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(grace);
    }
    this.#deps.logger.warn(
      { session: this.#session },
      'the agent did not end in time after a stop; its process is closed',
    );
    this.#closeAgent(agent);
  }

  /** Not waited for: it may hang, and the turn has to end. The agent's next prompt waits for it. */
  #closeAgent(agent: LiveAgent): void {
    agent
      .close()
      .catch((error: unknown) => this.#deps.logger.error({ err: error }, 'closing the agent failed'));
  }

  pause(): () => void {
    if (this.#paused++ === 0) {
      this.#limit?.stop();
      this.#giveBack?.();
    }
    let resumed = false;
    return () => {
      if (resumed) return;
      resumed = true;
      if (--this.#paused > 0 || this.#over) return;
      this.#giveBack = this.#deps.slots.takeAtOnce();
      this.#limit?.goOn();
    };
  }

  async record(body: JournaledBody, by: Actor = AGENT): Promise<void> {
    if (this.#over) throw new NotRecorded('The turn is over.');
    if (this.#unrecorded !== undefined) throw this.#unrecorded;
    const shown = body.kind === 'text' ? this.#text.supersede() : undefined;
    if (body.kind === 'approval_requested') this.#questions.add(body.approval_id);
    if (body.kind === 'approval_resolved') this.#questions.delete(body.approval_id);
    try {
      await this.#append([body], by);
    } catch (error) {
      if (body.kind === 'approval_requested') this.#questions.delete(body.approval_id);
      if (body.kind === 'approval_resolved') this.#questions.add(body.approval_id);
      const why = error instanceof Error ? error.message : String(error);
      this.#unrecorded ??= new NotRecorded(why, { cause: error });
      this.#stop.abort(this.#unrecorded);
      throw this.#unrecorded;
    }
    this.partial.finished(body);
    shown?.();
  }

  show(live: LiveText): void {
    if (this.#over) return;
    if (live.type === 'delta') this.#text.add(live.text, live.snapshot === true);
    else this.#deps.publish(this.partial.output(live.toolCallId, live.stream, live.text));
  }

  /** Without the turn's id: `turn_end` stays the last event of the turn. */
  async recordLater(body: JournaledBody): Promise<void> {
    const scope = { actor: SERVER, target: this.#target, session_id: this.#session };
    await this.#deps.journal
      .append([{ ...body, ...scope }])
      .catch((error: unknown) => this.#deps.logger.error({ err: error }, 'a late event was not recorded'));
  }

  /**
   * The one place where a turn ends. Goes on trying while the journal refuses: a turn without an end must not exist.
   * -> whether the first attempt succeeded
   */
  async #close(trouble: string | undefined): Promise<boolean> {
    const last: JournaledBody[] = [...this.#explain(trouble), { kind: 'turn_end' }];
    for (let told = false; ; told = true) {
      try {
        // Looked at in each attempt: what is on its way to the disk may still fail.
        if (this.#questions.size > 0) await this.#append([...this.#questions].map(deniedWithTurn), SERVER);
        this.#questions.clear();
        await this.#append(
          last,
          this.#cause?.type === 'stop' ? { type: 'operator', name: this.#cause.by } : SERVER,
        );
        return !told;
      } catch (error) {
        if (this.#closing.signal.aborted) return false; // The next start closes it as interrupted.
        if (!told) this.#tell(trouble ?? (error instanceof Error ? error.message : String(error)));
        this.#deps.logger.error(
          { err: error, turn: this.id },
          'the end of the turn could not be recorded; trying again',
        );
        await sleep(JOURNAL_RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  /** To whoever is attached, since it cannot be recorded. */
  #tell(error: string): void {
    this.#deps.publish({ kind: 'error', session_id: this.#session, turn_id: this.id, error });
  }

  #explain(trouble: string | undefined): JournaledBody[] {
    if (trouble !== undefined) return [{ kind: 'error', error: trouble }];
    switch (this.#cause?.type) {
      case undefined:
        return [];
      case 'stop':
        return [{ kind: 'cancelled', by: this.#cause.by }];
      case 'limit': {
        const seconds = this.#deps.turnTimeoutMs / 1_000;
        const limit = seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
        return [
          {
            kind: 'error',
            code: 'turn-limit',
            error: `The turn was stopped at its limit of ${limit}. Ask again to go on.`,
          },
        ];
      }
      case 'shutdown':
        return [{ kind: 'interrupted', reason: 'The server was shut down during this turn.' }];
    }
  }

  #append(bodies: readonly JournaledBody[], actor: Actor): Promise<unknown> {
    const scope = { actor, target: this.#target, session_id: this.#session, turn_id: this.id };
    return this.#deps.journal.append(bodies.map((body) => ({ ...body, ...scope })));
  }
}

/** Else every page would go on asking it, and nobody could answer. */
const deniedWithTurn = (approval_id: string): JournaledBody => ({
  kind: 'approval_resolved',
  approval_id,
  answer: 'denied',
  by: SERVER.name,
  reason: 'The turn ended while this waited. It was not run.',
});
