// Alerts that mean no target. None is lost silently: the sender is told, and the first of each trouble is noted in the journal, as often as
// is bounded.
import { SERVER } from '../../protocol/actors.ts';
import type { Incidents } from '../../protocol/alerts.ts';
import type { Journal } from '../journal/port.ts';
import { type Alert, type Source, told } from './incoming.ts';

export interface Stray {
  readonly alert: Alert;
  readonly why: string;
}

/** Notes are kept for good, so there are never more of them in a day. */
const NOTES_A_DAY = 20;
const DAY_MS = 86_400_000;
const LISTED = 20;
const WHY_CHARACTERS = 600;

export class Unmapped {
  readonly #journal: Pick<Journal, 'append'>;
  readonly #now: () => number;
  /** When each was noted. */
  readonly #noted = new Map<string, number>();
  #last: Incidents['unmapped'] = [];

  constructor(journal: Pick<Journal, 'append'>, now: () => number) {
    this.#journal = journal;
    this.#now = now;
  }

  /** Rejects where a note is due and cannot be written. */
  async note(source: Source, strays: readonly Stray[]): Promise<void> {
    const now = this.#now();
    for (const [fingerprint, at] of this.#noted) if (now - at >= DAY_MS) this.#noted.delete(fingerprint);
    const fresh = new Map(
      strays
        .filter(({ alert }) => alert.status === 'firing' && !this.#noted.has(alert.fingerprint))
        .map((stray) => [stray.alert.fingerprint, stray]),
    );
    const due = [...fresh.values()].slice(0, NOTES_A_DAY - this.#noted.size);
    if (due.length === 0) return;
    await this.#journal.append(
      due.map(({ alert, why }) => ({
        kind: 'note',
        text: told(`An alert of ${source} means no target: ${alert.title}. ${why}`, WHY_CHARACTERS),
        actor: SERVER,
      })),
    );
    for (const { alert } of due) this.#noted.set(alert.fingerprint, now);
    const at = new Date(now).toISOString();
    const listed = due.map(({ alert, why }) => ({
      at,
      source,
      title: alert.title,
      why: told(why, WHY_CHARACTERS),
    }));
    this.#last = [...listed, ...this.#last].slice(0, LISTED);
  }

  get last(): Incidents['unmapped'] {
    return this.#last;
  }
}
