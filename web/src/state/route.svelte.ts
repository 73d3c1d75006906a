// Which view the address names: `#/`, `#/power`, `#/s/<session>`, `#/evidence/<id>`. The back button and deep links come from here.
import type { EvidenceId, SessionId } from '../../../protocol/ids.ts';
import { parseHash, type View } from './route-hash.ts';

export class Route {
  #hash = $state(location.hash);
  #parsed = $derived(parseHash(this.#hash));
  #chatHash = '#/';
  #openedHere = false;
  /** Where the evidence was opened from; empty: by a link from outside. */
  #beforeEvidence = '';

  get view(): View {
    return this.#parsed.view;
  }
  get session(): SessionId | undefined {
    return this.#parsed.session;
  }

  get evidence(): EvidenceId | undefined {
    return this.#parsed.evidence;
  }

  /** Returns what undoes it. */
  watch(onSession: (id: SessionId) => void): () => void {
    const changed = () => {
      if (this.view !== 'evidence') this.#beforeEvidence = this.#hash;
      this.#hash = location.hash;
      if (this.view === 'chat') this.#openedHere = false;
      if (this.view !== 'evidence') this.#beforeEvidence = '';
      if (this.session) onSession(this.session);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }

  openChat(): void {
    if (this.view === 'evidence') this.#go(this.#chatHash);
    else this.closePower();
  }

  openPower(): void {
    if (this.view === 'power') return;
    if (this.view === 'chat') this.#chatHash = location.hash || '#/';
    this.#openedHere = this.view === 'chat';
    this.#go('#/power');
  }

  closePower(): void {
    if (this.view !== 'power') return;
    if (this.#openedHere) history.back();
    else this.#go(this.#chatHash);
  }

  closeEvidence(): void {
    if (this.view !== 'evidence') return;
    if (this.#beforeEvidence !== '') history.back();
    else this.#go('#/power');
  }

  /** The event that tells of it comes later; the view must not wait for it. */
  #go(hash: string): void {
    location.hash = hash;
    this.#hash = hash;
  }

  /** A new session replaces the address: going back must not lead into the old one. */
  replaceSession(id: string): void {
    if (this.view !== 'chat') return;
    history.replaceState(null, '', `#/s/${id}`);
    this.#hash = location.hash;
  }
}
