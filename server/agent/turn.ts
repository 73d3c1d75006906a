// One turn as the driver sees it: messages of the model on one side, running tools on the other, one ordered feed of events.
// What must stay true: a call is recorded before it runs; every call has exactly one result; after a stop it ends in time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import type { JournaledBody } from '../../protocol/events.ts';
import { type ToolCallId, toolCallId } from '../../protocol/ids.ts';
import { headAndTail, RECORD_CAP_CHARS } from './shape-output.ts';
import { type ShowContext, showTool } from './show-tool.ts';
import { describeFailure, failed, type ToolOutcome } from './tool-results.ts';
import { event, type TranslateState, translate, unfinishedText } from './translate.ts';
import type { ModelEndpoint } from './trouble.ts';
import { NotRecorded, type TurnFeed } from './turn-feed.ts';

export interface TurnParts {
  readonly feed: TurnFeed;
  readonly state: TranslateState;
  readonly show: ShowContext;
  readonly endpoint: ModelEndpoint;
  readonly logger: Logger;
  /** The turn is watched: fewer than this many characters in this time, while nothing of ours runs, is silence. */
  readonly watchdog: { readonly ms: number; readonly chars: number };
  readonly onSilence: () => void;
}

/** A tool call waits this long for the message that announces it, so that prose before it stays before it. */
const ORDER_GRACE_MS = 300;

export class LiveTurn {
  /** Resolves with the session's cumulative cost when the model's result came. */
  readonly modelEnded: Promise<{ readonly cost: number }>;
  readonly #parts: TurnParts;
  readonly #resolveEnd: (end: { readonly cost: number }) => void;
  readonly #abort = new AbortController();
  readonly #announced = new Map<string, Promise<void>>();
  readonly #awaited = new Map<string, () => void>();
  /** Calls whose result is ours to tell: they run, or ran, here. */
  readonly #ours = new Map<string, { readonly name: string; readonly at: number; settled: boolean }>();
  readonly #running = new Set<Promise<unknown>>();
  #state: TranslateState;
  #watch: NodeJS.Timeout | undefined;
  #headway = 0;
  #over = false;
  /** Set when the turn is being ended from our side: the model's own account of it is then not told. */
  #quiet = false;

  constructor(parts: TurnParts) {
    this.#parts = parts;
    this.#state = parts.state;
    const ended = Promise.withResolvers<{ readonly cost: number }>();
    this.modelEnded = ended.promise;
    this.#resolveEnd = ended.resolve;
    this.#arm();
  }

  get state(): TranslateState {
    return this.#state;
  }

  /** Takes one message of the model; resolves when what it said is recorded. */
  async take(message: SDKMessage): Promise<void> {
    const { show, endpoint, feed, logger } = this.#parts;
    const said = translate(this.#state, message, { now: performance.now(), show, endpoint });
    this.#state = said.state;
    if (said.unknown !== undefined)
      logger.info({ message: said.unknown }, 'message of the agent that is not known');
    this.#progress(said.headway);
    const recorded: Promise<void>[] = [];
    for (const each of said.events) {
      if (each.type !== 'event') feed.show(each);
      else if (this.#isToTell(each.body)) recorded.push(this.#tell(each.body));
    }
    // A refused recording is the consumer's to report; here it only means that the turn is over.
    await Promise.all(recorded).catch((error: unknown) => {
      if (!(error instanceof NotRecorded)) throw error;
    });
    if (said.end !== undefined) this.#resolveEnd(said.end);
  }

  #isToTell(body: JournaledBody): boolean {
    if (body.kind === 'tool') return !this.#announced.has(body.tool_call_id);
    if (body.kind === 'tool_result') return !this.#ours.has(body.tool_call_id);
    return !this.#quiet || (body.kind !== 'error' && body.kind !== 'result');
  }

  #tell(body: JournaledBody): Promise<void> {
    const recorded = this.#parts.feed.emit(event(body));
    if (body.kind === 'tool') {
      recorded.catch(() => undefined); // who awaits the announcement is told
      this.#announced.set(body.tool_call_id, recorded);
      this.#awaited.get(body.tool_call_id)?.();
    }
    return recorded;
  }

