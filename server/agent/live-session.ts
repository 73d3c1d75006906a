// The agent of one session: its process (warm, parked or resumed), which works on one prompt at a time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import type { SessionId } from '../../protocol/ids.ts';
import type { SessionBounds } from './bounds.ts';
import type { ClaudeProcess, ProcessEnd } from './claude-process.ts';
import { isModelName } from './definition.ts';
import { Exchange } from './exchange.ts';
import { residentMb } from './memory.ts';
import { type AgentPrompt, type LiveAgent, NotRecorded, type TurnLog } from './port.ts';
import type { GiveBack } from './seats.ts';
import type { ShowContext } from './show-tool.ts';
import { findTranscript, setAside } from './transcripts.ts';
import { freshTurn } from './translate.ts';
import { explainDeath, explainSilence, type ModelEndpoint, type ModelTrouble } from './trouble.ts';

export interface SessionParts {
  readonly id: SessionId;
  readonly logger: Logger;
  readonly bounds: SessionBounds;
  readonly model: string;
  readonly configDir: string;
  readonly show: ShowContext;
  readonly endpoint: ModelEndpoint;
  /** Whom the process belongs to; undefined: the server's own user. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly unavailable: () => string | undefined;
  /** Whether a process may be started that nobody has a prompt for yet. */
  readonly mayWarm: () => boolean;
  /** Called before a process is started. Parks other processes if there are too many. Undefined when there is no room in time. */
  readonly makeRoom: () => Promise<GiveBack | undefined>;
  /** Called after a turn, when its process holds most. */
  readonly onIdle: () => void;
  /** Called when it was released and its process is gone, so that nobody needs this object any more. */
  readonly onGone: () => void;
  readonly options: (
    resume: boolean,
    model: string,
    exchange: () => Exchange | undefined,
  ) => Promise<Options>;
}

/** There are as many processes as there may be, and none of them is idle. */
class NoRoom extends Error {}

/** Why an exchange ended. The first cause wins. `refused`: the prompt was not handed over. */
type Cause = 'model' | 'stopped' | 'silent' | 'refused' | NotRecorded | ProcessEnd;

interface Run {
  readonly prompt: AgentPrompt;
  readonly log: TurnLog;
  readonly signal: AbortSignal;
  readonly began: number;
}

