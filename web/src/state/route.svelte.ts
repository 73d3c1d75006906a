// Which view of which target the address names; its forms are in `route-hash.ts`. The back button and deep links come from here.
import type { SessionId } from '../../../protocol/ids.ts';
import { hashOf, type Place, parseHash, sessionHash, type View } from './route-hash.ts';

export class Route {
  /** The target that every address from here must name; undefined where there is only one. */
  readonly #named: () => string | undefined;
  #hash = $state(location.hash);
  #place = $derived(parseHash(this.#hash));
  /** The chat that power was opened over, and whose it was. */
  #chat: { readonly hash: string; readonly of: string | undefined } = { hash: '#/', of: undefined };
  #openedHere = false;
  /** Where the evidence was opened from; empty: by a link from outside. */
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
      // What was opened over another target must not be closed by going back to that target.
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

  /** The same view of another target; from evidence, which the other one does not have, its power. */
  choose(target: string): void {
    this.#openedHere = false;
    this.#beforeEvidence = '';
    this.#go(hashOf({ view: this.view === 'chat' ? 'chat' : 'power' }, target));
  }

  evidenceHash(id: string): string {
    return hashOf({ view: 'evidence', evidence: id }, this.#named());
  }

  /** A new session replaces the address: going back must not lead into the old one. */
  replaceSession(id: string): void {
    if (this.view !== 'chat') return;
    history.replaceState(null, '', sessionHash(id));
    this.#hash = location.hash;
  }

  #chatHash(): string {
    return this.#chat.of === this.#named() ? this.#chat.hash : hashOf({ view: 'chat' }, this.#named());
  }

  /** The event that tells of it comes later; the view must not wait for it. */
  #go(hash: string): void {
    location.hash = hash;
    this.#hash = hash;
  }
}
