// The audit log on its way to other machines: one outbox for each configured channel, and what to tell people about them.
import type { Logger } from 'pino';
import type { AuditConfig } from '../config/audit.ts';
import type { Journal } from '../journal/port.ts';
import { type OutboxTrouble, type RunningOutbox, startOutbox } from '../outbox/outbox.ts';
import { auditChannels } from './channels.ts';

/** A receiver that is restarted is no news. */
const NEWS_AFTER_MS = 60_000;

/** How one of them is. */
export interface AuditChannel {
  /** `audit-syslog` or `audit-webhook`. */
  readonly name: string;
  readonly trouble: OutboxTrouble | undefined;
  /** When the last event arrived (UTC); null: none has. */
  readonly sentAt: string | null;
}

export interface Audit {
  /** The names of the channels in the journal: what they have not sent must stay there. */
  readonly channels: readonly string[];
  /** How many events waited at the last attempt, for each channel. It costs nothing. */
  waiting(): readonly { readonly channel: string; readonly events: number }[];
  /** What a person should know now, one sentence for each channel in trouble. */
  warnings(): readonly string[];
  /** Each configured channel as it is now. */
  state(): Promise<readonly AuditChannel[]>;
  /** Before the journal. What has not been sent is sent after the next start. */
  close(): Promise<void>;
}

export interface AuditParts {
  readonly config: AuditConfig;
  readonly journal: Journal;
  readonly logger: Logger;
  /** As the outbox's. */
  readonly pauseMs?: (attempts: number) => number;
  /** After how long trouble is worth a warning. By default a minute. */
  readonly newsAfterMs?: number;
}

export function startAudit({
  config,
  journal,
  logger,
  pauseMs,
  newsAfterMs = NEWS_AFTER_MS,
}: AuditParts): Audit {
  const running = auditChannels(config).map((channel) => ({
    name: channel.name,
    outbox: startOutbox({ journal, channel, logger, ...(pauseMs === undefined ? {} : { pauseMs }) }),
  }));
  return {
    channels: running.map(({ name }) => name),
    waiting: () =>
      running.map(({ name, outbox }) => ({ channel: name, events: outbox.trouble()?.waiting ?? 0 })),
    warnings: () => running.flatMap(({ name, outbox }) => warningOf(name, outbox, newsAfterMs)),
    state: () =>
      Promise.all(
        running.map(async ({ name, outbox }) => ({
          name,
          trouble: outbox.trouble(),
          sentAt: (await outbox.state()).sentAt,
        })),
      ),
    async close() {
      await Promise.all(running.map(({ outbox }) => outbox.close()));
    },
  };
}

function warningOf(name: string, outbox: RunningOutbox, newsAfterMs: number): string[] {
  const trouble = outbox.trouble();
  const forMs = trouble === undefined ? 0 : Date.now() - trouble.sinceMs;
  if (trouble === undefined || forMs < newsAfterMs) return [];
  return [
    `The audit log has not left this machine for ${Math.round(forMs / 60_000)} min (${name}: ${trouble.why}). ${trouble.waiting} events wait in the journal and are sent when the receiver takes them.`,
  ];
}
