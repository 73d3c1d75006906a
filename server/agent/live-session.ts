// One session's agent: its live process (warm, parked or resumed), and one turn at a time on it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import type { SessionId } from '../../protocol/ids.ts';
import { ClaudeProcess, type ProcessEnd } from './claude-process.ts';
import { isModelName } from './definition.ts';
import type { AgentEvent, LiveAgent, TurnContext } from './port.ts';
import type { SessionBounds } from './session-bounds.ts';
import type { ShowContext } from './show-tool.ts';
import { switchModel } from './switch-model.ts';
import { findTranscript, setAside } from './transcripts.ts';
import { event, freshTurn } from './translate.ts';
import { explainDeath, explainSilence, type ModelEndpoint, type ModelTrouble } from './trouble.ts';
import { LiveTurn } from './turn.ts';
import { TurnFeed } from './turn-feed.ts';

export interface SessionParts {
  readonly id: SessionId;
  readonly logger: Logger;
  readonly bounds: SessionBounds;
  readonly model: string;
  readonly configDir: string;
  readonly show: ShowContext;
  readonly endpoint: ModelEndpoint;
  readonly unavailable: () => string | undefined;
  /** Called before a process is started: parks others where there are too many. */
  readonly makeRoom: () => void;
  readonly options: (resume: boolean, model: string, turn: () => LiveTurn | undefined) => Options;
}

/** Why a turn ended; the first cause wins. `refused`: the prompt was not handed over. */
type Cause = 'model' | 'stopped' | 'silent' | 'abandoned' | 'refused' | ProcessEnd;

