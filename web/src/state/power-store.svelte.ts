// The power path of one target: its state, the operation under way, and triage without AI. It uses nothing of the session, so
// it works when chat, stream and agent are dead. It outlives the view of its target: an answer that comes while another target
// is shown is kept, but nothing more is asked then. An answer that names another target is refused.
import { online } from 'svelte/reactivity/window';
import { contradictionOf } from '../../../protocol/contradiction.ts';
import type { HostKeyChange } from '../../../protocol/host-keys.ts';
import type { TargetState } from '../../../protocol/me.ts';
import type { OperationFrame } from '../../../protocol/operations.ts';
import type { DiskWrites, TriageReport } from '../../../protocol/triage.ts';
import { isMutating, type MutatingVerb, type Verb } from '../../../protocol/verbs.ts';
import { acceptHostKey, fetchOperation, fetchTarget, runTriage, startVerb } from '../api/console-api.ts';
import { readEventStream } from '../api/event-stream.ts';
import { ApiError, asApiError } from '../api/http.ts';
import type { Kept } from './browser-memory.ts';
import { applyFrame, fromOperation, isOver, type OperationView } from './operation-view.ts';
import { isStale } from './power-words.ts';
import { serverClock } from './server-clock.svelte.ts';
import { type Verdict, verdictOf } from './verdict.ts';

const TARGET_POLL_MS = 5_000;
/** While something is being asked that has no answer yet. */
const SOON_MS = 1_000;
const POLL_MS = 1_000;
// While there is a stream, polling only has to notice that the stream died silently.
const POLL_WITH_STREAM_MS = 5_000;
const FORGET_AFTER_MS = 30 * 60_000;

export interface ContradictionAsked {
  readonly verb: MutatingVerb;
  /** What triage found and why it speaks against the verb. */
  readonly text: string;
  readonly confirm: string;
}

/** crypto.randomUUID needs HTTPS; a console on a LAN address may have none. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

/** A console of another version, or a damaged record: what cannot be read is no finding, and takes nothing else away. */
const isReadable = ({ finding, cautions }: TriageReport): boolean =>
  typeof finding?.summary === 'string' &&
  [finding.warned, finding.inputs, cautions].every((each) => Array.isArray(each));

interface PowerPorts {
  readonly target: string;
  readonly signedOut: () => void;
  /** The operation that this browser watched. */
  readonly kept: Kept;
}

export class PowerStore {
  readonly target: string;
  readonly #ports: PowerPorts;
  /** The verb that a person looks at before they hold it. */
  confirming = $state<MutatingVerb | null>(null);
  #state = $state.raw<TargetState | null>(null);
  #stateError = $state('');
  #unreachable = $state(false);
  #operation = $state.raw<OperationView | null>(null);
  #refusal = $state('');
  #noContact = $state(false);
  #asking = $state<Verb | null>(null);
  #contradiction = $state.raw<ContradictionAsked | null>(null);
  #report = $state.raw<TriageReport | null>(null);
  #triaging = $state<false | 'now' | 'longer'>(false);
  #triageError = $state('');
  #following: AbortController | undefined;
  #refreshing: Promise<void> | undefined;
  #watched = false;

  constructor(ports: PowerPorts) {
    this.target = ports.target;
    this.#ports = ports;
  }

