// systemd's journal: entries in order, each of one boot. Reading filters; vacuuming is about the files below /var/log/journal.

/** syslog's words for priorities, by number. */
export const PRIORITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const;

export interface JournalEntry {
  readonly atMs: number;
  readonly boot: number;
  readonly unit: string | undefined;
  readonly ident: string;
  readonly pid: number | undefined;
  readonly priority: number;
  readonly message: string;
  readonly kernel: boolean;
  /** The explanation that -x adds. */
  readonly catalog?: string;
}

export interface JournalQuery {
  readonly units?: readonly string[];
  readonly ident?: string;
  readonly maxPriority?: number;
  readonly kernel?: boolean;
  readonly boot?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly grep?: RegExp;
}

export class Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #listeners = new Set<(entry: JournalEntry) => void>();

  add(entry: JournalEntry): void {
    this.#entries.push(entry);
    const last = this.#entries.at(-2);
    if (last && last.atMs > entry.atMs) this.#entries.sort((a, b) => a.atMs - b.atMs);
    for (const listener of this.#listeners) listener(entry);
  }

  follow(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  boots(): { boot: number; firstMs: number; lastMs: number }[] {
    const boots = new Map<number, { boot: number; firstMs: number; lastMs: number }>();
    for (const { boot, atMs } of this.#entries) {
      const seen = boots.get(boot);
      if (seen) seen.lastMs = atMs;
      else boots.set(boot, { boot, firstMs: atMs, lastMs: atMs });
    }
    return [...boots.values()];
  }

  query(query: JournalQuery): JournalEntry[] {
    return this.#entries.filter(
      (entry) =>
        (query.units === undefined || (entry.unit !== undefined && query.units.includes(entry.unit))) &&
        (query.ident === undefined || entry.ident === query.ident) &&
        (query.maxPriority === undefined || entry.priority <= query.maxPriority) &&
        (query.kernel !== true || entry.kernel) &&
        (query.boot === undefined || entry.boot === query.boot) &&
        (query.sinceMs === undefined || entry.atMs >= query.sinceMs) &&
        (query.untilMs === undefined || entry.atMs <= query.untilMs) &&
        (query.grep === undefined || query.grep.test(entry.message)),
    );
  }

  /** What a vacuum deletes: everything older, except the running boot. */
  dropBefore(ms: number, keepBoot: number): void {
    const kept = this.#entries.filter((entry) => entry.atMs >= ms || entry.boot === keepBoot);
    this.#entries.splice(0, this.#entries.length, ...kept);
  }
}
