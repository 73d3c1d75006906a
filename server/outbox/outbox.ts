// Sends the events of one channel to another machine, in the order of the journal, each at least once. How far it is stands in the
// journal too, so a server that was killed goes on where it was; what it sent in its last moment may be sent again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { JournalEvent } from '../../protocol/events.ts';
import type { EventId } from '../../protocol/ids.ts';
import type { Journal, JournalFilter, OutboxState } from '../journal/port.ts';

export interface Channel {
  readonly name: string;
  /** The events that concern it. */
  readonly filter: JournalFilter;
  /**
   * Resolves when all of these have arrived, which follow each other. Rejects with the reason when that is not certain: then they are
   * tried again before any later event.
   */
  send(events: readonly JournalEvent[], signal: AbortSignal): Promise<void>;
}

export interface OutboxParts {
  readonly journal: Journal;
  readonly channel: Channel;
  readonly logger: Logger;
  /** The pause after so many failed attempts. By default 1 s, then twice as long each time, at most 5 minutes. */
  readonly pauseMs?: (attempts: number) => number;
}

/** Why nothing arrives at present. */
export interface OutboxTrouble {
  readonly why: string;
  /** Since when, in milliseconds of the epoch; after a restart, since then. */
  readonly sinceMs: number;
  /** How many events waited at the last attempt. */
  readonly waiting: number;
}

export interface RunningOutbox {
  state(): Promise<OutboxState>;
  /** Undefined while all goes well. */
  trouble(): OutboxTrouble | undefined;
  /** Ends after the events that are being sent; if that takes more than a moment, it is cut off. */
  close(): Promise<void>;
}

/** A command's recorded output has up to 1 MiB, and these are in memory at once. */
const PAGE = 25;
const LONGEST_PAUSE_MS = 5 * 60_000;
const CLOSE_PATIENCE_MS = 1_000;

const doubling = (attempts: number): number =>
  Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** Math.min(30, Math.max(0, attempts - 1)));

export function startOutbox({ journal, channel, logger, pauseMs = doubling }: OutboxParts): RunningOutbox {
  const outbox = journal.outbox(channel.name);
  const closing = new AbortController();
  const cutting = new AbortController();
  let trouble: OutboxTrouble | undefined;
  let wake = Promise.withResolvers<void>();
  const unfollow = journal.follow(channel.filter, () => wake.resolve());

  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);

  /** Sends everything that waits. True when all of it has arrived. */
  async function drain(): Promise<boolean> {
    const upTo = journal.head();
    let { sentId, attempts } = await outbox.state();
    while (!closing.signal.aborted) {
      const page = await journal.read(channel.filter, sentId, PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      const why = await attempt(page);
      if (why !== undefined) {
        if (closing.signal.aborted) return false;
        attempts++;
        const waiting = await journal.count(channel.filter, sentId);
        trouble = { why, waiting, sinceMs: trouble?.sinceMs ?? Date.now() };
        await outbox.failed(why);
        logger.warn(
          { channel: channel.name, event: page[0]?.id, attempts, waiting, trouble: why },
          'not sent; trying again',
        );
        await pause(pauseMs(attempts));
        return false;
      }
      if (trouble !== undefined) logger.info({ channel: channel.name, attempts }, 'sent again');
      trouble = undefined;
      attempts = 0;
      sentId = last.id;
      await outbox.sent(last.id);
    }
    if (upTo > sentId) await outbox.passed(upTo as EventId);
    return true;
  }

  async function attempt(events: readonly JournalEvent[]): Promise<string | undefined> {
    try {
      await channel.send(events, cutting.signal);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      wake = Promise.withResolvers<void>();
      try {
        const everything = await drain();
        failures = 0;
        if (everything) await Promise.race([wake.promise, aborted(closing.signal)]);
      } catch (error) {
        // The journal itself failed. How far the channel is cannot be known, so nothing is sent.
        logger.error({ err: error, channel: channel.name }, 'the outbox cannot be read or written');
        await pause(pauseMs(++failures));
      }
    }
  }

  const running = run();
  return {
    state: () => outbox.state(),
    trouble: () => trouble,
    async close() {
      unfollow();
      closing.abort();
      const patience = setTimeout(() => cutting.abort(), CLOSE_PATIENCE_MS);
      await running.finally(() => clearTimeout(patience));
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
