// Which view the address names: `#/`, `#/power`, `#/s/<session>`. The back button and deep links come from here.
import type { SessionId } from '../../../protocol/ids.ts';
import { parseHash, type View } from './route-hash.ts';

export class Route {
  #hash = $state(location.hash);
  #parsed = $derived(parseHash(this.#hash));
  #chatHash = '#/';
  #openedHere = false;

  get view(): View {
    return this.#parsed.view;
  }
  get session(): SessionId | undefined {
    return this.#parsed.session;
  }

  /** Returns what undoes it. */
  watch(onSession: (id: SessionId) => void): () => void {
    const changed = () => {
      this.#hash = location.hash;
      if (this.view === 'chat') this.#openedHere = false;
      if (this.session) onSession(this.session);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }

  openPower(): void {
    if (this.view === 'power') return;
    this.#chatHash = location.hash || '#/';
    this.#openedHere = true;
    this.#go('#/power');
  }

  closePower(): void {
    if (this.view !== 'power') return;
    if (this.#openedHere) history.back();
    else this.#go(this.#chatHash);
  }

  /** The event that tells of it comes later; the view must not wait for it. */
  #go(hash: string): void {
    location.hash = hash;
    this.#hash = hash;
  }

  /** A new session replaces the address: going back must not lead into the old one. */
  replaceSession(id: string): void {
    if (this.view === 'power') return;
    history.replaceState(null, '', `#/s/${id}`);
    this.#hash = location.hash;
  }
}
