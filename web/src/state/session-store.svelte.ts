// The current session of one target: its transcript, its link, and what the operator may do with it. A session exists from its first
// prompt: until then there is none, and the page is ready for that prompt. The store outlives the view of its target: while another target
// is shown it is detached, and on return the transcript and the unsent text are still there.
import type { WireEvent } from '../../../protocol/events.ts';
import { cancelTurn, openSession, sendPrompt } from '../api/console-api.ts';
import { type ApiError, asApiError } from '../api/http.ts';
import type { LinkState } from '../api/reconnect.ts';
import { type LinkHandlers, SessionLink } from '../api/session-link.ts';
import type { Kept } from './browser-memory.ts';
import { Draft } from './draft.svelte.ts';
import type { DraftBox } from './draft-box.ts';
import type { Notices } from './notices.svelte.ts';
import { emptyTranscript, reduce, type Transcript } from './transcript.ts';

interface SessionPorts {
  readonly target: string;
  /** Whether the console has other targets, whose sessions could be opened here by mistake. */
  readonly several: () => boolean;
  /** Where the id of the current session is kept. */
  readonly kept: Kept;
  readonly drafts: DraftBox;
  readonly notices: Notices;
  /** Whoever only looks opens no session. */
  readonly mayOpen: () => boolean;
  /** Whether the console answered last time: without a session there is no link that would know. */
  readonly answers: () => boolean;
  readonly signedOut: () => void;
  /** This session is shown, and it is of this target. */
  readonly shown: (id: string) => void;
  /** None is shown, because there is none to show. */
  readonly none: () => void;
  /** A person wants a new chat. */
  readonly anew: () => void;
  /** Called for each event of this target. `live`: it happens while the page watches, and is not of the replay. */
  readonly event: (event: WireEvent, live: boolean) => void;
  /** Called when the session turns out to belong to another target. Nothing of it was shown. */
  readonly foreign: (id: string, target: string) => void;
}

export type TurnLamp = 'ready' | 'connecting' | 'attached' | 'working' | 'link down';

// Text comes faster than a phone can lay out Markdown.
const PUBLISH_MS = 40;

