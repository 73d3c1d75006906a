// A line of the console's log as a person at the lab's terminal wants it: a sentence, not JSON. What is no log line stays as it is.
const WORDS: Readonly<Record<number, string>> = {
  40: 'warns',
  50: 'reports an error',
  60: 'reports an error',
};

/** pino's form: `level`, `msg`, and `err` where something was thrown. */
export function plainLine(line: string): string {
  const entry = entryOf(line);
  if (entry === undefined) return line;
  const { level, msg, err } = entry;
  const cause = err?.message;
  const told = cause === undefined || cause === msg ? msg : `${msg}: ${cause}`;
  return `lab: the console ${WORDS[level] ?? 'says'}: ${told}`;
}

interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message?: string };
}

function entryOf(line: string): LogEntry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as Partial<LogEntry>;
    return typeof entry.level === 'number' && typeof entry.msg === 'string' ? (entry as LogEntry) : undefined;
  } catch {
    return undefined;
  }
}