  /** Resolves when the journal has the call. Rejects with NotRecorded: then it must not run. */
  async announce(id: string, name: string, input: unknown): Promise<void> {
    if (!this.#announced.has(id)) {
      const seen = new Promise<void>((resolve) => this.#awaited.set(id, resolve));
      await Promise.race([seen, sleep(ORDER_GRACE_MS)]);
      this.#awaited.delete(id);
    }
    return (
      this.#announced.get(id) ??
      this.#tell({ kind: 'tool', ...showTool(name, input, this.#parts.show), tool_call_id: toolCallId(id) })
    );
  }

  record(body: JournaledBody): Promise<void> {
    return this.#parts.feed.emit(event(body));
  }

  showOutput(id: ToolCallId, stream: 'stdout' | 'stderr', text: string): void {
    if (!this.#over) this.#parts.feed.show({ type: 'output', toolCallId: id, stream, text });
  }

  /** Runs one call of a tool of ours: recorded, run, result recorded. Never rejects. */
  async runTool(
    id: ToolCallId,
    name: string,
    input: unknown,
    signal: AbortSignal,
    run: (id: ToolCallId, signal: AbortSignal) => Promise<ToolOutcome>,
  ): Promise<ToolOutcome> {
    const work = this.#runTool(id, name, input, AbortSignal.any([signal, this.#abort.signal]), run);
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
      this.#progress(Number.POSITIVE_INFINITY);
    }
  }

  async #runTool(
    id: ToolCallId,
    name: string,
    input: unknown,
    signal: AbortSignal,
    run: (id: ToolCallId, signal: AbortSignal) => Promise<ToolOutcome>,
  ): Promise<ToolOutcome> {
    try {
      await this.announce(id, name, input);
    } catch (error) {
      return failed(describeFailure(error));
    }
    if (this.#ours.has(id)) return failed('Refused: this call ran already.');
    this.#ours.set(id, { name, at: performance.now(), settled: false });
    const outcome = signal.aborted
      ? failed('Stopped before it ran.', 'stopped')
      : await run(id, signal).catch((error: unknown) => failed(describeFailure(error)));
    await this.#settle(id, outcome).catch(() => undefined); // recording failed: the turn is over anyway
    return outcome;
  }

  #settle(id: string, outcome: ToolOutcome): Promise<void> {
    const call = this.#ours.get(id);
    if (call === undefined || call.settled) return Promise.resolve();
    call.settled = true;
    const kept = headAndTail(outcome.output, RECORD_CAP_CHARS);
    // What is no command's output has its last line nowhere else.
    const output =
      outcome.ended === 'exited' || outcome.trailer === undefined
        ? kept.text
        : `${kept.text.trimEnd()}\n${outcome.trailer}`.trimStart();
    return this.record({
      kind: 'tool_result',
      tool_call_id: toolCallId(id),
      name: call.name,
      is_error: outcome.isError,
      output,
      truncated: outcome.truncated || kept.truncated,
      duration_ms: Math.round(performance.now() - call.at),
      ...(outcome.exitCode === undefined ? {} : { exit_code: outcome.exitCode }),
      ...(outcome.ended === undefined ? {} : { ended: outcome.ended }),
      ...(outcome.farSide === undefined ? {} : { far_side: outcome.farSide }),
    });
  }

  /** Aborts what runs here; from now on the model's own error and result are not told. */
  stop(): void {
    this.#quiet = true;
    clearTimeout(this.#watch);
    this.#abort.abort();
  }

  /** Ends the turn's part here: waits for running tools up to `limitMs`, then says for each that its end is not known. */
  async finish(limitMs: number): Promise<void> {
    clearTimeout(this.#watch);
    this.#abort.abort();
    const limit = new AbortController();
    const overdue = sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#running), overdue]);
    limit.abort();
    for (const [id, call] of this.#ours) {
      if (call.settled) continue;
      await this.#settle(id, {
        ...failed('Stopped. Its end could not be confirmed in time: it may still run in the VM.', 'stopped'),
        farSide: 'unproven',
      }).catch(() => undefined);
    }
    for (const each of unfinishedText(this.#state)) await this.#parts.feed.emit(each).catch(() => undefined);
    this.#over = true;
  }

  #progress(amount: number): void {
    this.#headway += amount;
    if (this.#headway >= this.#parts.watchdog.chars) this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#watch);
    this.#headway = 0;
    if (this.#over || this.#quiet) return;
    this.#watch = setTimeout(() => {
      // A running tool has its own limit, and a slow journal is not the model's silence.
      if (this.#running.size > 0 || this.#parts.feed.busy) this.#arm();
      else this.#parts.onSilence();
    }, this.#parts.watchdog.ms);
  }
}
