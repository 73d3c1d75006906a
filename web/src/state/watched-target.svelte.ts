// The state of the target whose session a guest watches. No more of power than that: a guest follows no operation and presses nothing.
import type { TargetState } from '../../../protocol/me.ts';
import { fetchTarget } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { serverClock } from './server-clock.svelte.ts';

const POLL_MS = 5_000;

export class WatchedTarget {
  readonly target: string;
  readonly #signedOut: () => void;
  #state = $state.raw<TargetState | null>(null);
  #stateError = $state('');

  constructor(target: string, signedOut: () => void) {
    this.target = target;
    this.#signedOut = signedOut;
  }

  get state(): TargetState | null {
    return this.#state;
  }
  get stateError(): string {
    return this.#stateError;
  }

  /** Polls while the page is visible. Returns what stops it. */
  watch(): () => void {
    const poll = () => {
      if (document.visibilityState === 'visible') void this.#ask();
    };
    const timer = setInterval(poll, POLL_MS);
    document.addEventListener('visibilitychange', poll);
    poll();
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', poll);
    };
  }

  async #ask(): Promise<void> {
    try {
      this.#state = await fetchTarget(this.target, (nowMs) => serverClock.note(nowMs));
      this.#stateError = '';
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#signedOut();
      else this.#stateError = message;
    }
  }
}
