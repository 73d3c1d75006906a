// Does a person look at this now? An open connection proves nothing: a phone in a pocket has one. So whoever is attached is asked, and
// only a page that is visible and has the focus answers. No answer: nobody looks.
import { randomUUID } from 'node:crypto';
import type { JournalEvent } from '../../protocol/events.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';

/** Whose viewers are asked: of one session, or of all sessions of a target. */
export type Watched =
  | { readonly type: 'session'; readonly session: SessionId }
  | { readonly type: 'target'; readonly target: TargetName };

/** Asks all who are attached. -> how many that are */
export type AskViewers = (watched: Watched, nonce: string) => number;

const ANSWER_WITHIN_MS = 2_000;
/** Each channel asks of the same event. More than are tried at a time need not be remembered. */
const REMEMBERED = 500;

export class Looking {
  readonly #ask: AskViewers;
  readonly #withinMs: number;
  readonly #waiting = new Map<string, (looks: boolean) => void>();
  readonly #asked = new Map<number, Promise<boolean>>();

  constructor(ask: AskViewers, withinMs: number = ANSWER_WITHIN_MS) {
    this.#ask = ask;
    this.#withinMs = withinMs;
  }

  /** Asks once for each event. */
  at(event: JournalEvent): Promise<boolean> {
    const known = this.#asked.get(event.id);
    if (known !== undefined) return known;
    const asked = this.#askAbout(event);
    this.#asked.set(event.id, asked);
    if (this.#asked.size > REMEMBERED) this.#asked.delete(this.#asked.keys().next().value ?? 0);
    return asked;
  }

  /** Whoever answers may do something about it: the caller made sure. What comes late or twice counts for nothing. */
  answer(nonce: string): void {
    this.#waiting.get(nonce)?.(true);
  }

  #askAbout(event: JournalEvent): Promise<boolean> {
    const watched = watchedOf(event);
    if (watched === undefined) return Promise.resolve(false);
    const nonce = randomUUID();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), this.#withinMs);
    this.#waiting.set(nonce, resolve);
    if (this.#ask(watched, nonce) === 0) resolve(false);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(nonce);
    });
  }
}

/** An operation is seen in every session of its target; all else only in its own. */
function watchedOf({ kind, session_id, target }: JournalEvent): Watched | undefined {
  if (kind === 'power_finished') return target === undefined ? undefined : { type: 'target', target };
  return session_id === undefined ? undefined : { type: 'session', session: session_id };
}
