// The exchange with Claude Code about one prompt. It brings the model's messages and the running tools into one order of events.
// What must stay true: a call is recorded before it runs, every call has exactly one result, and after a stop it ends in time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import type { JournaledBody } from '../../protocol/events.ts';
import { type ToolCallId, toolCallId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { NotRecorded, type TurnLog } from './port.ts';
import { type ShowContext, showTool } from './show-tool.ts';
import { describeFailure, failed, headAndTail, RECORD_CAP_CHARS, type ToolOutcome } from './tool-results.ts';
import { type TranslateState, translate, unfinishedText } from './translate.ts';
import type { ModelEndpoint } from './trouble.ts';

export interface ExchangeParts {
  readonly log: TurnLog;
  readonly state: TranslateState;
  readonly show: ShowContext;
  readonly endpoint: ModelEndpoint;
  readonly logger: Logger;
  /** The model counts as silent when it writes fewer characters than this in this time while none of our tools runs. */
  readonly watchdog: { readonly ms: number; readonly chars: number };
  readonly onSilence: () => void;
}

/** How long a tool call waits for the message that announces it, so that the text before it is recorded first. */
const ORDER_GRACE_MS = 300;
/** Of the model's words before a call. */
const SAID_CHARS = 600;
/** Texts of the model that may be on their way to the disk while it goes on. */
const TEXTS_ON_THE_WAY = 64;
const NOT_RECORDED = 'The journal could not record this step, so it was not taken.';

interface OurCall {
  readonly name: string;
  readonly at: number;
  /** It runs in the VM, where it can go on without us. All else ends with us, or by itself on the power host. */
  readonly inVm: boolean;
  settled: boolean;
}

type RunTool = (id: ToolCallId, signal: AbortSignal) => Promise<ToolOutcome>;

const hostOf = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'host' in input ? input.host : undefined;

const UNPROVEN: ToolOutcome = {
  ...failed('Stopped. Its end could not be confirmed in time: it may still run in the VM.', 'stopped'),
  farSide: 'unproven',
};

export class Exchange {
  /** Resolves when the model's result has come, with the cost of the whole session so far. */
  readonly modelEnded: Promise<{ readonly cost: number }>;
  /** Resolves when something could not be recorded. Nothing more may happen then. */
  readonly unrecorded: Promise<NotRecorded>;
  readonly #parts: ExchangeParts;
  readonly #resolveEnd: (end: { readonly cost: number }) => void;
  readonly #resolveUnrecorded: (error: NotRecorded) => void;
  readonly #abort = new AbortController();
  readonly #announced = new Map<string, Promise<void>>();
  readonly #awaited = new Map<string, () => void>();
  /** Calls that run or ran here, so that we record their results. */
  readonly #ours = new Map<string, OurCall>();
  readonly #running = new Set<Promise<unknown>>();
  #recording = 0;
  #lastSaid: string | undefined;
  #state: TranslateState;
  #watch: NodeJS.Timeout | undefined;
  #headway = 0;
  #over = false;
  /** True when we end the exchange ourselves. What the model then says about its end is not recorded. */
  #quiet = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#state = parts.state;
    const ended = Promise.withResolvers<{ readonly cost: number }>();
    this.modelEnded = ended.promise;
    this.#resolveEnd = ended.resolve;
    const unrecorded = Promise.withResolvers<NotRecorded>();
    this.unrecorded = unrecorded.promise;
    this.#resolveUnrecorded = unrecorded.resolve;
    this.#arm();
  }

  get state(): TranslateState {
    return this.#state;
  }

  /**
   * Takes one message of the model and resolves when its events are recorded. Texts are not waited for, so that many of them are one
   * commit; what is recorded after them is on disk after them. Never rejects: see `unrecorded`.
   */
  async take(message: SDKMessage): Promise<void> {
    const { show, endpoint, log, logger } = this.#parts;
    const said = translate(this.#state, message, { now: performance.now(), show, endpoint });
    this.#state = said.state;
    if (said.unknown !== undefined) logger.info({ message: said.unknown }, 'unknown message from the agent');
    this.#progress(said.headway);
    const recorded: Promise<void>[] = [];
    for (const each of said.events) {
      if (each.type !== 'event') log.show(each);
      else if (this.#isToTell(each.body)) {
        const told = this.#tell(each.body);
        if (each.body.kind !== 'text' || this.#recording > TEXTS_ON_THE_WAY) recorded.push(told);
        else told.catch(() => undefined); // `unrecorded` tells.
      }
    }
    await Promise.allSettled(recorded);
    if (said.end !== undefined) this.#resolveEnd(said.end);
  }

  #isToTell(body: JournaledBody): boolean {
    if (body.kind === 'tool') return !this.#announced.has(body.tool_call_id);
    if (body.kind === 'tool_result') return !this.#ours.has(body.tool_call_id);
    return !this.#quiet || (body.kind !== 'error' && body.kind !== 'result');
  }

  #tell(body: JournaledBody): Promise<void> {
    if (body.kind === 'text') this.#lastSaid = body.text.slice(0, SAID_CHARS);
    const recorded = this.record(body);
    if (body.kind === 'tool') {
      recorded.catch(() => undefined); // Whoever awaits the announcement gets the error.
      this.#announced.set(body.tool_call_id, recorded);
      this.#awaited.get(body.tool_call_id)?.();
    }
    return recorded;
  }

  /** Resolves when the call is in the journal. Rejects when it cannot be recorded: then the call must not run. */
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

  /** Resolves when it is on disk. Rejects when it cannot be recorded. */
  async record(body: JournaledBody, by?: Actor): Promise<void> {
    this.#recording++;
    try {
      await this.#parts.log.record(body, by);
    } catch (error) {
      this.#resolveUnrecorded(error instanceof NotRecorded ? error : new NotRecorded(String(error)));
      throw error;
    } finally {
      this.#recording--;
    }
  }

  /** See TurnLog. */
  pause(): () => void {
    return this.#parts.log.pause();
  }

  /** What the model said last before the call that runs now; cut to what a person reads at a glance. */
  get lastSaid(): string | undefined {
    return this.#lastSaid;
  }

  showOutput(id: ToolCallId, stream: 'stdout' | 'stderr', text: string): void {
    if (!this.#over) this.#parts.log.show({ type: 'output', toolCallId: id, stream, text });
  }

  /** Records one call of our tools, runs it and records its result. Never rejects. */
  async runTool(
    id: ToolCallId,
    name: string,
    input: unknown,
    signal: AbortSignal,
    run: RunTool,
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
    run: RunTool,
  ): Promise<ToolOutcome> {
    try {
      await this.announce(id, name, input);
    } catch {
      return failed(NOT_RECORDED);
    }
    if (this.#ours.has(id)) return failed('Refused: this call has already run.');
    const inVm = hostOf(input) === this.#parts.show.vmAlias;
    this.#ours.set(id, { name, at: performance.now(), inVm, settled: false });
    const outcome = signal.aborted
      ? failed('Stopped before it ran.', 'stopped')
      : await run(id, signal).catch((error: unknown) => failed(describeFailure(error)));
    const inTime = await this.#settle(id, outcome);
    this.#proveLater(id, outcome, inTime);
    return outcome;
  }

  /** The proof that a stopped command is gone may come after the turn has said that there is none. */
  #proveLater(id: ToolCallId, { farSide, proof }: ToolOutcome, inTime: boolean): void {
    const tell = (proven: boolean): void => {
      if (proven)
        void this.#parts.log.recordLater({ kind: 'far_side', tool_call_id: id, far_side: 'proven' });
    };
    if (farSide === 'proven') {
      if (!inTime) tell(true);
    } else void proof?.then(tell);
  }

  /** False when the call already has another outcome. */
  async #settle(id: string, outcome: ToolOutcome): Promise<boolean> {
    const call = this.#ours.get(id);
    if (call === undefined || call.settled) return false;
    call.settled = true;
    this.#lastSaid = undefined;
    const kept = headAndTail(outcome.output, RECORD_CAP_CHARS);
    // Unless a command exited, nothing but the closing line says how the call ended.
    const output =
      outcome.ended === 'exited' || outcome.trailer === undefined
        ? kept.text
        : `${kept.text.trimEnd()}\n${outcome.trailer}`.trimStart();
    await this.record({
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
    }).catch(() => undefined); // Reported by `unrecorded`.
    return true;
  }

  /** Aborts the tools that run here. From now on errors and results of the model are not recorded. */
  stop(): void {
    this.#quiet = true;
    clearTimeout(this.#watch);
    this.#abort.abort();
  }

  /** Waits up to `limitMs` for running tools, then records for each that its end is not known. */
  async settleCalls(limitMs: number): Promise<void> {
    this.#abort.abort();
    const limit = new AbortController();
    const overdue = sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#running), overdue]);
    limit.abort();
    for (const [id, { inVm }] of this.#ours)
      await this.#settle(id, inVm ? UNPROVEN : failed('Stopped.', 'stopped'));
  }

  /** Called after `settleCalls`. Records the part of an unfinished block that was written so far. */
  async finish(): Promise<void> {
    clearTimeout(this.#watch);
    for (const each of unfinishedText(this.#state)) await this.record(each).catch(() => undefined);
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
      // A running tool has its own limit, and a slow journal does not mean that the model is silent.
      if (this.#running.size > 0 || this.#recording > 0) this.#arm();
      else this.#parts.onSilence();
    }, this.#parts.watchdog.ms);
  }
}