export class SessionStore {
  readonly #ports: SessionPorts;
  #id = $state<string | null>(null);
  #view = $state.raw<Transcript>(emptyTranscript);
  #link = $state<LinkState>('connecting');
  #pending = $state<string | null>(null);
  #stopping = $state(false);
  #model: Transcript = emptyTranscript;
  #publish: ReturnType<typeof setTimeout> | undefined;
  #attached: SessionLink | undefined;
  #certain = $state(false);
  readonly #draft: Draft;
  #unwatch: (() => void) | undefined;
  #shown = false;
  #opening: Promise<string> | undefined;
  /** A prompt is on its way, and whoever sends it sees to what becomes of it. */
  #delivering = false;
  /** What was queued from this page and has not begun. */
  readonly #queuedHere = new Set<string>();

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.#draft = new Draft(ports.drafts, ports.target);
  }

  get id(): string | null {
    return this.#id;
  }
  get transcript(): Transcript {
    return this.#view;
  }
  get link(): LinkState {
    if (this.#id !== null) return this.#link;
    return this.#ports.answers() ? 'attached' : 'down';
  }
  /** The id, once it is certain that the session exists and is of this target. */
  get certainId(): string | null {
    return this.#certain ? this.#id : null;
  }
  /** The text that is typed but not sent yet. */
  get draft(): string {
    return this.#draft.text;
  }
  set draft(text: string) {
    this.#draft.text = text;
  }
  /** A prompt that was sent but has not come back as an event yet. */
  get pending(): string | null {
    return this.#pending;
  }
  get working(): boolean {
    return this.#view.working;
  }
  get stopping(): boolean {
    return this.#stopping && this.#view.working;
  }
  get lamp(): TurnLamp {
    if (this.link === 'down') return 'link down';
    if (this.#id === null) return 'ready';
    if (this.#link === 'connecting') return 'connecting';
    return this.#view.working ? 'working' : 'attached';
  }

  /** Attaches to the session of the address, else to the one this browser had. If there is none, the first prompt opens one. */
  start(linked: string | undefined): void {
    this.#shown = true;
    this.#unwatch = this.#draft.watch();
    const known = linked ?? this.#id ?? this.#ports.kept.recall();
    if (known) this.#attach(known);
    else this.#ports.none();
  }

  switchTo(id: string): void {
    if (this.#shown && id !== this.#id) this.#attach(id);
  }

  /** Shows none, ready for the first prompt of another one. The one that was shown goes on. */
  leave(): void {
    if (this.#id === null) return;
    this.#attached?.close();
    this.#forget();
    this.#ports.kept.remember('');
    this.#draft.turnTo(null);
  }

  /** Detaches, because another target is shown. `start` attaches again. */
  close(): void {
    this.#shown = false;
    this.#unwatch?.();
    this.#attached?.close();
    clearTimeout(this.#publish);
    this.#publish = undefined;
    this.#view = this.#model;
  }

  reconnect(): void {
    this.#attached?.reconnect();
  }

  newSession(): void {
    if (this.working) {
      this.#ports.notices.show('A turn is running. Stop it first.');
      return;
    }
    this.leave();
    this.#ports.anew();
  }

  /** Sends what is typed. What could not be sent stands in the composer again. */
  async submit(): Promise<void> {
    if (this.draft.trim() === '' || this.#pending !== null) return;
    const { text, done } = this.#draft.take();
    done(await this.send(text));
  }

  /** True if the server accepted the prompt. */
  async send(text: string): Promise<boolean> {
    const prompt = text.trim();
    if (prompt === '' || this.#pending !== null) return false;
    if (this.#delivering) {
      this.#ports.notices.show('The prompt before is still on its way. Try again in a moment.');
      return false;
    }
    this.#pending = prompt;
    this.#delivering = true;
    try {
      await this.#deliver(prompt);
      return true;
    } catch (error) {
      this.#pending = null;
      this.#failed(asApiError(error));
      return false;
    } finally {
      this.#delivering = false;
    }
  }

  async stop(): Promise<void> {
    if (!this.#id) return;
    this.#stopping = true;
    try {
      const { cancelled } = await cancelTurn(this.#id);
      if (!cancelled) {
        this.#stopping = false;
        this.#ports.notices.show('Nothing was running.');
      }
    } catch (error) {
      this.#stopping = false;
      const { status, message } = asApiError(error);
      this.#ports.notices.show(status === 0 ? 'No answer: the turn may still be running.' : message);
    }
  }

  async #deliver(prompt: string): Promise<void> {
    const id = this.#id ?? (await this.#open());
    try {
      await this.#sendTo(id, prompt, this.working);
    } catch (error) {
      if (asApiError(error).status !== 404) throw error;
      // The session is gone, so the prompt is sent once more, to a new one.
      await this.#sendTo(await this.#inPlaceOf(id), prompt, false);
    }
  }

  async #sendTo(id: string, prompt: string, queue: boolean): Promise<void> {
    const { queue_id } = await sendPrompt(id, prompt, queue);
    if (queue_id !== undefined) this.#queuedHere.add(queue_id);
    // Somebody looks at another session by now: there it would wait for an event that does not come.
    if (id !== this.#id) this.#pending = null;
  }

  /** The new session in place of one that is gone. Whoever hears of it first opens it, and nobody else. */
  async #inPlaceOf(gone: string): Promise<string> {
    return this.#id === null || this.#id === gone ? this.#open() : this.#id;
  }

  /** Opens a session and shows it. A second call meanwhile waits for the same session. */
  #open(): Promise<string> {
    this.#opening ??= this.#openNew().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openNew(): Promise<string> {
    const { target, several, kept, shown } = this.#ports;
    const before = this.#id;
    const { session_id } = await openSession(several() ? target : undefined);
    // Meanwhile an address may have named another session: that stays, and the new one has its prompt all the same.
    if (this.#id !== before) return session_id;
    const pending = this.#pending;
    this.#draft.carryTo(session_id);
    if (this.#shown) this.#attach(session_id);
    else this.#forget();
    this.#id = session_id;
    this.#certain = true;
    this.#pending = pending;
    kept.remember(session_id);
    if (this.#shown) shown(session_id);
    return session_id;
  }

  #forget(): void {
    this.#id = null;
    this.#model = emptyTranscript;
    this.#view = emptyTranscript;
    this.#stopping = false;
    this.#queuedHere.clear();
    this.#certain = false;
    this.#pending = null;
  }

  #attach(id: string): void {
    this.#attached?.close();
    if (id !== this.#id) this.#forget();
    this.#id = id;
    this.#link = 'connecting';
    this.#ports.kept.remember(id);
    this.#draft.turnTo(id);
    const handlers: LinkHandlers = {
      event: (event, live) => this.#take(event, live),
      state: (state) => {
        this.#link = state;
      },
      gone: () => this.#gone(),
      signedOut: this.#ports.signedOut,
    };
    const { lastId } = this.#model;
    this.#attached = new SessionLink(id, handlers, lastId < 0 ? undefined : lastId);
  }

  /** The stream says that there is no such session. */
  #gone(): void {
    this.#ports.notices.show('That session is gone.');
    // A prompt that is on its way has begun to open the next one.
    if (this.#opening === undefined) this.#leaveGone();
    else this.#opening.catch(() => this.#leaveGone());
  }

  #leaveGone(): void {
    const pending = this.#pending;
    this.#forget();
    this.#ports.kept.remember('');
    this.#draft.carryTo(null);
    this.#ports.none();
    if (pending === null) return;
    // Whoever delivers it hears of it too, and sends it to another session. What had been taken already is sent once more.
    if (this.#delivering) this.#pending = pending;
    else if (this.#ports.mayOpen()) void this.send(pending);
  }

  /** True if the event is of another target and must not be shown. The first event of a session says whose session it is. */
  #isForeign(event: WireEvent): boolean {
    const { target, several, kept, foreign } = this.#ports;
    if (!('id' in event) || event.target === undefined || event.target === target || !several()) return false;
    const id = this.#id;
    if (event.kind === 'session_opened' && id !== null) {
      this.#attached?.close();
      this.#forget();
      kept.remember('');
      this.#draft.turnTo(null);
      foreign(id, event.target);
    }
    return true;
  }

  #take(event: WireEvent, live: boolean): void {
    if (this.#isForeign(event)) return;
    this.#becomeCertain(event);
    this.#giveBackUnqueued(event);
    this.#model = reduce(this.#model, event);
    if (event.kind === 'turn_end') this.#stopping = false;
    if (event.kind === 'user' || event.kind === 'queued') this.#pending = null;
    this.#publish ??= setTimeout(() => {
      this.#publish = undefined;
      this.#view = this.#model;
    }, PUBLISH_MS);
    this.#ports.event(event, live);
  }

  #becomeCertain(event: WireEvent): void {
    if (this.#certain || this.#id === null || !('id' in event)) return;
    this.#certain = true;
    this.#ports.shown(this.#id);
  }

  /** A prompt that was queued here and will not run stands in the composer again. */
  #giveBackUnqueued(event: WireEvent): void {
    if (event.kind !== 'unqueued' || !this.#queuedHere.delete(event.queue_id)) return;
    const waited = this.#model.queued.find(({ id }) => id === event.queue_id);
    if (event.reason !== 'started' && waited !== undefined) this.#draft.giveBack(waited.text);
  }

  #failed({ status, message, body }: ApiError): void {
    if (status === 401) this.#ports.signedOut();
    else if (status === 409) this.#ports.notices.show('A turn is already running.');
    else if (status === 0) this.#ports.notices.show(`Not sent. ${message}`);
    else this.#ports.notices.show(body.detail ?? message);
  }
}
