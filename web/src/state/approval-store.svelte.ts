// What waits for a person, in all sessions, and this page's answers to it. It outlives the views, so an answer that is on its way goes on
// when another view or session is opened.
import type { Approval } from '../../../protocol/approvals.ts';
import type { WireEvent } from '../../../protocol/events.ts';
import { answerApproval, fetchApprovals, type GivenAnswer } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { fetchResolution } from '../api/session-answer.ts';
import { deliverAnswer } from './approval-answer.ts';
import { becameWords, endedWords, takenWords } from './approval-words.ts';
import { serverClock } from './server-clock.svelte.ts';
import type { SessionStore } from './session-store.svelte.ts';
import { leftOut, nextOf, shownOf, waitingNow } from './waiting-list.ts';

const POLL_MS = 5_000;

interface ApprovalPorts {
  /** The session that is open; null: none. */
  readonly open: () => Pick<SessionStore, 'id' | 'link' | 'transcript'> | null;
  readonly notice: (text: string) => void;
  readonly signedOut: () => void;
}

/** This page's answer to a question. */
export interface Sent {
  readonly given: GivenAnswer;
  /** It is on its way. */
  readonly sending: boolean;
  /** From the second attempt on. */
  readonly attempt: number;
  /** Why it does not count; empty while it is on its way. */
  readonly problem: string;
}

export class ApprovalStore {
  readonly #ports: ApprovalPorts;
  #listed = $state.raw<readonly Approval[]>([]);
  #gone = $state.raw<ReadonlySet<string>>(new Set());
  #sent = $state.raw<ReadonlyMap<string, Sent>>(new Map());
  #explained = $state.raw<ReadonlySet<string>>(new Set());
  #folded = $state.raw<ReadonlySet<string>>(new Set());
  #silent = $state(false);
  #shownId = $state<string>();
  readonly #seenAtMs = new Map<string, number>();
  /** For each question an event that is older than its answer. */
  readonly #before = new Map<string, number>();
  #request: Promise<void> | undefined;