export class LiveSession implements LiveAgent {
  readonly #parts: SessionParts;
  #process: ClaudeProcess | undefined;
  #starting: Promise<ClaudeProcess> | undefined;
  #model: string;
  #exchange: Exchange | undefined;
  #running: Promise<void> | undefined;
  /** `close` aborts it, which cuts off the running prompt. */
  #cut = new AbortController();
  #park: NodeJS.Timeout | undefined;
  /** The process that is being closed. The next one uses the same transcript and may only start after it. */
  #parking: Promise<void> | undefined;
  #released = false;
  #lostContext = false;
  #cost: number | undefined;
  lastUsed = performance.now();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#model = parts.model;
  }

  get isLive(): boolean {
    return this.#starting !== undefined || (this.#process !== undefined && !this.#process.isOver);
  }
  get isBusy(): boolean {
    return this.#running !== undefined;
  }
  /** For tests and metrics. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Somebody looks at the session: its process is kept for longer again, or one is started ahead of the first prompt, where there is room. */
  warm(): void {
    this.#released = false;
    this.#parkLater();
    this.lastUsed = performance.now();
    if (this.#parts.unavailable() !== undefined || !this.#parts.mayWarm()) return;
    if (this.#parking === undefined)
      this.#start().catch((error: unknown) =>
        this.#parts.logger.error({ err: error, session: this.#parts.id }, 'the agent could not be started'),
      );
    else void this.#parking.then(() => this.#released || this.warm());
  }

  release(): void {
    this.#released = true;
    this.#parkLater();
  }

  #start(): Promise<ClaudeProcess> {
    if (this.#process !== undefined && !this.#process.isOver) return Promise.resolve(this.#process);
    this.#starting ??= this.#startOne().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #startOne(): Promise<ClaudeProcess> {
    const giveBack = await this.#parts.makeRoom();
    if (giveBack === undefined) throw new NoRoom();
    try {
      const started = await this.#startSeated();
      void started.gone.then(giveBack);
      return started;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #startSeated(): Promise<ClaudeProcess> {
    const { id, logger } = this.#parts;
    const transcript = findTranscript(this.#parts.configDir, id);
    this.#model = this.#parts.model;
    if (transcript === undefined) this.#cost = 0;
    // The Agent SDK is loaded with the first agent. A console whose agent nobody uses never loads it.
    const { ClaudeProcess } = await import('./claude-process.ts');
    const options = await this.#parts.options(transcript !== undefined, this.#model, () => this.#exchange);
    const started = new ClaudeProcess(options, this.#parts.user, logger);
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

  run(prompt: AgentPrompt, log: TurnLog, signal: AbortSignal): Promise<void> {
    clearTimeout(this.#park);
    const before = this.#running;
    const cut = new AbortController();
    const run: Run = {
      prompt,
      log,
      signal: AbortSignal.any([signal, cut.signal]),
      began: performance.now(),
    };
    const running = this.#afterwards(before, run).finally(() => {
      if (this.#running !== running) return;
      this.#running = undefined;
      this.#exchange = undefined;
      this.lastUsed = performance.now();
      this.#parkLater();
      this.#parts.onIdle();
    });
    this.#running = running;
    this.#cut = cut;
    return running;
  }

  /** The process of a turn that was cut off may still live, and two processes must not write one transcript. */
  async #afterwards(before: Promise<void> | undefined, run: Run): Promise<void> {
    const { leftoverMs } = this.#parts.bounds;
    const gone = await within(leftoverMs, run.signal, before ?? Promise.resolve());
    if (run.signal.aborted) return;
    if (gone) return this.#run(run);
    await this.#report(run, {
      code: 'agent-stuck',
      sentence: `The agent's process of the previous turn has not ended within ${Math.round(leftoverMs / 1_000)} s. Ask again in a moment, or open a new session. The power buttons and triage work without it.`,
    });
  }

  async #run(run: Run): Promise<void> {
    const missing = this.#parts.unavailable();
    if (missing !== undefined) return this.#report(run, { code: 'agent-unavailable', sentence: missing });
    const model = run.prompt.model ?? this.#parts.model;
    if (!isModelName(model))
      return this.#report(run, {
        code: 'model-unknown',
        sentence: `${JSON.stringify(model.slice(0, 100))} is not the name of a model.`,
      });

    let cause = await this.#attempt(run, model);
    // The process ended before it took the prompt, so nothing was run. Try once more, without the earlier conversation.
    if (isDeath(cause) && cause.resumeFailed && !run.signal.aborted) cause = await this.#attempt(run, model);
    if (cause instanceof NotRecorded) throw cause;
    if (isDeath(cause)) await this.#report(run, explainDeath(cause.how));
  }

  /** Hands the prompt to a live process. Records all that happens, except the death of the process and a recording that failed. */
  async #attempt(run: Run, model: string): Promise<Cause> {
    const { bounds, show, endpoint, logger } = this.#parts;
    await this.#parking;
    const process = await Promise.race([this.#start().catch(asNoRoom), whenAborted(run.signal)]);
    if (process === undefined) return 'stopped';
    if (process instanceof NoRoom) {
      await this.#report(run, {
        code: 'agents-full',
        sentence:
          'As many agents are at work as there may be (BREAKGLASS_MAX_AGENTS), so this prompt was not begun. Wait for one of them, answer what it asks, or stop it, and ask again. The power buttons and triage work without the agent.',
      });
      return 'refused';
    }
    const silence = Promise.withResolvers<'silent'>();
    const exchange = new Exchange({
      log: run.log,
      show,
      endpoint,
      logger,
      state: freshTurn(model, this.#cost),
      watchdog: bounds.silence,
      onSilence: () => silence.resolve('silent'),
    });
    this.#exchange = exchange;
    const aborted = Promise.withResolvers<'stopped' | NotRecorded>();
    const onAbort = (): void => {
      const reason: unknown = run.signal.reason;
      aborted.resolve(reason instanceof NotRecorded ? reason : 'stopped');
    };
    run.signal.addEventListener('abort', onAbort, { once: true });
    if (run.signal.aborted) onAbort();
    process.listener = (message) => exchange.take(message);
    const ends = [
      exchange.unrecorded,
      exchange.modelEnded.then(() => 'model' as const),
      aborted.promise,
      silence.promise,
      process.ended,
    ];
    try {
      await this.#tellLostContext(exchange);
      const sent = await Promise.race([...ends, this.#send(process, run.prompt.text, model)]);
      if (typeof sent === 'object' && 'sentence' in sent) {
        await exchange.finish();
        await this.#report(run, sent);
        return 'refused';
      }
      const cause = sent === 'sent' ? await Promise.race(ends) : sent;
      await this.#conclude(cause, process, exchange, run);
      return cause;
    } finally {
      run.signal.removeEventListener('abort', onAbort);
      process.listener = undefined;
    }
  }

  async #tellLostContext(exchange: Exchange): Promise<void> {
    if (!this.#lostContext) return;
    this.#lostContext = false;
    const text =
      'The earlier conversation could not be loaded: the agent starts without it. The transcript above is complete.';
    await exchange.record({ kind: 'note', text }).catch(() => undefined); // Reported by `unrecorded`.
  }

  /** Hands the prompt over, or says why the model that it names could not be set. */
  async #send(process: ClaudeProcess, prompt: string, model: string): Promise<'sent' | ModelTrouble> {
    if (model !== this.#model) {
      // Not known until that is done: if it fails, the next prompt sets the model again.
      this.#model = '';
      const trouble = await process.switchModel(model, this.#parts.endpoint);
      if (trouble !== undefined) return trouble;
      this.#model = model;
    }
    process.push(prompt);
    return 'sent';
  }

  async #conclude(cause: Cause, process: ClaudeProcess, exchange: Exchange, run: Run): Promise<void> {
    const { bounds, endpoint } = this.#parts;
    if (cause === 'model') {
      this.#cost = (await exchange.modelEnded).cost;
      await exchange.settleCalls(0);
      return exchange.finish();
    }
    const at = performance.now();
    const left = (): number => Math.max(0, bounds.stopLimitMs - (performance.now() - at));
    exchange.stop();
    // What could not be recorded must have no consequence, so not even one more request may be sent.
    const quiet = cause instanceof NotRecorded ? this.#kill(process) : this.#interrupt(process, exchange);
    await exchange.settleCalls(left());
    await within(left(), undefined, quiet);
    await exchange.finish();
    if (cause === 'silent') {
      const seconds = Math.round(bounds.silence.ms / 1_000);
      await this.#report(run, explainSilence(seconds, exchange.state.trouble, endpoint));
    }
    // The next prompt waits for this; a turn that is in a hurry does not (sessions/turn.ts).
    await quiet;
  }

  /** Asks politely first. A process that does not answer is killed, and the next prompt resumes the conversation. */
  async #interrupt(process: ClaudeProcess, exchange: Exchange): Promise<void> {
    if (process.isOver) return;
    const answered = exchange.modelEnded.then(({ cost }) => {
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
    await this.#kill(process);
  }

  async #kill(process: ClaudeProcess): Promise<void> {
    await process.kill();
    if (this.#process === process) this.#process = undefined;
    this.#cost = undefined;
  }

  async #report({ log, began }: Run, { code, sentence }: ModelTrouble): Promise<void> {
    const duration_ms = Math.round(performance.now() - began);
    await log.record({ kind: 'error', error: sentence, code });
    await log.record({ kind: 'result', is_error: true, result: sentence, duration_ms });
  }

  /** Ends a process that holds more memory than one may. A prompt that runs ends with an error that says so; the next one resumes. */
  endIfAbove(limitMb: number): void {
    const process = this.#process;
    const mb = residentMb(process?.pid);
    if (process === undefined || process.isOver || mb === undefined || mb <= limitMb) return;
    this.#parts.logger.warn(
      { session: this.#parts.id, mb: Math.round(mb), limitMb },
      'an agent process held too much memory; it is ended',
    );
    void process.kill(
      `it held ${Math.round(mb)} MB of memory, more than the ${limitMb} MB that one may (BREAKGLASS_AGENT_PROCESS_MB), and was ended`,
    );
  }

  #parkLater(): void {
    clearTimeout(this.#park);
    const { parkAfterMs, parkReleasedAfterMs } = this.#parts.bounds;
    this.#park = setTimeout(() => void this.park(), this.#released ? parkReleasedAfterMs : parkAfterMs);
    this.#park.unref();
  }

  /** Closes the process of a session without a running prompt. The conversation is resumed by the next prompt. */
  async park(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    if (this.isBusy) return;
    clearTimeout(this.#park);
    const process = this.#process;
    this.#process = undefined;
    this.#cost = undefined;
    this.#parking ??= process?.close().finally(() => {
      this.#parking = undefined;
    });
    await this.#parking;
    if (this.#released && !this.isBusy && !this.isLive) this.#parts.onGone();
  }

  async close(): Promise<void> {
    this.#cut.abort();
    await this.#running?.catch(() => undefined);
    await this.park();
  }
}

function asNoRoom(error: unknown): NoRoom {
  if (error instanceof NoRoom) return error;
  throw error;
}

const whenAborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

const isDeath = (cause: Cause): cause is ProcessEnd => typeof cause === 'object' && 'how' in cause;

/** True when the promise was settled, either way, in time and before the abort. */
async function within(
  limitMs: number,
  signal: AbortSignal | undefined,
  what: Promise<unknown>,
): Promise<boolean> {
  const limit = new AbortController();
  const given = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
  const overdue = sleep(limitMs, false, { signal: given }).catch(() => false);
  const came = await Promise.race([
    what.then(
      () => true,
      () => true,
    ),
    overdue,
  ]);
  limit.abort();
  return came;
}
