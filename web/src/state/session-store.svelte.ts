// The current session of one target: its transcript, its link, and what the operator may do with it. It outlives the view of
// its target: while another target is shown it is detached, and on return the transcript and the unsent text are still there.
import type { WireEvent } from '../../../protocol/events.ts';
import { cancelTurn, openSession, sendPrompt } from '../api/console-api.ts';
import { type ApiError, asApiError } from '../api/http.ts';
import type { LinkState } from '../api/reconnect.ts';
import { type LinkHandlers, SessionLink } from '../api/session-link.ts';
import type { Kept } from './browser-memory.ts';
import type { Notices } from './notices.svelte.ts';
import { emptyTranscript, reduce, type Transcript } from './transcript.ts';

interface SessionPorts {
  readonly target: string;
  /** Whether the console has other targets, whose sessions could be opened here by mistake. */
  readonly several: () => boolean;
  /** Where the id of the current session is kept. */
  readonly kept: Kept;
  readonly notices: Notices;
  /** Whoever only looks opens no session. */
  readonly mayOpen: () => boolean;
  readonly signedOut: () => void;
  readonly opened: (id: string) => void;
  /** Called for each event of this target. `live`: it happens while the page watches, and is not of the replay. */
  readonly event: (event: WireEvent, live: boolean) => void;
  /** Called when the session turns out to belong to another target. Nothing of it was shown. */
  readonly foreign: (id: string, target: string) => void;
}

export type TurnLamp = 'connecting' | 'attached' | 'working' | 'link down';

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
  #draft = $state('');
  #shown = false;
  #opening: Promise<boolean> | undefined;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
  }

  get id(): string | null {
    return this.#id;
  }
  get transcript(): Transcript {
    return this.#view;
  }
  get link(): LinkState {
    return this.#link;
  }
  /** The text that is typed but not sent yet. */
  get draft(): string {
    return this.#draft;
  }
  set draft(text: string) {
    this.#draft = text;
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
    if (this.#link === 'down') return 'link down';
    if (this.#link === 'connecting') return 'connecting';
    return this.#view.working ? 'working' : 'attached';
  }

  /** Attaches to the session of the address, else to the one this browser had, else to a new one. */
  async start(linked: string | undefined): Promise<void> {
    this.#shown = true;
    const known = linked ?? this.#id ?? this.#ports.kept.recall();
    if (known) this.#attach(known);
    else await this.#open();
  }

  switchTo(id: string): void {
    if (this.#shown && id !== this.#id) this.#attach(id);
  }

  /** Detaches, because another target is shown. `start` attaches again. */
  close(): void {
    this.#shown = false;
    this.#attached?.close();
    clearTimeout(this.#publish);
    this.#publish = undefined;
    this.#view = this.#model;
  }

  reconnect(): void {
    if (this.#id) this.#attached?.reconnect();
    else void this.#open();
  }

  async newSession(): Promise<void> {
    if (this.working) this.#ports.notices.show('A turn is running. Stop it first.');
    else await this.#open();
  }

  /** True if the server accepted the prompt. */
  async send(text: string): Promise<boolean> {
    const prompt = text.trim();
    if (prompt === '' || this.#pending !== null) return false;
    this.#pending = prompt;
    try {
      await this.#deliver(prompt);
      return true;
    } catch (error) {
      this.#pending = null;
      this.#failed(asApiError(error));
      return false;
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
    if (!this.#id && !(await this.#open())) throw new Error('There is no session to send this to.');
    try {
      await sendPrompt(this.#id ?? '', prompt, this.working);
    } catch (error) {
      // The session is gone, so the prompt is sent once more, to a new one.
      if (asApiError(error).status !== 404 || !(await this.#open())) throw error;
      this.#pending = prompt;
      await sendPrompt(this.#id ?? '', prompt, false);
    }
  }

  /** True if a new session was opened and attached. A second call meanwhile waits for the same session. */
  #open(): Promise<boolean> {
    this.#opening ??= this.#openNew().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openNew(): Promise<boolean> {
    const { target, several, kept, opened } = this.#ports;
    const before = this.#id;
    try {
      const { session_id } = await openSession(several() ? target : undefined);
      // Meanwhile an address has named another session.
      if (this.#id !== before) return false;
      if (!this.#shown) {
        this.#forget();
        kept.remember(session_id);
        return false;
      }
      this.#attach(session_id);
      opened(session_id);
      return true;
    } catch (error) {
      this.#link = 'down';
      this.#failed(asApiError(error));
      return false;
    }
  }

  #forget(): void {
    this.#id = null;
    this.#model = emptyTranscript;
    this.#view = emptyTranscript;
    this.#pending = null;
    this.#stopping = false;
  }

  #attach(id: string): void {
    this.#attached?.close();
    if (id !== this.#id) this.#forget();
    this.#id = id;
    this.#link = 'connecting';
    this.#ports.kept.remember(id);
    const handlers: LinkHandlers = {
      event: (event, live) => this.#take(event, live),
      state: (state) => {
        this.#link = state;
      },
      gone: () => {
        if (!this.#ports.mayOpen()) {
          this.#ports.notices.show('That session is gone.');
          return;
        }
        this.#ports.notices.show('That session is gone. A new one was opened.');
        const unsent = this.#pending;
        void this.#open().then((opened) => {
          if (opened && unsent) void this.send(unsent);
        });
      },
      signedOut: this.#ports.signedOut,
    };
    const { lastId } = this.#model;
    this.#attached = new SessionLink(id, handlers, lastId < 0 ? undefined : lastId);
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
      foreign(id, event.target);
    }
    return true;
  }

  #take(event: WireEvent, live: boolean): void {
    if (this.#isForeign(event)) return;
    this.#model = reduce(this.#model, event);
    if (event.kind === 'turn_end') this.#stopping = false;
    if (event.kind === 'user' || event.kind === 'queued') this.#pending = null;
    this.#publish ??= setTimeout(() => {
      this.#publish = undefined;
      this.#view = this.#model;
    }, PUBLISH_MS);
    this.#ports.event(event, live);
  }

  #failed({ status, message, body }: ApiError): void {
    if (status === 401) this.#ports.signedOut();
    else if (status === 409) this.#ports.notices.show('A turn is already running.');
    else if (status === 0) this.#ports.notices.show(`Not sent. ${message}`);
    else this.#ports.notices.show(body.detail ?? message);
  }
}
