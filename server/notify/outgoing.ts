// What an outbox does with an event for one channel: says it in words, looks whether anybody has to be told, sends it, and records what
// became of it. A notification that cannot be sent is tried again as long as it is worth anything; meanwhile the others of its page are tried
// too, and those after it once each. What was recorded is never sent again, also after a restart.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { JournalEvent } from '../../protocol/events.ts';
import { type EventId, eventId } from '../../protocol/ids.ts';
import type { ChannelName, NotificationResult } from '../../protocol/notifications.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import type { Channel } from '../outbox/outbox.ts';
import { answerTo, aroundOf } from './around.ts';
import type { Delivery, NotifyChannel } from './channel.ts';
import type { Looking } from './looking.ts';
import { duration, NOTIFIED_KINDS, notificationOf } from './notification.ts';

export interface OutgoingParts {
  readonly journal: Journal;
  readonly channel: NotifyChannel;
  readonly looking: Looking;
  readonly turnMs: number;
  readonly now: () => number;
  readonly logger: Logger;
}

export const outboxName = (channel: ChannelName): string => `notify-${channel}`;

/** Events after a page that is stuck which are tried at a time. */
const BEHIND = 50;

/** Why it could not be sent yet; undefined: it is settled. */
type Trouble = string | undefined;

export function outgoing(parts: OutgoingParts): Channel {
  const { journal, channel } = parts;
  const settled = new Set<number>();
  const troubles = new Map<number, string>();
  let recalled = false;

  /** What this or an earlier process has recorded of the page that begins here. */
  async function recall(first: EventId): Promise<void> {
    for (const id of settled) if (id < first) settled.delete(id);
    for (const id of troubles.keys()) if (id < first) troubles.delete(id);
    if (recalled) return;
    for await (const event of readAll(journal, { kinds: ['notified'] }, first))
      if (event.kind === 'notified' && event.channel === channel.name) settled.add(event.about);
    recalled = true;
  }

  /** An outbox goes on to these only when its page is through, which may take hours; a question lives for minutes. */
  async function behind(last: EventId): Promise<readonly JournalEvent[]> {
    const found: JournalEvent[] = [];
    for await (const event of readAll(journal, { kinds: NOTIFIED_KINDS }, last)) {
      if (settled.has(event.id) || troubles.has(event.id)) continue;
      found.push(event);
      if (found.length === BEHIND) break;
    }
    return found;
  }

  async function attempt(event: JournalEvent, signal: AbortSignal): Promise<Trouble> {
    const delivery = await deliver(event, parts, troubles.get(event.id), signal);
    if (delivery.type === 'later') {
      troubles.set(event.id, delivery.detail);
      return delivery.detail;
    }
    settled.add(event.id);
    if (delivery.type !== 'nothing') await record(event, delivery, parts);
    return undefined;
  }

  return {
    name: outboxName(channel.name),
    filter: { kinds: NOTIFIED_KINDS },
    async send(events, signal) {
      await recall(events[0]?.id ?? eventId(0));
      const stuck = events.some(({ id }) => troubles.has(id));
      const after = stuck ? await behind(events.at(-1)?.id ?? eventId(0)) : [];
      const waiting = [...events.filter(({ id }) => !settled.has(id)), ...after];
      // All at once, so that a flood is not told two seconds apart.
      for (const event of waiting) void parts.looking.at(event);
      const rest: Promise<Trouble>[] = [];
      let trouble: Trouble;
      for (const event of waiting) {
        // After the first trouble none waits for another one's time limit.
        if (trouble === undefined) trouble = await attempt(event, signal);
        else rest.push(attempt(event, signal));
      }
      await Promise.all(rest);
      // Those after the page have their turn in a page of their own.
      if (trouble !== undefined && events.some(({ id }) => !settled.has(id))) throw new Error(trouble);
    },
  };
}

type Settled = { readonly type: NotificationResult; readonly detail: string };

async function deliver(
  event: JournalEvent,
  { journal, channel, looking, turnMs, now }: OutgoingParts,
  before: Trouble,
  signal: AbortSignal,
): Promise<Settled | { readonly type: 'nothing' } | Extract<Delivery, { type: 'later' }>> {
  const notification = notificationOf(event, await aroundOf(journal, event), turnMs);
  if (notification === undefined) return { type: 'nothing' };
  const { ttl_s } = notification;
  // Against a clock that was set back: never more than its whole life.
  const leftS = Math.min(ttl_s, Math.ceil((Date.parse(event.at) + ttl_s * 1_000 - now()) / 1_000));
  if (leftS < -LONG_OVER_S) return { type: 'nothing' };
  if (leftS <= 0) {
    const why = before ?? 'The console could not send it in that time.';
    return { type: 'failed', detail: `Not sent within its ${duration(ttl_s * 1_000)}. ${why}` };
  }
  const answer = await answerTo(journal, event);
  if (answer !== undefined)
    return answer.answer === 'approved' || answer.answer === 'denied'
      ? { type: 'suppressed', detail: `Answered by ${answer.by} before it was sent.` }
      : { type: 'failed', detail: `Not sent, because nobody can answer it any more (${answer.answer}).` };
  if (await looking.at(event)) return { type: 'suppressed', detail: 'A person was looking at it.' };
  const delivery = await channel.deliver({ notification, leftS, event }, signal);
  return delivery.type === 'later' && delivery.reached !== undefined && leftS <= LAST_SECONDS
    ? { type: 'sent', detail: delivery.reached }
    : delivery;
}

/** A channel that comes back after weeks of not being set up has nothing to answer for. */
const LONG_OVER_S = 24 * 3_600;
/** Then there is no time for another attempt, and what some devices took counts. */
const LAST_SECONDS = 20;

async function record(
  { id, target, session_id }: JournalEvent,
  { type, detail }: Settled,
  { journal, channel, logger }: OutgoingParts,
): Promise<void> {
  if (type === 'failed') logger.warn({ channel: channel.name, event: id, detail }, 'nobody was notified');
  await journal
    .append([
      {
        kind: 'notified',
        channel: channel.name,
        about: id,
        result: type,
        detail,
        actor: SERVER,
        ...(target === undefined ? {} : { target }),
        ...(session_id === undefined ? {} : { session_id }),
      },
    ])
    // It is settled all the same: nobody is rung twice because the disk is full.
    .catch((error: unknown) => logger.error({ err: error, event: id }, 'a notification is not recorded'));
}
