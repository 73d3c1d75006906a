// The session this page is attached to: its transcript, its link, and what the operator may do with it.
import type { WireEvent } from '../../../protocol/events.ts';
import { cancelTurn, openSession, sendPrompt } from '../api/console-api.ts';
import { type ApiError, asApiError } from '../api/http.ts';
import type { LinkState } from '../api/reconnect.ts';
import { SessionLink } from '../api/session-link.ts';
import { recall, remember } from './browser-memory.ts';
import type { Notices } from './notices.svelte.ts';
import { emptyTranscript, reduce, type Transcript } from './transcript.ts';

interface SessionPorts {
  readonly notices: Notices;
  readonly signedOut: () => void;
  readonly opened: (id: string) => void;
  /** Every event that happened while the page watched; not the replay. */
  readonly liveEvent: (event: WireEvent) => void;
}

export type TurnLamp = 'connecting' | 'attached' | 'working' | 'link down';

// Deltas come faster than a phone can lay out Markdown.
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
  /** A prompt on its way that the server has not echoed yet. */
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
    const known = linked ?? recall('breakglass.session');
    if (known) this.#attach(known);
    else await this.#open();
  }

  switchTo(id: string): void {
    if (id !== this.#id) this.#attach(id);
  }

  close(): void {
    this.#attached?.close();
    clearTimeout(this.#publish);
  }

  reconnect(): void {
    if (this.#id) this.#attached?.reconnect();
    else void this.#open();
  }

  async newSession(): Promise<void> {
    if (this.working) this.#ports.notices.show('A turn is running. Stop it first.');
    else await this.#open();
  }

  /** True when the server has taken the prompt. */
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
        this.#ports.notices.show('Nothing was running any more.');
      }
    } catch (error) {
      this.#stopping = false;
      const { status, message } = asApiError(error);
      this.#ports.notices.show(
        status === 0 ? 'No answer: it is not known whether the turn was stopped.' : message,
      );
    }
  }

  async #deliver(prompt: string): Promise<void> {
    if (!this.#id && !(await this.#open())) throw new Error('There is no session to send this to.');
    try {
      await sendPrompt(this.#id ?? '', prompt, this.working);
    } catch (error) {
      // The session is gone: a new one takes the prompt, once.
      if (asApiError(error).status !== 404 || !(await this.#open())) throw error;
      this.#pending = prompt;
      await sendPrompt(this.#id ?? '', prompt, false);
    }
  }

  async #open(): Promise<boolean> {
    try {
      const { session_id } = await openSession();
      this.#attach(session_id);
      this.#ports.opened(session_id);
      return true;
    } catch (error) {
      this.#link = 'down';
      this.#failed(asApiError(error));
      return false;
    }
  }

  #attach(id: string): void {
    this.#attached?.close();
    this.#id = id;
    this.#model = emptyTranscript;
    this.#view = emptyTranscript;
    this.#pending = null;
    this.#stopping = false;
    this.#link = 'connecting';
    remember('breakglass.session', id);
    this.#attached = new SessionLink(id, {
      event: (event, live) => this.#take(event, live),
      state: (state) => {
        this.#link = state;
      },
      gone: () => {
        this.#ports.notices.show('That session is gone. A new one was opened.');
        const unsent = this.#pending;
        void this.#open().then((opened) => {
          if (opened && unsent) void this.send(unsent);
        });
      },
      signedOut: this.#ports.signedOut,
    });
  }

  #take(event: WireEvent, live: boolean): void {
    this.#model = reduce(this.#model, event);
    if (event.kind === 'turn_end') this.#stopping = false;
    if (event.kind === 'user' || event.kind === 'queued') this.#pending = null;
    this.#publish ??= setTimeout(() => {
      this.#publish = undefined;
      this.#view = this.#model;
    }, PUBLISH_MS);
    if (live) this.#ports.liveEvent(event);
  }

  #failed({ status, message, body }: ApiError): void {
    if (status === 401) this.#ports.signedOut();
    else if (status === 409) this.#ports.notices.show('A turn is already running.');
    else if (status === 0) this.#ports.notices.show(`Not sent. ${message}`);
    else this.#ports.notices.show(body.detail ?? message);
  }
}