  get state(): TargetState | null {
    return this.#state;
  }
  get stateError(): string {
    return this.#stateError;
  }
  /** The console did not answer the last time, so power cannot be reached from here either. */
  get unreachable(): boolean {
    return this.#unreachable;
  }
  get operation(): OperationView | null {
    return this.#operation;
  }
  /** Why the last press started nothing, or that nobody knows whether it did. */
  get refusal(): string {
    return this.#refusal;
  }
  get noContact(): boolean {
    return this.#noContact;
  }
  /** The verb whose request is on its way. */
  get asking(): Verb | null {
    return this.#asking;
  }
  /** The last press contradicted what triage found: it did nothing, and a second press is asked for. */
  get contradiction(): ContradictionAsked | null {
    return this.#contradiction;
  }
  withdraw(): void {
    this.#contradiction = null;
  }
  get mutationRunning(): boolean {
    return this.underWay !== null && isMutating(this.underWay.verb);
  }
  /** The operation that is shown and not over: it runs, or the console is still finding out what came of it. */
  get underWay(): OperationView | null {
    return this.#operation === null || isOver(this.#operation) ? null : this.#operation;
  }
  /** The newest finding, from here or from the console, which knows what became of it: `past` says why it does not hold any more. */
  get found(): { readonly report: TriageReport; readonly past: string } | null {
    const standing = this.#state?.finding;
    const own = this.#report;
    if (
      standing !== undefined &&
      isReadable(standing.report) &&
      (own === null || standing.report.at >= own.at)
    )
      return { report: standing.report, past: standing.past ?? '' };
    if (own === null) return null;
    // Until the console says it itself.
    const verb = this.#operation;
    const isPast = verb !== null && isMutating(verb.verb) && verb.started_at > own.at;
    return { report: own, past: isPast ? `From before ${verb.verb}, which may have changed it.` : '' };
  }
  get report(): TriageReport | null {
    return this.found?.report ?? null;
  }
  get triaging(): false | 'now' | 'longer' {
    return this.#triaging;
  }
  get triageError(): string {
    return this.#triageError;
  }
  get advised(): MutatingVerb | null {
    return this.#holding?.finding.advised ?? null;
  }
  isWarned(verb: Verb): boolean {
    const report = this.#holding;
    return isMutating(verb) && report !== null && contradictionOf(report, verb) !== undefined;
  }
  /** Why the verb can do nothing in the state that was just read; empty where it can, or where nobody knows. */
  whyNot(verb: Verb): string {
    const readAt = this.#state?.vm.at ?? null;
    // An old reading forbids nothing.
    if (!isMutating(verb) || readAt === null || isStale(readAt, this.nowMs)) return '';
    const said = this.#state?.verbs?.[verb];
    return said === undefined || said.applies ? '' : said.why;
  }
  /** By the server's clock, which dated the readings. Ticks once a second. */
  get nowMs(): number {
    return serverClock.nowMs;
  }
  /** Is it well, what is wrong, what to do. */
  get verdict(): Verdict {
    return verdictOf({
      target: this.target,
      state: this.#state,
      report: this.#holding ?? undefined,
      unreachable: this.#unreachable,
      online: online.current !== false,
      nowMs: this.nowMs,
    });
  }
  /** Triage that nobody here pressed for is under way. */
  get looking(): boolean {
    return this.#state?.looking !== undefined;
  }
  /** What was written in the last hour, as the finding that holds has it. */
  get hour(): DiskWrites | undefined {
    return this.#holding === null ? undefined : this.#state?.finding?.hour;
  }
  /** The finding that still holds. */
  get #holding(): TriageReport | null {
    const found = this.found;
    return found === null || found.past !== '' ? null : found.report;
  }

  /** Polls while this target is shown and the page is visible. Returns what stops it. */
  watch(): () => void {
    this.#watched = true;
    const poll = () => {
      if (document.visibilityState === 'visible') void this.refresh();
    };
    const timer = setInterval(poll, TARGET_POLL_MS);
    const soon = setInterval(() => {
      if (this.#isAsking) poll();
    }, SOON_MS);
    document.addEventListener('visibilitychange', poll);
    addEventListener('online', poll);
    void this.refresh();
    void this.#resume();
    return () => {
      clearInterval(timer);
      clearInterval(soon);
      document.removeEventListener('visibilitychange', poll);
      removeEventListener('online', poll);
      this.#watched = false;
      this.#following?.abort();
      this.withdraw();
    };
  }

  get #isAsking(): boolean {
    const { ssh, qmp, guest_agent: agent, vm, looking } = this.#state ?? {};
    return (
      (vm !== undefined && vm.at === null) ||
      [ssh, qmp, agent].some((reading) => reading?.asking !== undefined) ||
      looking !== undefined
    );
  }

  /** One request at a time: a slow console is not asked more for being slow. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    if (!this.#watched) return;
    try {
      const state = await fetchTarget(this.target, (nowMs) => serverClock.note(nowMs));
      this.#check(state.name);
      this.#state = state;
      this.#stateError = '';
      this.#unreachable = false;
      if (state.operation) this.follow(state.operation.id, state.operation.verb);
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      this.#stateError = message;
      this.#unreachable = status === 0;
    }
  }

  /** Starts the verb. The operator has confirmed it already. */
  async start(verb: Verb, confirm?: string): Promise<void> {
    if (this.#asking) return;
    this.#asking = verb;
    this.#refusal = '';
    this.#contradiction = null;
    try {
      const operation = await startVerb(this.target, verb, randomKey(), confirm);
      this.#check(operation.target);
      this.#show(fromOperation(operation));
      void this.#follow(operation.id);
    } catch (error) {
      const { status, message, body } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      if (body.code === 'contradicts-finding' && isMutating(verb) && typeof body['confirm'] === 'string') {
        // After a look at another target a person begins anew: the second press must follow the first.
        if (this.#watched) this.#contradiction = { verb, text: message, confirm: body['confirm'] };
        else this.#refusal = `Nothing was done. ${message}`;
        return;
      }
      this.#refusal =
        status === 0
          ? `No answer. ${verb} may have started: look at the state before you press again.`
          : message;
      void this.refresh();
    } finally {
      this.#asking = null;
    }
  }

  /** Shows an operation that was not started here: by somebody else or by the agent. */
  follow(id: string, verb: Verb): void {
    const shown = this.#operation;
    if (shown?.id === id || this.underWay !== null) return;
    // When the agent asks for the status, the outcome of a verb must stay in sight.
    if (shown && !isMutating(verb)) return;
    void this.#follow(id);
  }

  dismiss(): void {
    if (this.underWay !== null) return;
    this.#operation = null;
    this.#refusal = '';
    this.#ports.kept.remember('');
  }

  /** `longer`: watches what moves, for as long as the last report offers. */
  async triage({ longer = false } = {}): Promise<void> {
    if (this.#triaging !== false) return;
    this.#triaging = longer ? 'longer' : 'now';
    this.#triageError = '';
    try {
      const report = await runTriage(this.target, longer);
      this.#check(report.target);
      this.#report = report;
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      this.#triageError = status === 0 ? 'Triage got no answer.' : message;
    } finally {
      this.#triaging = false;
      void this.refresh();
    }
  }

  /** Accepts the key that was shown. Resolves with why it was not accepted; empty where it was. */
  async acceptHostKey(change: HostKeyChange): Promise<string> {
    try {
      const state = await acceptHostKey(this.target, change);
      this.#check(state.name);
      this.#state = state;
      return '';
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      void this.refresh();
      return status === 0 ? 'No answer. It may have been accepted: look again before you decide.' : message;
    }
  }

  /** @throws ApiError if an answer is about another target, so that it is never shown as this one. */
  #check(name: string): void {
    if (name !== this.target)
      throw new ApiError(502, `The console answered about ${name} when it was asked about ${this.target}.`);
  }

  #show(operation: OperationView): void {
    this.#operation = operation;
    this.#ports.kept.remember(operation.id);
  }

  async #resume(): Promise<void> {
    const underWay = this.underWay;
    if (underWay !== null) {
      // Its stream will bring all output again.
      this.#operation = { ...underWay, output: '' };
      void this.#follow(underWay.id);
      return;
    }
    const id = this.#ports.kept.recall();
    if (!id || this.#operation) return;
    const operation = await fetchOperation(id).catch(() => undefined);
    if (!operation || this.#operation || operation.target !== this.target) return;
    if (!isOver(operation)) void this.#follow(id);
    else if (serverClock.exactMs - Date.parse(operation.started_at) < FORGET_AFTER_MS)
      this.#show(fromOperation(operation));
  }

  async #follow(id: string): Promise<void> {
    if (!this.#watched) return;
    this.#following?.abort();
    const following = new AbortController();
    this.#following = following;
    const { signal } = following;
    let streaming = true;
    const stream = this.#stream(id, signal).finally(() => {
      streaming = false;
    });
    for (let first = true; !signal.aborted; first = false) {
      if (!first || this.#operation?.id !== id) await this.#poll(id, signal);
      if (signal.aborted || (this.#operation?.id === id && isOver(this.#operation))) break;
      const pause = new Promise((resolve) => setTimeout(resolve, streaming ? POLL_WITH_STREAM_MS : POLL_MS));
      // The end of the stream is usually the end of the operation: look at once.
      await (streaming ? Promise.race([pause, stream]) : pause);
    }
    if (this.#following !== following) return;
    following.abort();
    this.#noContact = false;
    void this.refresh();
  }

  async #poll(id: string, signal: AbortSignal): Promise<void> {
    try {
      const operation = await fetchOperation(id);
      if (signal.aborted) return;
      this.#noContact = false;
      if (operation.target !== this.target) this.#following?.abort();
      else this.#show(fromOperation(operation, this.#operation ?? undefined));
    } catch (error) {
      const { status } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      if (signal.aborted) return;
      if (status !== 404) this.#noContact = true;
      else {
        this.#following?.abort();
        this.#forgotten(id);
      }
    }
  }

  /** An operation that could not be recorded is gone with the console that ran it: nobody will tell how it ended. */
  #forgotten(id: string): void {
    const shown = this.underWay;
    if (shown?.id !== id) return;
    this.#operation = {
      ...shown,
      state: 'unknown',
      finished_at: new Date(serverClock.exactMs).toISOString(),
      outcome: {
        summary: `The console does not know this ${shown.verb} any more: it was started again, and could not record it. Ask for status before the next verb.`,
      },
    };
    this.#ports.kept.remember('');
    void this.refresh();
  }

  async #stream(id: string, signal: AbortSignal): Promise<void> {
    await readEventStream(`/api/operations/${id}/stream`, {
      signal,
      onFrame: (message) => {
        const frame = JSON.parse(message.data) as OperationFrame;
        const view = this.#operation?.id === id ? this.#operation : null;
        if (frame.kind === 'operation') {
          if (frame.operation.target === this.target)
            this.#show(fromOperation(frame.operation, view ?? undefined));
        } else if (view) this.#operation = applyFrame(view, frame);
      },
    }).catch(() => undefined);
  }
}
