// The list of sessions in its sheet: a page at a time, narrowed by what is typed, and the names that people give.
import type { SessionSummary } from '../../../protocol/sessions.ts';
import { fetchSessions, renameSession } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';

/** Typing is faster than a phone's network. */
const SETTLE_MS = 250;

export class SessionList {
  #search = $state('');
  #target = $state<string | undefined>();
  #sessions = $state.raw<readonly SessionSummary[] | null>(null);
  #next = $state<number | undefined>();
  #cut = $state(false);
  #trouble = $state('');
  #busy = $state(false);
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `target` undefined: of all targets. */
  constructor(target: string | undefined) {
    this.#target = target;
  }

  /** Null until the console has answered. */
  get sessions(): readonly SessionSummary[] | null {
    return this.#sessions;
  }
  get hasMore(): boolean {
    return this.#next !== undefined;
  }
  /** Older matches are missing. */
  get cut(): boolean {
    return this.#cut;
  }
  /** Why the console did not answer as it was asked; empty: it did. */
  get trouble(): string {
    return this.#trouble;
  }
  get busy(): boolean {
    return this.#busy;
  }
  get search(): string {
    return this.#search;
  }
  set search(text: string) {
    this.#search = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), SETTLE_MS);
  }
  get target(): string | undefined {
    return this.#target;
  }
  set target(name: string | undefined) {
    this.#target = name;
    void this.load();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#asked++;
  }

  load(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#ask(undefined);
  }

  more(): Promise<void> {
    return this.#ask(this.#next);
  }

  /** Resolves with why it does not hold; empty where it does. */
  async rename(id: string, title: string): Promise<string> {
    try {
      const named = await renameSession(id, title);
      this.#sessions =
        this.#sessions?.map((each) =>
          each.session_id === id ? { ...each, title: named.title, named: true } : each,
        ) ?? null;
      return '';
    } catch (error) {
      const { status, message } = asApiError(error);
      return status === 0 ? 'The console does not answer. The name may not be kept: try again.' : message;
    }
  }

  async #ask(before: number | undefined): Promise<void> {
    // Answers may overtake each other: only that to the last question counts.
    this.#asked += 1;
    const mine = this.#asked;
    this.#busy = true;
    try {
      const page = await fetchSessions({ search: this.#search.trim(), target: this.#target, before });
      if (mine !== this.#asked) return;
      const shown = before === undefined ? [] : (this.#sessions ?? []);
      // A session that became active meanwhile has moved up and does not come again; one that is here already stays once.
      const known = new Set(shown.map(({ session_id }) => session_id));
      this.#sessions = [...shown, ...page.sessions.filter(({ session_id }) => !known.has(session_id))];
      this.#next = page.next;
      this.#cut = page.cut === true;
      this.#trouble = '';
    } catch (error) {
      if (mine === this.#asked) this.#trouble = asApiError(error).message;
    } finally {
      if (mine === this.#asked) this.#busy = false;
    }
  }
}