export class LiveSession implements LiveAgent {
  readonly #parts: SessionParts;
  #process: ClaudeProcess | undefined;
  #model: string;
  #turn: LiveTurn | undefined;
  #ending: Promise<void> | undefined;
  #closeTurn: (() => void) | undefined;
  #park: NodeJS.Timeout | undefined;
  /** Its process is being closed: the next may only start after it, on the same transcript. */
  #parking: Promise<void> | undefined;
  #lostContext = false;
  #cost: number | undefined;
  lastUsed = performance.now();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#model = parts.model;
  }

  get isLive(): boolean {
    return this.#process !== undefined && !this.#process.isOver;
  }
  get isBusy(): boolean {
    return this.#ending !== undefined;
  }
  /** For tests and metrics. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process ahead of the first prompt. */
  warm(): void {
    this.lastUsed = performance.now();
    if (this.#parts.unavailable() !== undefined) return;
    if (this.#parking === undefined) this.#start();
    else void this.#parking.then(() => this.warm());
    this.#parkLater();
  }

  #start(): ClaudeProcess {
    if (this.#process !== undefined && !this.#process.isOver) return this.#process;
    this.#parts.makeRoom();
    const { id, logger } = this.#parts;
    const transcript = findTranscript(this.#parts.configDir, id);
    this.#model = this.#parts.model;
    if (transcript === undefined) this.#cost = 0;
    const started = new ClaudeProcess(
      this.#parts.options(transcript !== undefined, this.#model, () => this.#turn),
      logger,
    );
    this.#process = started;
    void started.ended.then(({ how, resumeFailed }) => {
      logger.info({ session: id, how }, 'agent process ended');
      if (this.#process === started) this.#process = undefined;
      if (!resumeFailed || transcript === undefined) return;
      setAside(transcript);
      this.#lostContext = true;
    });
    return started;
  }

  turn(prompt: string, context: TurnContext): AsyncIterable<AgentEvent> {
    const closed = Promise.withResolvers<'abandoned'>();
    const feed = new TurnFeed(() => closed.resolve('abandoned'));
    if (this.isBusy) {
      void feed
        .emit(event({ kind: 'error', error: 'A turn is already running in this session.' }))
        .catch(() => undefined);
      feed.end();
      return feed;
    }
    clearTimeout(this.#park);
    this.#closeTurn = () => closed.resolve('abandoned');
    this.#ending = this.#run(prompt, context, feed, closed.promise)
      .catch((error: unknown) => this.#unexpected(error, feed))
      .finally(() => {
        this.#ending = undefined;
        this.#turn = undefined;
        this.#closeTurn = undefined;
        this.lastUsed = performance.now();
        this.#parkLater();
        feed.end();
      });
    return feed;
  }

  async #unexpected(error: unknown, feed: TurnFeed): Promise<void> {
    if (feed.abandoned) return;
    this.#parts.logger.error({ err: error, session: this.#parts.id }, 'turn failed in the agent');
    await this.#report({ code: 'agent-failed', sentence: `The agent failed: ${String(error)}` }, 0, feed);
  }

  async #run(
    prompt: string,
    context: TurnContext,
    feed: TurnFeed,
    abandoned: Promise<'abandoned'>,
  ): Promise<void> {
    const began = performance.now();
    const missing = this.#parts.unavailable();
    if (missing !== undefined)
      return this.#report({ code: 'agent-unavailable', sentence: missing }, began, feed);
    const wanted = context.model ?? this.#parts.model;
    if (!isModelName(wanted))
      return this.#report(
        {
          code: 'model-unknown',
          sentence: `${JSON.stringify(wanted.slice(0, 100))} is not the name of a model.`,
        },
        began,
        feed,
      );

    const cause = await this.#attempt(prompt, wanted, context, feed, abandoned);
    if (typeof cause === 'object' && cause.resumeFailed && !context.signal.aborted) {
      // Nothing was run: the process ended before it took the prompt. Once more, without the earlier conversation.
      const again = await this.#attempt(prompt, wanted, context, feed, abandoned);
      if (typeof again === 'object') await this.#report(explainDeath(again.how), began, feed);
    } else if (typeof cause === 'object') await this.#report(explainDeath(cause.how), began, feed);
  }

  /** Runs the prompt on a live process. Everything is told, except the death of the process, which is returned. */
  async #attempt(
    prompt: string,
    model: string,
    context: TurnContext,
    feed: TurnFeed,
    abandoned: Promise<'abandoned'>,
  ): Promise<Cause> {
    const began = performance.now();
    const { bounds, show, endpoint, logger } = this.#parts;
    await this.#parking;
    const process = this.#start();
    const silence = Promise.withResolvers<'silent'>();
    const turn = new LiveTurn({
      feed,
      show,
      endpoint,
      logger,
      state: freshTurn(model, this.#cost),
      watchdog: bounds.silence,
      onSilence: () => silence.resolve('silent'),
    });
    this.#turn = turn;
    const aborted = Promise.withResolvers<'stopped'>();
    const onAbort = (): void => aborted.resolve('stopped');
    context.signal.addEventListener('abort', onAbort, { once: true });
    if (context.signal.aborted) onAbort();
    process.listener = (message) => turn.take(message);
    try {
      if (this.#lostContext) {
        this.#lostContext = false;
        await turn.record({
          kind: 'note',
          text: 'The earlier conversation could not be loaded: the agent starts without it. The transcript above is complete.',
        });
      }
      const ends = [
        turn.modelEnded.then(() => 'model' as const),
        aborted.promise,
        silence.promise,
        abandoned,
        process.ended,
      ];
      const started = await Promise.race([this.#send(process, prompt, model), ...ends]);
      if (typeof started === 'object' && 'sentence' in started) {
        await turn.finish(0);
        await this.#report(started, began, feed);
        return 'refused';
      }
      const cause = started === 'sent' ? await Promise.race(ends) : started;
      await this.#conclude(cause, process, turn, feed, began);
      return cause;
    } finally {
      context.signal.removeEventListener('abort', onAbort);
      process.listener = undefined;
    }
  }

  /** Hands the prompt over; or says why the model that it names could not be set. */
  async #send(process: ClaudeProcess, prompt: string, model: string): Promise<'sent' | ModelTrouble> {
    if (model !== this.#model) {
      // Unknown until it is done: the next turn sets it again.
      this.#model = '';
      const trouble = await switchModel(process, model, this.#parts.endpoint);
      if (trouble !== undefined) return trouble;
      this.#model = model;
    }
    process.push(prompt);
    return 'sent';
  }

  async #conclude(
    cause: Cause,
    process: ClaudeProcess,
    turn: LiveTurn,
    feed: TurnFeed,
    began: number,
  ): Promise<void> {
    const { bounds, endpoint } = this.#parts;
    if (cause === 'model') {
      this.#cost = (await turn.modelEnded).cost;
      return turn.finish(0);
    }
    const at = performance.now();
    turn.stop();
    if (cause === 'abandoned') await process.kill();
    else if (cause === 'stopped' || cause === 'silent') await this.#interrupt(process, turn);
    await turn.finish(Math.max(0, bounds.stopLimitMs - (performance.now() - at)));
    if (cause === 'silent')
      await this.#report(
        explainSilence(Math.round(bounds.silence.ms / 1_000), turn.state.trouble, endpoint),
        began,
        feed,
      );
  }

  /** The polite way first; a process that does not answer is killed, and resumed by the next prompt. */
  async #interrupt(process: ClaudeProcess, turn: LiveTurn): Promise<void> {
    const answered = turn.modelEnded.then(({ cost }) => {
      this.#cost = cost;
      return true;
    });
    void process.interrupt().catch(() => undefined);
    const overdue = sleep(this.#parts.bounds.interruptGraceMs).then(() => false);
    if (await Promise.race([answered, overdue])) return;
    this.#parts.logger.warn(
      { session: this.#parts.id },
      'the agent did not answer the interrupt; its process is killed',
    );
    await process.kill();
    this.#cost = undefined;
  }

  async #report({ code, sentence }: ModelTrouble, began: number, feed: TurnFeed): Promise<void> {
    const duration_ms = began === 0 ? 0 : Math.round(performance.now() - began);
    await feed.emit(event({ kind: 'error', error: sentence, code })).catch(() => undefined);
    await feed
      .emit(event({ kind: 'result', is_error: true, result: sentence, duration_ms }))
      .catch(() => undefined);
  }

  #parkLater(): void {
    clearTimeout(this.#park);
    this.#park = setTimeout(() => void this.park(), this.#parts.bounds.parkAfterMs);
    this.#park.unref();
  }

  /** Closes the process of a session that is not in a turn. The conversation is resumed by the next prompt. */
  async park(): Promise<void> {
    if (this.isBusy) return;
    clearTimeout(this.#park);
    const process = this.#process;
    this.#process = undefined;
    this.#cost = undefined;
    this.#parking ??= process?.close().finally(() => {
      this.#parking = undefined;
    });
    await this.#parking;
  }

  async close(): Promise<void> {
    this.#closeTurn?.();
    await this.#ending;
    await this.park();
  }
}
