// One turn, from its first event to its only `turn_end`. What the agent reports is appended before the next thing is asked
// of it, so nothing runs that was not recorded. First cause of the end wins: stop, limit, shutdown, or the agent's own end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { EphemeralEvent, JournaledBody } from '../../protocol/events.ts';
import type { SessionId, TargetName, TurnId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { AgentEvent, LiveAgent } from '../agent/port.ts';
import type { Journal } from '../journal/port.ts';
import { Partial } from './partial.ts';
import type { Slots } from './slots.ts';

/** Who says what no person and no agent said. */
export const SERVER: Actor = { type: 'server', name: 'breakglass' };
const AGENT: Actor = { type: 'agent', name: 'claude' };

/** After Stop the agent has this long to end by itself (its own promise is 2 s for the whole); then it is closed. */
const STOP_GRACE_MS = 1_900;
/** Between attempts to record the end of a turn while the journal refuses. */
const JOURNAL_RETRY_MS = 1_000;

export interface TurnDeps {
  readonly journal: Journal;
  readonly slots: Slots;
  readonly turnTimeoutMs: number;
  readonly publish: (event: EphemeralEvent) => void;
  readonly logger: Logger;
}

type Cause =
  | { readonly type: 'stop'; readonly by: string }
  | { readonly type: 'limit' }
  | { readonly type: 'shutdown' };

export class Turn {
  readonly id: TurnId;
  readonly partial: Partial;
  readonly #session: SessionId;
  readonly #target: TargetName;
  readonly #deps: TurnDeps;
  readonly #stop = new AbortController();
  readonly #closing = new AbortController();
  #cause: Cause | undefined;

  constructor(id: TurnId, session: SessionId, target: TargetName, deps: TurnDeps) {
    this.id = id;
    this.#session = session;
    this.#target = target;
    this.#deps = deps;
    this.partial = new Partial(session, id);
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

  /** Runs to the end and never rejects. The `user` event is in the journal already. */
  async run(agent: LiveAgent, prompt: string, by: Actor, model: string | undefined): Promise<void> {
    const limit = setTimeout(() => this.end({ type: 'limit' }), this.#deps.turnTimeoutMs);
    let giveBack: (() => void) | undefined;
    let trouble: string | undefined;
    try {
      if (this.#deps.slots.full)
        await this.#append(
          [{ kind: 'note', text: 'Waiting: other turns are running. This one starts when a slot is free.' }],
          SERVER,
        );
      giveBack = await this.#deps.slots.take(this.#stop.signal);
      if (giveBack !== undefined) await this.#drive(agent, prompt, by, model);
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
      this.#deps.logger.error({ err: error, session: this.#session, turn: this.id }, 'turn failed');
      await this.#abandon(agent);
    } finally {
      clearTimeout(limit);
      giveBack?.();
    }
    await this.#close(trouble);
  }

  async #drive(agent: LiveAgent, prompt: string, by: Actor, model: string | undefined): Promise<void> {
    const context = { turnId: this.id, by: by.name, model, signal: this.#stop.signal };
    const events = agent.turn(prompt, context)[Symbol.asyncIterator]();
    const overdue = new Promise<'overdue'>((resolve) => {
      this.#stop.signal.addEventListener(
        'abort',
        () => void sleep(STOP_GRACE_MS).then(() => resolve('overdue')),
        { once: true },
      );
    });
    try {
      for (;;) {
        const next = await Promise.race([events.next(), overdue]);
        if (next === 'overdue') {
          this.#deps.logger.warn(
            { session: this.#session },
            'the agent did not end in time after a stop; its process is closed',
          );
          await agent.close();
          return;
        }
        if (next.done === true) return;
        await this.#take(next.value);
      }
    } catch (error) {
      // Recording failed (or the agent broke its promise and threw): nothing more may run.
      void events.return?.();
      throw error;
    }
  }

  async #take(event: AgentEvent): Promise<void> {
    switch (event.type) {
      case 'delta':
        return this.#deps.publish(this.partial.delta(event.text, event.snapshot === true));
      case 'output':
        return this.#deps.publish(this.partial.output(event.toolCallId, event.stream, event.text));
      case 'event':
        // Sessions say `session` themselves, once a turn.
        if (event.body.kind === 'session') return;
        await this.#append([event.body], AGENT);
        this.partial.finished(event.body);
    }
  }

  async #abandon(agent: LiveAgent): Promise<void> {
    this.#stop.abort();
    await agent
      .close()
      .catch((reason: unknown) => this.#deps.logger.error({ err: reason }, 'closing the agent failed'));
  }

  /** The one place where a turn ends. Goes on trying while the journal refuses: a turn without an end must not exist. */
  async #close(trouble: string | undefined): Promise<void> {
    const last: JournaledBody[] = [...this.#explain(trouble), { kind: 'turn_end' }];
    for (let told = false; ; told = true) {
      try {
        await this.#append(
          last,
          this.#cause?.type === 'stop' ? { type: 'operator', name: this.#cause.by } : SERVER,
        );
        return;
      } catch (error) {
        if (this.#closing.signal.aborted) return; // The next start closes it as interrupted.
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
