// What a report is made of: the events of one session or of one target in a span of time, as few as it needs and never more than a bound.
// Long texts are cut as they are read, so that a report of many large outputs stays small in memory, and between
// two reads of the journal everybody else is served.
import { setImmediate as others } from 'node:timers/promises';
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import { type EventId, eventId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import type { Journal, JournalFilter } from '../journal/port.ts';

/** Nothing that only tells how the text of an answer came about, and no output of a verb line by line: its end has it whole. */
const KINDS: readonly JournaledKind[] = [
  'session_opened',
  'user',
  'tool',
  'tool_result',
  'far_side',
  'result',
  'error',
  'cancelled',
  'interrupted',
  'turn_end',
  'finding',
  'power_started',
  'power_finished',
  'evidence',
  'approval_requested',
  'approval_resolved',
  'grant_started',
  'grant_ended',
  'policy_changed',
  'incident_opened',
  'incident_alert',
  'incident_verdict',
  'incident_closed',
  'notified',
  'access',
  'drilled',
];

export interface ReportBounds {
  /** From the beginning of what happened. */
  readonly first: number;
  /** Up to its end. */
  readonly last: number;
}

/** The beginning says what it was about, the end how it came out. Together 2,000. */
const REPORT_BOUNDS: ReportBounds = { first: 500, last: 1_500 };
/** A page holds this many events whole; each may have an output of a megabyte. */
const PAGE = 25;
const TEXT_CHARACTERS = 4_000;
/** Of all events together, because every character of a hostile output takes its time to be made visible, and nobody else is served then. */
const ALL_CHARACTERS = 1_000_000;
const charactersEach = (events: number): number =>
  Math.min(TEXT_CHARACTERS, Math.ceil(ALL_CHARACTERS / Math.max(1, events)));
/** A verb that a person pressed after the last word of a session belongs to it for so long. */
const AFTERWARDS_MS = 3_600_000;

export interface Gathered {
  readonly target: TargetName;
  readonly events: readonly JournalEvent[];
  /** How many of them come before what was left out. */
  readonly firstPart: number;
  /** How many were left out there. */
  readonly leftOut: number;
}

export async function ofSession(
  journal: Journal,
  session: { readonly id: SessionId; readonly target: TargetName },
  bounds: ReportBounds = REPORT_BOUNDS,
): Promise<Gathered> {
  const [newest] = await journal.newest({ session: session.id, kinds: KINDS }, 1);
  const untilMs = newest === undefined ? Date.now() : Date.parse(newest.at) + AFTERWARDS_MS;
  const filter = { session: session.id, sessionTarget: session.target, kinds: KINDS };
  const end = await before(journal, filter, untilMs + 1);
  return { target: session.target, ...(await between(journal, filter, eventId(0), end, bounds)) };
}

export async function ofTarget(
  journal: Journal,
  {
    target,
    sinceMs,
    untilMs,
  }: { readonly target: TargetName; readonly sinceMs: number; readonly untilMs: number },
  bounds: ReportBounds = REPORT_BOUNDS,
): Promise<Gathered> {
  const filter = { target, kinds: KINDS };
  const begin = await before(journal, filter, sinceMs);
  const end = await before(journal, filter, untilMs + 1);
  return { target, ...(await between(journal, filter, begin, end, bounds)) };
}

/** The highest id of which everything up to it happened before that time. Times rise with ids; the log is halved until it is found. */
async function before(journal: Journal, filter: JournalFilter, ms: number): Promise<EventId> {
  let [low, high] = [0, Number(journal.head())];
  while (low < high) {
    await others();
    const middle = Math.floor((low + high) / 2);
    const [next] = await journal.read(filter, eventId(middle), 1);
    if (next === undefined || Date.parse(next.at) >= ms) high = middle;
    else low = Number(next.id);
  }
  return eventId(low);
}

async function between(
  journal: Journal,
  filter: JournalFilter,
  after: EventId,
  upTo: EventId,
  { first, last }: ReportBounds,
): Promise<Omit<Gathered, 'target'>> {
  const beyond = await journal.count(filter, upTo);
  const total = (await journal.count(filter, after)) - beyond;
  if (total <= first + last) {
    const all = await collect(journal, filter, { after, upTo, most: total }, charactersEach(total));
    return { events: all, firstPart: all.length, leftOut: 0 };
  }
  // Where the last ones begin: the same halving, by how many are left.
  let [low, high] = [Number(after), Number(upTo)];
  while (low < high) {
    await others();
    const middle = Math.floor((low + high) / 2);
    if ((await journal.count(filter, eventId(middle))) - beyond <= last) high = middle;
    else low = middle + 1;
  }
  const each = charactersEach(first + last);
  const head = await collect(journal, filter, { after, upTo, most: first }, each);
  const tail = await collect(journal, filter, { after: eventId(low), upTo, most: last }, each);
  return {
    events: [...head, ...tail],
    firstPart: head.length,
    leftOut: total - head.length - tail.length,
  };
}

async function collect(
  journal: Journal,
  filter: JournalFilter,
  { after, upTo, most }: { readonly after: EventId; readonly upTo: EventId; readonly most: number },
  characters: number,
): Promise<JournalEvent[]> {
  const events: JournalEvent[] = [];
  let from = after;
  while (events.length < most) {
    await others();
    const page = await journal.read(filter, from, Math.min(PAGE, most - events.length));
    for (const event of page) if (event.id <= upTo) events.push(cut(event, characters) as JournalEvent);
    const reached = page.at(-1)?.id;
    if (reached === undefined || reached >= upTo) break;
    from = reached;
  }
  return events;
}

/** @param most characters of each text */
function cut(value: unknown, most: number): unknown {
  if (typeof value === 'string')
    return value.length <= most ? value : `${value.slice(0, most)}… (${value.length - most} more characters)`;
  if (Array.isArray(value)) return value.map((each) => cut(each, most));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cut(part, most)]));
}
