// Notifications: one outbox for each channel, and what the page shows and asks of them.
import type { Logger } from 'pino';
import { eventId } from '../../protocol/ids.ts';
import type {
  ChannelName,
  LastNotification,
  NotificationChannel,
  NotificationTest,
} from '../../protocol/notifications.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { NotifyConfig } from '../config/notify.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import { startOutbox } from '../outbox/outbox.ts';
import type { Message, NotifyChannel } from './channel.ts';
import { type AskViewers, Looking } from './looking.ts';
import { testNotification } from './notification.ts';
import { ntfyChannel } from './ntfy.ts';
import { outboxName, outgoing } from './outgoing.ts';
import { NO_CONTACT, Push, type PushOwner } from './push.ts';
import { PushFile } from './push-file.ts';
import { webhookChannel } from './webhook.ts';

export interface NotifyParts {
  readonly config: NotifyConfig;
  readonly dataDir: string;
  readonly journal: Journal;
  /** Whether what somebody came in by is still good. */
  readonly stands: (owner: PushOwner) => boolean;
  readonly askViewers: AskViewers;
  readonly logger: Logger;
  readonly now?: () => number;
  /** As the outbox's. */
  readonly pauseMs?: (attempts: number) => number;
  /** How long a page has to answer that somebody looks. */
  readonly answerWithinMs?: number;
}

/** What became of a test. Nobody writes it down. */
export interface ChannelTest extends NotificationTest {
  /** UTC, ISO 8601. */
  readonly at: string;
}

export interface Notify {
  readonly push: Push;
  /** Why no browser can turn push on, whatever its address; undefined: it may. */
  readonly whyNoPush: string | undefined;
  /** Throws `journal-unavailable` when the key could not be kept. */
  publicKey(): string;
  channels(): readonly NotificationChannel[];
  /** The answer of a page of somebody who may do something about what it shows. */
  looked(nonce: string): void;
  /** Sends a test now. Throws `unknown-device`. */
  test(channel: ChannelName, device: string | undefined): Promise<NotificationTest>;
  /** The last test of this channel since the start, to all its devices. */
  tested(channel: ChannelName): ChannelTest | undefined;
  /** Takes a browser off. False when there was none. */
  forget(device: string): boolean;
  /** Before the journal. What has not been sent is sent after the next start, if it is still worth anything. */
  close(): Promise<void>;
}

/** The life of an approval is minutes, so no pause is long. */
const LONGEST_PAUSE_MS = 15_000;
const soon = (attempts: number): number =>
  Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** Math.min(10, Math.max(0, attempts - 1)));

/** The names in the journal of what is set up. */
export const outboxesOf = ({ ntfy, webhook }: NotifyConfig): readonly string[] => [
  outboxName('push'),
  ...(ntfy === undefined ? [] : [outboxName('ntfy')]),
  ...(webhook === undefined ? [] : [outboxName('webhook')]),
];

/** How far back last results are looked for. */
const LATELY_EVENTS = 5_000;

export function startNotify(parts: NotifyParts): Notify {
  const { config, dataDir, journal, stands, logger, now = Date.now, pauseMs = soon } = parts;
  const file = new PushFile(dataDir);
  if (file.trouble !== undefined) logger.error(file.trouble);
  const push = new Push({ config: config.push, file, stands, logger });
  const { ntfy, webhook, publicUrl, turnMs } = config;
  const channels: readonly NotifyChannel[] = [
    push,
    ...(ntfy === undefined ? [] : [ntfyChannel(ntfy, publicUrl)]),
    ...(webhook === undefined ? [] : [webhookChannel(webhook, publicUrl)]),
  ];
  const looking = new Looking(parts.askViewers, parts.answerWithinMs);
  const running = channels.map((channel) => ({
    channel,
    outbox: startOutbox({
      journal,
      channel: outgoing({ journal, channel, looking, turnMs, now, logger }),
      logger,
      pauseMs,
    }),
  }));
  const last = followResults(journal, logger);
  const tests = new Map<ChannelName, ChannelTest>();
  const closing = new AbortController();

  const shown = (name: ChannelName, detail: string, off = false): NotificationChannel => {
    const found = running.find(({ channel }) => channel.name === name);
    return {
      name,
      on: found !== undefined && !off,
      detail,
      trouble: found?.outbox.trouble()?.why ?? null,
      last: last.of(name) ?? null,
    };
  };

  return {
    push,
    whyNoPush: config.push.contact === undefined ? NO_CONTACT : undefined,
    publicKey: () => file.keys().public_key,
    channels: () => [
      shown('push', pushWords(config, push.devices().length), config.push.contact === undefined),
      shown('ntfy', ntfy === undefined ? 'Not set up: BREAKGLASS_NTFY_URL.' : `To ${hostOf(ntfy.url)}.`),
      shown(
        'webhook',
        webhook === undefined ? 'Not set up: BREAKGLASS_NOTIFY_WEBHOOK.' : `To ${hostOf(webhook.url)}.`,
      ),
    ],
    looked: (nonce) => looking.answer(nonce),
    async test(name, device) {
      const channel = channels.find((each) => each.name === name);
      if (channel === undefined) return { result: 'failed', detail: `${name} is not set up.` };
      const notification = testNotification();
      const message: Message = { notification, leftS: notification.ttl_s, event: undefined };
      const devices = push.devices().filter(({ id }) => device === undefined || id === device);
      if (device !== undefined && devices.length === 0) throw unknownDevice();
      const { type, detail } =
        name === 'push'
          ? await push.deliverTo(devices, message, closing.signal)
          : await channel.deliver(message, closing.signal);
      const result = type === 'later' ? 'failed' : type;
      if (device === undefined) tests.set(name, { at: new Date(now()).toISOString(), result, detail });
      return { result, detail };
    },
    tested: (name) => tests.get(name),
    forget: (id) => file.remove(id),
    async close() {
      closing.abort();
      last.end();
      await Promise.all(running.map(({ outbox }) => outbox.close()));
    },
  };
}

export const unknownDevice = (): BreakglassError =>
  new BreakglassError('unknown-device', 'There is no such device: it may have been turned off already.');

const hostOf = (url: string): string => new URL(url).host;

function pushWords({ push }: NotifyConfig, devices: number): string {
  if (push.contact === undefined) return NO_CONTACT;
  if (devices === 0) return 'No device has turned notifications on.';
  return devices === 1 ? 'To one device.' : `To ${devices} devices.`;
}

/** The last result of each channel, from the record. */
function followResults(
  journal: Journal,
  logger: Logger,
): { of(name: ChannelName): LastNotification | undefined; end(): void } {
  const results = new Map<string, LastNotification & { readonly id: number }>();
  const take = (event: Parameters<Parameters<Journal['follow']>[1]>[0]): void => {
    if (event.kind !== 'notified' || (results.get(event.channel)?.id ?? 0) > event.id) return;
    const { id, at, about, result, detail, channel } = event;
    results.set(channel, { id, at, about, result, detail });
  };
  const filter = { kinds: ['notified'] } as const;
  const end = journal.follow(filter, take);
  const recall = async (): Promise<void> => {
    for await (const event of readAll(journal, filter, eventId(Math.max(0, journal.head() - LATELY_EVENTS))))
      take(event);
  };
  recall().catch((error: unknown) => logger.error({ err: error }, 'earlier notifications cannot be read'));
  return {
    of(name) {
      const found = results.get(name);
      if (found === undefined) return undefined;
      const { at, about, result, detail } = found;
      return { at, about, result, detail };
    },
    end,
  };
}