  readonly #waiting = $derived.by(() => {
    const open = this.#ports.open();
    return waitingNow({
      listed: this.#listed,
      streamed: open?.link === 'attached' ? open.transcript.approvals : [],
      gone: this.#gone,
      nowMs: serverClock.nowMs,
    });
  });
  readonly #shown = $derived(shownOf(this.#waiting, this.#shownId));

  constructor(ports: ApprovalPorts) {
    this.#ports = ports;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.length;
  }
  /** The one question that is shown. */
  get shown(): Approval | undefined {
    return this.#shown;
  }
  /** Its place among those that wait, from 1. */
  get place(): number {
    return this.#waiting.findIndex((approval) => approval.approval_id === this.#shown?.approval_id) + 1;
  }
  /** The console did not answer the last time, so an answer would not arrive. */
  get silent(): boolean {
    return this.#silent;
  }
  sentOf({ approval_id }: Approval): Sent | undefined {
    return this.#sent.get(approval_id);
  }
  isOpen({ session_id }: Approval): boolean {
    return this.#ports.open()?.id === session_id;
  }
  /** Whether a person here has answered for this target before, and so has read what is said the first time. */
  isExplained({ target }: Approval): boolean {
    return this.#explained.has(target);
  }

  /** Somebody needs the room for something else. A new question comes unfolded. */
  isFolded({ approval_id }: Approval): boolean {
    return this.#folded.has(approval_id);
  }
  fold({ approval_id }: Approval, folded: boolean): void {
    const all = new Set(this.#folded);
    if (folded) all.add(approval_id);
    else all.delete(approval_id);
    this.#folded = all;
  }

  showNext(): void {
    this.#shownId = nextOf(this.#waiting, this.#shown?.approval_id);
  }

  /** Called whenever what is shown has changed: from now on it keeps its place. */
  keepShown(): void {
    this.#shownId = this.#shown?.approval_id;
    for (const { approval_id } of this.#waiting) {
      if (!this.#seenAtMs.has(approval_id)) this.#seenAtMs.set(approval_id, Date.now());
      const lastId = this.#ports.open()?.transcript.lastId ?? -1;
      if (!this.#before.has(approval_id) && lastId >= 0) this.#before.set(approval_id, lastId);
    }
  }

  /** Asks while the page is visible. Returns what stops it. */
  watch(): () => void {
    const poll = () => {
      if (document.visibilityState === 'visible') void this.refresh();
    };
    const cutOff = () => {
      this.#silent = true;
    };
    const timer = setInterval(poll, POLL_MS);
    document.addEventListener('visibilitychange', poll);
    addEventListener('online', poll);
    addEventListener('offline', cutOff);
    poll();
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', poll);
      removeEventListener('online', poll);
      removeEventListener('offline', cutOff);
    };
  }

  /** An event of the open session. */
  heard(event: WireEvent, live: boolean): void {
    if (event.kind === 'approval_requested' && live) void this.refresh();
    if (event.kind !== 'approval_resolved') return;
    const known = this.#waiting.find(({ approval_id }) => approval_id === event.approval_id);
    // Then this page says what came of it.
    const mine = this.#sent.get(event.approval_id)?.sending === true;
    this.#end(event.approval_id);
    if (live && known !== undefined && !mine) this.#ports.notice(becameWords(known, event));
  }

  refresh(): Promise<void> {
    this.#request ??= this.#fetch().finally(() => {
      this.#request = undefined;
    });
    return this.#request;
  }

  /** A person's answer. It is sent until it is taken, or until the card says why it was not. */
  async answer(approval: Approval, given: GivenAnswer): Promise<void> {
    const { approval_id: id, expires_at, target } = approval;
    if (this.#sent.get(id)?.sending === true) return;
    const note = (sent: Omit<Sent, 'given'>) => {
      this.#sent = new Map(this.#sent).set(id, { given, ...sent });
    };
    note({ sending: true, attempt: 1, problem: '' });
    const end = await deliverAnswer({
      send: () => answerApproval(approval, given),
      onAgain: (attempt) => note({ sending: true, attempt, problem: '' }),
      endsAtMs: Date.parse(expires_at),
      nowMs: () => serverClock.exactMs,
    });
    switch (end.type) {
      case 'taken':
        this.#explained = new Set(this.#explained).add(target);
        this.#end(id);
        if (!this.isOpen(approval)) this.#ports.notice(takenWords(approval, end.outcome));
        break;
      case 'over':
        this.#end(id);
        this.#ports.notice(end.says);
        break;
      case 'failed':
        note({ sending: false, attempt: 1, problem: end.says });
        break;
      case 'signed-out':
        note({ sending: false, attempt: 1, problem: 'Not answered: you are no longer signed in.' });
        this.#ports.signedOut();
        break;
    }
    void this.refresh();
  }

  #end(id: string): void {
    this.#gone = new Set(this.#gone).add(id);
  }

  async #fetch(): Promise<void> {
    const askedAtMs = Date.now();
    try {
      const { approvals } = await fetchApprovals((serverMs) => serverClock.note(serverMs));
      const ended = leftOut(this.#waiting, approvals, this.#seenAtMs, askedAtMs);
      this.#listed = approvals;
      this.#silent = false;
      for (const approval of ended) void this.#tellOf(approval);
    } catch (error) {
      const { status } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      // Whoever may not ask, and a console without an agent, have no questions.
      else if (status === 403 || status === 503 || status === 404) this.#listed = [];
      else this.#silent = true;
    }
  }

  /** A question has ended elsewhere, and nothing told this page how. */
  async #tellOf(approval: Approval): Promise<void> {
    const { approval_id: id, session_id } = approval;
    if (this.#gone.has(id) || this.#sent.get(id)?.sending === true) return;
    this.#end(id);
    const after = this.#before.get(id);
    const became = after === undefined ? undefined : await fetchResolution(session_id, id, after);
    this.#ports.notice(became === undefined ? endedWords(approval) : becameWords(approval, became));
  }
}
