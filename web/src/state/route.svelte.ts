// The address: which view of which target it names (`route-hash.ts` has its forms), and how the page moves between views.
import type { SessionId } from '../../../protocol/ids.ts';
import { hashOf, type Place, parseHash, sessionHash, type View } from './route-hash.ts';

export class Route {
  /** The target that is shown, to be named in every new address; undefined if there is only one target. */
  readonly #named: () => string | undefined;
  #hash = $state(location.hash);
  #place = $derived(parseHash(this.#hash));
  /** The address of the chat that power was opened from, and the target of that chat. */
  #chat: { readonly hash: string; readonly of: string | undefined } = { hash: '#/', of: undefined };
  #openedHere = false;
  /** The address that the evidence was opened from; empty if the page was opened with it. */
  #beforeEvidence = '';

  constructor(named: () => string | undefined) {
    this.#named = named;
  }

  get place(): Place {
    return this.#place;
  }
  get view(): View {
    return this.#place.view;
  }

  /** Returns what undoes it. */
  watch(onSession: (id: SessionId) => void): () => void {
    const changed = () => {
      const before = this.#named();
      if (this.view !== 'evidence') this.#beforeEvidence = this.#hash;
      this.#hash = location.hash;
      // Closing a view must not lead back to another target, so what was opened there is forgotten.
      const moved = this.#named() !== before;
      if (this.view === 'chat' || moved) this.#openedHere = false;
      if (this.view !== 'evidence' || moved) this.#beforeEvidence = '';
      if (this.#place.session) onSession(this.#place.session);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }

  openChat(): void {
    if (this.view === 'evidence') this.#go(this.#chatHash());
    else this.closePower();
  }

  openPower(): void {
    if (this.view === 'power') return;
    if (this.view === 'chat') this.#chat = { hash: location.hash || '#/', of: this.#named() };
    this.#openedHere = this.view === 'chat';
    this.#go(hashOf({ view: 'power' }, this.#named()));
  }

  closePower(): void {
    if (this.view !== 'power') return;
    if (this.#openedHere) history.back();
    else this.#go(this.#chatHash());
  }

  closeEvidence(): void {
    if (this.view !== 'evidence') return;
    if (this.#beforeEvidence !== '') history.back();
    else this.#go(hashOf({ view: 'power' }, this.#named()));
  }

  /** Shows the same view of another target, or its power if evidence is open, because that belongs to one target only. */
  choose(target: string): void {
    this.#openedHere = false;
    this.#beforeEvidence = '';
    this.#go(hashOf({ view: this.view === 'chat' ? 'chat' : 'power' }, target));
  }

  evidenceHash(id: string): string {
    return hashOf({ view: 'evidence', evidence: id }, this.#named());
  }

  /** The new session replaces the old one in the address, so that going back does not lead into the old one. */
  replaceSession(id: string): void {
    if (this.view !== 'chat') return;
    history.replaceState(null, '', sessionHash(id));
    this.#hash = location.hash;
  }

  #chatHash(): string {
    return this.#chat.of === this.#named() ? this.#chat.hash : hashOf({ view: 'chat' }, this.#named());
  }

  /** The hashchange event comes later; the view does not wait for it. */
  #go(hash: string): void {
    location.hash = hash;
    this.#hash = hash;
  }
}
