// What is old is deleted, where the deployment wants that: whole sessions and operations that are over, oldest first, with their evidence
// and the conversation of the agent; by age also what belongs to neither. Each deletion is in the journal before it begins, so the record tells what it does not hold any more, and
// the number of an event is never given again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import {
  type EventId,
  type EvidenceId,
  eventId,
  type SessionId,
  type TargetName,
} from '../../protocol/ids.ts';
import type { KeepConfig } from '../config/config.ts';
import type { Journal, Removable } from '../journal/port.ts';

export interface RetentionParts {
  readonly keep: KeepConfig;
  readonly journal: Journal;
  /** Channels that must have sent an event before it may go. */
  readonly channels: readonly string[];
  readonly removeEvidence: (target: TargetName, id: EvidenceId) => Promise<void>;
  /** What the agent keeps of a session beside the journal. */
  readonly forget: (session: SessionId) => void;
  readonly logger: Logger;
  readonly now?: () => number;
}

const DAY_MS = 86_400_000;
/** An incident that was touched within this time is not over, whatever was configured. */
const RECENT_MS = 7 * DAY_MS;
const EVERY_MS = 3_600_000;
/** Not while the start has other things to do. */
const FIRST_AFTER_MS = 60_000;
/** Named in one note. */
const AT_A_TIME = 50;

export interface Retention {
  close(): Promise<void>;
}

/** Undefined limits delete nothing, and then nothing runs. */
export function startRetention(parts: RetentionParts): Retention {
  const closing = new AbortController();
  async function run(): Promise<void> {
    if (parts.keep.days === undefined && parts.keep.megabytes === undefined) return;
    for (let wait = FIRST_AFTER_MS; !closing.signal.aborted; wait = EVERY_MS) {
      await sleep(wait, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      await removeWhatIsOld(parts, closing.signal).catch((error: unknown) =>
        parts.logger.error({ err: error }, 'what is old could not be deleted'),
      );
    }
  }
  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** Resolves when nothing is left that may go. */
export async function removeWhatIsOld(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  const { keep, journal, logger, now = Date.now } = parts;
  const recent = now() - RECENT_MS;
  const byAge = keep.days === undefined ? undefined : Math.min(recent, now() - keep.days * DAY_MS);
  const removeAll = async (why: string, before: number, most: () => Promise<number>): Promise<void> => {
    while (!signal.aborted) {
      const room = await most();
      if (room <= 0) return;
      const found = await journal.removable({
        before: new Date(before).toISOString(),
        upTo: await sentEverywhere(parts),
        limit: AT_A_TIME,
      });
      const old = firstOf(found, room);
      if (old.length === 0) return;
      await journal.append([{ kind: 'note', text: noteOf(old, why), actor: SERVER }]);
      for (const each of old) {
        if (signal.aborted) return;
        await removeOne(parts, each);
      }
      logger.info({ removed: old.length }, `deleted what is old: ${why}`);
    }
  };
  if (byAge !== undefined) {
    await removeAll(`older than ${keep.days} days`, byAge, async () => Infinity);
    await removeLoose(parts, byAge);
  }
  const { megabytes } = keep;
  if (megabytes !== undefined)
    await removeAll(
      `the journal is larger than ${megabytes} MB`,
      recent,
      async () => (await journal.bytes()) - megabytes * 1024 ** 2,
    );
}

/** Sign-ins, refusals, starts. */
async function removeLoose(parts: RetentionParts, before: number): Promise<void> {
  const { keep, journal } = parts;
  const old = { before: new Date(before).toISOString(), upTo: await sentEverywhere(parts) };
  const events = await journal.loose(old);
  if (events === 0) return;
  const text = `Retention deletes, because older than ${keep.days} days: ${events} events that belong to no session and no operation, up to ${old.before}.`;
  await journal.append([{ kind: 'note', text, actor: SERVER }]);
  await journal.removeLoose(old);
}

/** As many as make half of that room. On the disk they make more of it, and what is still too much goes the next time. */
function firstOf(found: readonly Removable[], bytes: number): readonly Removable[] {
  let sum = 0;
  return found.filter((each) => {
    const wanted = sum < bytes / 2;
    sum += each.bytes;
    return wanted;
  });
}

/** Evidence and conversation first: what was begun is found again as long as the events are there. */
async function removeOne({ journal, removeEvidence, forget }: RetentionParts, old: Removable): Promise<void> {
  for (const { target, id } of old.evidence) await removeEvidence(target, id);
  if (old.of.type === 'session') forget(old.of.id);
  await journal.remove(old);
}

async function sentEverywhere({ journal, channels }: RetentionParts): Promise<EventId> {
  let upTo = journal.head();
  for (const channel of channels) {
    const { sentId } = await journal.outbox(channel).state();
    upTo = eventId(Math.min(upTo, sentId));
  }
  return upTo;
}

function noteOf(old: readonly Removable[], why: string): string {
  const events = old.reduce((sum, each) => sum + each.events, 0);
  const bundles = old.reduce((sum, { evidence }) => sum + evidence.length, 0);
  const names = old.map(({ of, from, to }) => `${of.type} ${of.id} (${from} to ${to})`);
  return `Retention deletes, because ${why}: ${events} events and ${bundles} bundles of evidence of ${names.join(', ')}.`;
}
