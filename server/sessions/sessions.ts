// Conversations and their turns. The server owns a session; clients attach to it. A turn runs detached from any client.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type {
  EphemeralEvent,
  JournalEvent,
  JournaledBody,
  JournaledKind,
  NewEvent,
} from '../../protocol/events.ts';
import { newSessionId, newTurnId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { SessionsPage, SessionTitle } from '../../protocol/sessions.ts';
import type { AgentDriver, LiveAgent } from '../agent/port.ts';
import { closeCalls } from '../approvals/after-restart.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import { listSessions, renameSession, type SessionsWanted } from './session-list.ts';
import { Slots } from './slots.ts';
import { JOURNAL_RETRY_MS, Turn } from './turn.ts';

const CALL_KINDS: readonly JournaledKind[] = [
  'tool',
  'tool_result',
  'approval_requested',
  'approval_resolved',
];
/** Prompts waiting behind a running turn of one session. */
const QUEUE_LIMIT = 20;

export interface SessionsDeps {
  readonly journal: Journal;
  readonly agent: AgentDriver;
  /** Whether it is configured. A session whose target is gone can be read but not continued. */
  readonly isTarget: (name: TargetName) => boolean;
  readonly maxConcurrentTurns: number;
  readonly turnTimeoutMs: number;
  readonly logger: Logger;
}

/** A session and the target that it is about, as `targetOf` says. */
export interface SessionRef {
  readonly id: SessionId;
  readonly target: TargetName;
}

export interface Prompt {
  readonly text: string;
  readonly model?: string | undefined;
  readonly by: Actor;
  /** Whether to wait behind a running turn instead of being refused. */
  readonly queue?: boolean | undefined;
}

type Accepted =
  | { readonly status: 'started'; readonly turn: Turn }
  | { readonly status: 'queued'; readonly queueId: string };

interface Queued {
  readonly id: string;
  readonly prompt: Prompt;
}

interface Live {
  readonly target: TargetName;
  turn: Turn | undefined;
  readonly queue: Queued[];
  readonly viewers: Set<{ readonly listener: (event: EphemeralEvent) => void }>;
  agent: LiveAgent | undefined;
}

export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #slots: Slots;
  readonly #live = new Map<SessionId, Live>();
  readonly #running = new Set<Promise<void>>();
  #closing = false;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.maxConcurrentTurns);
  }

  async open(by: Actor, target: TargetName, id: SessionId = newSessionId()): Promise<SessionId> {
    await this.#deps.journal.append([{ kind: 'session_opened', actor: by, target, session_id: id }]);
    return id;
  }

  list(
    wanted: SessionsWanted,
    questions: readonly { readonly session_id: SessionId }[],
  ): Promise<SessionsPage> {
    return listSessions(this.#deps.journal, wanted, questions);
  }

  rename(session: SessionRef, title: string, by: Actor): Promise<SessionTitle> {
    return renameSession(this.#deps.journal, session, title, by);
  }

  /** The target of a session; undefined when there is no such session. */
  targetOf(id: SessionId): Promise<TargetName | undefined> {
    return this.#deps.journal.targetOf(id);
  }

  isRunning(id: SessionId): boolean {
    return this.#live.get(id)?.turn !== undefined;
  }

  /** Resolves when the prompt is in the journal. The turn goes on by itself. `target` must be that of the session. */
  async prompt({ id, target }: SessionRef, prompt: Prompt): Promise<Accepted> {
    if (this.#closing)
      throw new BreakglassError('shutting-down', 'The server is shutting down. Try again in a moment.');
    if (!this.#deps.isTarget(target))
      throw new BreakglassError(
        'unknown-target',
        `This session is about ${target}, which is no target of this console any more. Open a new session.`,
      );
    const live = this.#get(id, target);
    if (live.turn === undefined) return { status: 'started', turn: await this.#begin(id, live, prompt) };
    if (prompt.queue !== true)
      throw new BreakglassError(
        'turn-running',
        'A turn is already running in this session. Wait for it, stop it, or queue the prompt.',
      );
    if (live.queue.length >= QUEUE_LIMIT)
      throw new BreakglassError(
        'queue-full',
        `${QUEUE_LIMIT} prompts are waiting already. Wait for some of them to run.`,
      );
    const queueId = crypto.randomUUID();
    const entry = { id: queueId, prompt };
    live.queue.push(entry);
    try {
      await this.#append(id, live, prompt.by, [{ kind: 'queued', text: prompt.text, queue_id: queueId }]);
    } catch (error) {
      const index = live.queue.indexOf(entry);
      if (index >= 0) live.queue.splice(index, 1);
      throw error;
    }
    // The turn may have ended while this was being written.
    void this.#next(id, live);
    return { status: 'queued', queueId };
  }

  /** Stops the running turn and forgets what is queued. False when nothing runs and nothing waits. */
  async cancel(id: SessionId, by: Actor): Promise<boolean> {
    const live = this.#live.get(id);
    if (live === undefined) return false;
    const dropped = live.queue.splice(0);
    const stopped = live.turn?.end({ type: 'stop', by: by.name }) ?? false;
    await this.#unqueue(id, live, { by, reason: 'removed', dropped });
    this.#forget(id, live);
    return stopped || dropped.length > 0;
  }

  /**
   * A client attaches. It gets what is being written now, and from then on all ephemeral events. The agent of the session is started,
   * so that it is ready for the first prompt; but not for a guest, who sends none.
   */
  attach(
    { id, target }: SessionRef,
    listener: (event: EphemeralEvent) => void,
    as: 'member' | 'guest' = 'member',
  ): { readonly snapshot: readonly EphemeralEvent[]; detach: () => void } {
    const live = this.#get(id, target);
    // Each attachment has an object of its own: the same listener may attach twice, and then each detaches once.
    const viewer = { listener };
    live.viewers.add(viewer);
    if (as === 'member') this.#warm(id, live);
    return {
      snapshot: live.turn?.partial.snapshot() ?? [],
      detach: () => {
        if (live.viewers.delete(viewer)) this.#forget(id, live);
      },
    };
  }

  /** Shows an ephemeral event to all who are attached to the sessions for which `which` says so. -> to how many */
  show(
    which: (id: SessionId, target: TargetName) => boolean,
    event: (id: SessionId) => EphemeralEvent,
  ): number {
    let shown = 0;
    for (const [id, live] of this.#live) {
      if (live.viewers.size === 0 || !which(id, live.target)) continue;
      shown += live.viewers.size;
      this.#publish(live, event(id));
    }
    return shown;
  }

  /** Sessions with a viewer, a turn or a queue: what is kept in memory. */
  get entries(): number {
    return this.#live.size;
  }

  /** Turns that are under way, prompts that wait behind them, and sessions that somebody is attached to. */
  counts(): { readonly turns: number; readonly queued: number; readonly watched: number } {
    const all = [...this.#live.values()];
    return {
      turns: all.filter(({ turn }) => turn !== undefined).length,
      queued: all.reduce((sum, { queue }) => sum + queue.length, 0),
      watched: all.filter(({ viewers }) => viewers.size > 0).length,
    };
  }

  viewers(id: SessionId): number {
    return this.#live.get(id)?.viewers.size ?? 0;
  }

  /** Called at the start, before anybody is let in: closes what a dead server left open, each turn exactly once. */
  async recover(): Promise<void> {
    const { turns, queued } = await this.#deps.journal.open();
    const close: NewEvent[] = [];
    for (const { id, session_id, turn_id, target } of turns) {
      if (session_id === undefined || turn_id === undefined) continue;
      const scope = { actor: SERVER, session_id, turn_id, ...(target === undefined ? {} : { target }) };
      const calls: JournalEvent[] = [];
      const filter = { session: session_id, kinds: CALL_KINDS };
      for await (const event of readAll(this.#deps.journal, filter, id))
        if (event.turn_id === turn_id) calls.push(event);
      close.push(...closeCalls(calls));
      close.push({
        kind: 'interrupted',
        reason: 'The server stopped during this turn and has been started again.',
        ...scope,
      });
      close.push({ kind: 'turn_end', ...scope });
    }
    for (const event of queued) {
      if (event.kind !== 'queued' || event.session_id === undefined) continue;
      close.push({
        kind: 'unqueued',
        queue_id: event.queue_id,
        reason: 'lost',
        actor: SERVER,
        session_id: event.session_id,
      });
    }
    if (close.length > 0) await this.#deps.journal.append(close);
  }

  /** Ends every turn, and waits until each has recorded its end. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const live of this.#live.values()) {
      live.queue.length = 0;
      live.turn?.end({ type: 'shutdown' });
    }
    await Promise.all(this.#running);
  }

  async #begin(
    id: SessionId,
    live: Live,
    prompt: Prompt,
    before: readonly JournaledBody[] = [],
  ): Promise<Turn> {
    const turn = new Turn(newTurnId(), id, live.target, {
      journal: this.#deps.journal,
      slots: this.#slots,
      turnTimeoutMs: this.#deps.turnTimeoutMs,
      publish: (event) => this.#publish(live, event),
      logger: this.#deps.logger,
    });
    live.turn = turn; // Before the first await, so that a second prompt in the same moment is refused.
    try {
      await this.#append(
        id,
        live,
        prompt.by,
        [...before, { kind: 'user', text: prompt.text }, { kind: 'session', session_id: id }],
        turn,
      );
    } catch (error) {
      live.turn = undefined;
      this.#forget(id, live);
      throw error;
    }
    const run = this.#run(id, live, turn, prompt);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
    return turn;
  }

  async #run(id: SessionId, live: Live, turn: Turn, prompt: Prompt): Promise<void> {
    live.agent ??= this.#deps.agent.open(id, live.target);
    const wasRecorded = await turn.run(live.agent, { text: prompt.text, model: prompt.model });
    live.turn = undefined;
    if (wasRecorded) await this.#next(id, live);
    else await this.#lose(id, live);
    this.#forget(id, live);
  }

  /** Starts the prompt that has waited longest, if nothing runs. */
  async #next(id: SessionId, live: Live): Promise<void> {
    if (live.turn !== undefined || this.#closing) return;
    const entry = live.queue.shift();
    if (entry === undefined) return;
    try {
      await this.#begin(id, live, entry.prompt, [
        { kind: 'unqueued', queue_id: entry.id, reason: 'started' },
      ]);
    } catch (error) {
      this.#deps.logger.error({ err: error, session: id }, 'a queued prompt could not be started');
      await this.#lose(id, live, entry);
      this.#forget(id, live);
    }
  }

  /** While the journal refuses, hours may pass, and what waited was typed for a situation that may be gone. Its text is given back. */
  #lose(id: SessionId, live: Live, ...first: readonly Queued[]): Promise<void> {
    const dropped = [...first, ...live.queue.splice(0)];
    return this.#unqueue(id, live, { by: SERVER, reason: 'lost', dropped });
  }

  /** Records that these will not run. They are out of the queue already, which counts even while it cannot be recorded. */
  async #unqueue(
    id: SessionId,
    live: Live,
    what: { by: Actor; reason: 'removed' | 'lost'; dropped: readonly Queued[] },
  ): Promise<void> {
    if (what.dropped.length === 0) return;
    const bodies = what.dropped.map(
      (entry) => ({ kind: 'unqueued', queue_id: entry.id, reason: what.reason }) as const,
    );
    try {
      await this.#append(id, live, what.by, bodies);
    } catch (error) {
      this.#deps.logger.error({ err: error, session: id }, 'the end of queued prompts could not be recorded');
      if (this.#closing) return; // The next start closes them as lost.
      setTimeout(() => void this.#unqueue(id, live, what), JOURNAL_RETRY_MS).unref();
    }
  }

  #warm(id: SessionId, live: Live): void {
    if (this.#closing || this.#deps.agent.unavailable() !== undefined) return;
    if (this.#deps.isTarget(live.target)) live.agent ??= this.#deps.agent.open(id, live.target);
  }

  #get(id: SessionId, target: TargetName): Live {
    let live = this.#live.get(id);
    if (live === undefined) {
      live = { target, turn: undefined, queue: [], viewers: new Set(), agent: undefined };
      this.#live.set(id, live);
    }
    return live;
  }

  /** Forgets an entry when nobody is attached and nothing runs, and releases its agent. Another entry of the same session stays. */
  #forget(id: SessionId, live: Live): void {
    if (live.viewers.size > 0 || live.turn !== undefined || live.queue.length > 0) return;
    if (this.#live.get(id) !== live) return;
    this.#live.delete(id);
    live.agent?.release();
  }

  #publish(live: Live, event: EphemeralEvent): void {
    for (const { listener } of live.viewers) listener(event);
  }

  #append(
    id: SessionId,
    { target }: Live,
    actor: Actor,
    bodies: readonly JournaledBody[],
    turn?: Turn,
  ): Promise<unknown> {
    const scope = {
      actor,
      target,
      session_id: id,
      ...(turn === undefined ? {} : { turn_id: turn.id }),
    };
    return this.#deps.journal.append(bodies.map((body) => ({ ...body, ...scope })));
  }
}
