// systemd's journal: entries in order, each of one boot.

/** syslog's words for priorities, by number. */
export const PRIORITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];

export interface JournalEntry {
  readonly atMs: number;
  readonly boot: number;
  readonly ident: string;
  readonly message: string;
  readonly priority: number;
  readonly unit?: string | undefined;
  readonly pid?: number | undefined;
  readonly kernel?: boolean;
}

export class Journal {
  readonly #entries: JournalEntry[] = [];

  add(entry: JournalEntry): void {
    const behind = (this.#entries.at(-1)?.atMs ?? 0) > entry.atMs;
    this.#entries.push(entry);
    if (behind) this.#entries.sort((a, b) => a.atMs - b.atMs);
  }
  where(wanted: (entry: JournalEntry) => boolean): JournalEntry[] {
    return this.#entries.filter(wanted);
  }
}

/** `Jun 23 04:05:06`, UTC. */
const syslogStamp = (ms: number): string =>
  new Date(ms).toUTCString().replace(/^\w+, (\d+) (\w+) \d+ ([\d:]+) GMT$/, '$2 $1 $3');

export const entryLine = ({ atMs, ident, pid, message }: JournalEntry, hostname: string): string =>
  `${syslogStamp(atMs)} ${hostname} ${ident}${pid === undefined ? '' : `[${pid}]`}: ${message}\n`;
