// The webhook: JSON, signed as Standard Webhooks says (https://www.standardwebhooks.com), so that ready libraries check it. The id is that
// of the event: what comes twice has the same.
import { createHmac } from 'node:crypto';
import type { NotifyConfig } from '../config/notify.ts';
import { deliveryOf, type NotifyChannel } from './channel.ts';
import { post } from './post.ts';

export function webhookChannel(
  { url, secret }: NonNullable<NotifyConfig['webhook']>,
  publicUrl: string | undefined,
  now: () => number = Date.now,
): NotifyChannel {
  return {
    name: 'webhook',
    async deliver({ notification, leftS, event }, signal) {
      const { title, body: text, url: place, urgency, tag } = notification;
      const id = event === undefined ? `test_${crypto.randomUUID()}` : `event_${event.id}`;
      const body = JSON.stringify({
        type: event?.kind ?? 'test',
        timestamp: event?.at ?? new Date(now()).toISOString(),
        data: {
          title,
          body: text,
          url: publicUrl === undefined ? null : publicUrl + place,
          urgency,
          tag,
          expires_in_s: leftS,
          target: event?.target ?? null,
          session_id: event?.session_id ?? null,
          operation_id: event?.operation_id ?? null,
        },
      });
      const timestamp = String(Math.floor(now() / 1_000));
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signatureOf(secret, `${id}.${timestamp}.${body}`)}`,
      };
      return deliveryOf(await post({ url, headers, body, signal }), 'The webhook');
    },
  };
}

/** A secret with `whsec_` is base64, as the standard has it; any other is its own bytes. */
function signatureOf(secret: string, signed: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  return createHmac('sha256', key).update(signed).digest('base64');
}
