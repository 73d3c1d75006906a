// The two ways by which the audit log leaves this machine.
import { hostname } from 'node:os';
import type { JournalEvent } from '../../protocol/events.ts';
import type { AuditConfig } from '../config/audit.ts';
import type { Channel } from '../outbox/outbox.ts';
import { deliver } from './delivery.ts';
import { AUDITED_KINDS, type AuditRecord, auditRecord } from './record.ts';
import { syslogFrames } from './syslog-message.ts';

const WEBHOOK_LIMIT_MS = 30_000;

/** The configured ones. Their names stand in the journal: a new address goes on where the old one was. */
export function auditChannels({ syslog, webhook }: AuditConfig): readonly Channel[] {
  return [
    ...(syslog === undefined ? [] : [syslogChannel(syslog)]),
    ...(webhook === undefined ? [] : [webhookChannel(webhook)]),
  ];
}

const recordsOf = (events: readonly JournalEvent[]): AuditRecord[] =>
  events.map(auditRecord).filter((record) => record !== undefined);

function syslogChannel(receiver: NonNullable<AuditConfig['syslog']>): Channel {
  const origin = { hostname: hostname(), pid: process.pid };
  return {
    name: 'audit-syslog',
    filter: { kinds: AUDITED_KINDS },
    async send(events, signal) {
      const frames = recordsOf(events).map((record) => syslogFrames(record, origin));
      await deliver(receiver, Buffer.concat(frames), signal);
    },
  };
}

function webhookChannel({ url, token }: NonNullable<AuditConfig['webhook']>): Channel {
  return {
    name: 'audit-webhook',
    filter: { kinds: AUDITED_KINDS },
    async send(events, signal) {
      const answer = await fetch(url, {
        method: 'POST',
        redirect: 'error',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ source: 'breakglass', host: hostname(), records: recordsOf(events) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(WEBHOOK_LIMIT_MS)]),
      }).catch((error: unknown) => {
        throw new Error(`the webhook cannot be reached: ${reasonOf(error)}`);
      });
      // Nothing of the answer but its status counts, and nobody has to send more of it.
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}

/** Node says only "fetch failed"; the cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? cause.message || error.message : error.message;
}
