// The address: which view of which target it names (`route-hash.ts` has its forms), and how the page moves between views.
import type { SessionId } from '../../../protocol/ids.ts';
import { hashOf, isOver, type Place, parseHash, sessionHash, type View } from './route-hash.ts';

/** In the state of a history entry: it shows a new chat, and no session that happens to be the current one. */
interface NewChat {
  readonly newChat: number;
}
const newChatIn = (state: unknown): number | undefined =>
  typeof state === 'object' && state !== null && 'newChat' in state
    ? Number((state as NewChat).newChat)
    : undefined;

interface RouteParts {
  /** The target that is shown, to be named in every new address; undefined if there is only one target. */
  readonly named: () => string | undefined;
  /** The session that is shown. */
  readonly session: () => string | null;
}

export class Route {
  readonly #named: RouteParts['named'];
  readonly #session: RouteParts['session'];
  #hash = $state(location.hash);
  #place = $derived(parseHash(this.#hash));
  #openedHere = false;
  /** The addresses that what lies over the page was opened from, the last one at the end; empty if the page was opened with it. */
  #beforeOver: readonly string[] = [];
  /** The last new chat that was shown, and those in whose place a session has come while another view was open. */
  #newChat: number | undefined;
  readonly #begun = new Set<number>();

  constructor({ named, session }: RouteParts) {
    this.#named = named;
    this.#session = session;
  }

  get place(): Place {
    return this.#place;
  }
  get view(): View {
    return this.#place.view;
  }

  /** `onNone`: the address is that of a new chat. Returns what undoes it. */
  watch(onSession: (id: SessionId) => void, onNone: () => void): () => void {
    const changed = () => {
      const before = this.#named();
      const from = { hash: this.#hash, view: this.view };
      this.#hash = location.hash;
      // Closing a view must not lead back to another target, so what was opened there is forgotten.
      const moved = this.#named() !== before;
      if (this.view === 'chat' || moved) this.#openedHere = false;
      if (!isOver(this.view) || moved) this.#beforeOver = [];
      else if (this.#beforeOver.at(-1) === this.#hash) this.#beforeOver = this.#beforeOver.slice(0, -1);
      // Another evidence takes the place of the one before.
      else if (from.view !== this.view) this.#beforeOver = [...this.#beforeOver, from.hash];
      if (this.#place.session) onSession(this.#place.session);
      else if (this.view === 'chat' && !moved) this.#settleChat(onNone);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }

  openChat(): void {
    if (isOver(this.view)) this.#go(this.#chatHash());
    else this.closePower();
  }

  openPower(): void {
    if (this.view === 'power') return;
    this.#openedHere = this.view === 'chat';
    this.#go(hashOf({ view: 'power' }, this.#named()));
  }

  closePower(): void {
    if (this.view !== 'power') return;
    if (this.#openedHere) history.back();
    else this.#go(this.#chatHash());
  }

  openLinks(): void {
    if (this.view !== 'links') location.hash = this.linksHash();
  }

  /** In place of what is shown: the page opens with it, and going back leads out of the page. */
  openSetUp(): void {
    history.replaceState(null, '', hashOf({ view: 'set-up' }, this.#named()));
    this.#hash = location.hash;
  }

  /** Closes what lies over chat and power. */
  closeOver(): void {
    if (!isOver(this.view)) return;
    if (this.#beforeOver.length > 0) history.back();
    else this.#go(hashOf({ view: 'power' }, this.#named()));
  }

  /** Shows the same view of another target, or its power if evidence is open, because that belongs to one target only. */
  choose(target: string): void {
    this.#openedHere = false;
    this.#beforeOver = [];
    this.#go(hashOf({ view: this.view === 'evidence' ? 'power' : this.view }, target));
  }

  linksHash(): string {
    return hashOf({ view: 'links' }, this.#named());
  }

  evidenceHash(id: string): string {
    return hashOf({ view: 'evidence', evidence: id }, this.#named());
  }

  /** A session from the list. Going back leads to what was shown before. */
  openSession(id: string): void {
    this.#go(sessionHash(id));
  }

  /** Going back leads to what was shown before. */
  newChat(): void {
    if (this.view === 'chat' && this.#place.session === undefined) {
      this.markNew();
      return;
    }
    this.#openedHere = false;
    this.#beforeOver = [];
    this.#newChat = Date.now();
    const state: NewChat = { newChat: this.#newChat };
    history.pushState(state, '', hashOf({ view: 'chat' }, this.#named()));
    this.#hash = location.hash;
  }

  /** There is no session to show, so this entry is one of a new chat. */
  markNew(): void {
    if (!this.#isHere('chat')) return;
    this.#newChat = Date.now();
    const state: NewChat = { newChat: this.#newChat };
    history.replaceState(state, '', hashOf({ view: 'chat' }, this.#named()));
    this.#hash = location.hash;
  }

  /** The session that is shown takes the place of what the address named: a new chat, or a session that is gone. */
  replaceSession(id: string): void {
    if (this.#isHere('chat')) {
      history.replaceState(null, '', sessionHash(id));
      this.#hash = location.hash;
    } else if (this.#newChat !== undefined) this.#begun.add(this.#newChat);
  }

  /** The chat is shown, and its address names no session. */
  #settleChat(onNone: () => void): void {
    const newChat = newChatIn(history.state);
    const session = this.#session();
    if (newChat !== undefined && !this.#begun.has(newChat)) {
      this.#newChat = newChat;
      onNone();
    } else if (session === null) this.markNew();
    else this.replaceSession(session);
  }

  /** Not while the address is another one already and the page has not heard of it yet. */
  #isHere(view: View): boolean {
    return this.view === view && location.hash === this.#hash;
  }

  #chatHash(): string {
    const session = this.#session();
    return session === null ? hashOf({ view: 'chat' }, this.#named()) : sessionHash(session);
  }

  /** The hashchange event comes later; the view does not wait for it. */
  #go(hash: string): void {
    location.hash = hash;
    this.#hash = hash;
  }
}
