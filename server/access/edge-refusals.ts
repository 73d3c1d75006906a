// Why the edge was not believed, told in bounded pieces: each reason at once, and then once a minute with its number. The reasons are a
// few, whatever is sent.
const WINDOW_MS = 60_000;

export class EdgeRefusals {
  readonly #tell: (why: string, times: number) => void;
  readonly #now: () => number;
  readonly #counts = new Map<string, { sinceMs: number; untold: number }>();

  constructor(tell: (why: string, times: number) => void, now: () => number = Date.now) {
    this.#tell = tell;
    this.#now = now;
  }

  note(why: string): void {
    const now = this.#now();
    const count = this.#counts.get(why);
    if (count !== undefined && now - count.sinceMs < WINDOW_MS) {
      count.untold += 1;
      return;
    }
    this.#tell(why, 1 + (count?.untold ?? 0));
    this.#counts.set(why, { sinceMs: now, untold: 0 });
  }

  /** Tells what has not been told yet: of minutes that are over, or all of it at the end. */
  tell(which: 'past' | 'all'): void {
    const now = this.#now();
    for (const [why, { sinceMs, untold }] of this.#counts) {
      if (which === 'past' && now - sinceMs < WINDOW_MS) continue;
      this.#counts.delete(why);
      if (untold > 0) this.#tell(why, untold);
    }
  }
}
