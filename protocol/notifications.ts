// How the console reaches people who are not looking: the channels, what became of the last notification, and the browsers that get them.
import { z } from 'zod';
import { eventId, instant, type Wire } from './wire.ts';

const channelName = z.enum(['push', 'ntfy', 'webhook']);
export type ChannelName = Wire<typeof channelName>;

export const NotificationResult = z
  .enum(['sent', 'failed', 'suppressed', 'no-device'])
  .describe('`suppressed`: somebody was seen to look at it');
export type NotificationResult = Wire<typeof NotificationResult>;

const LastNotification = z.object({
  at: instant,
  about: eventId.describe('the event that it told of'),
  result: NotificationResult,
  detail: z.string().describe('a sentence for a person'),
});
export type LastNotification = Wire<typeof LastNotification>;

const NotificationChannel = z
  .object({
    name: channelName,
    on: z.boolean().describe('set up, so notifications leave by it'),
    detail: z.string().describe('where it leads, or what is needed for it; a sentence for a person'),
    trouble: z.string().nullable().describe('why nothing arrives at present; it is tried again'),
    last: LastNotification.nullable().describe('null: none lately'),
  })
  .meta({ id: 'NotificationChannel' });
export type NotificationChannel = Wire<typeof NotificationChannel>;

export const PushDevice = z
  .object({
    id: z.string().describe('the first 22 characters of the SHA-256 of its endpoint, as base64url'),
    label: z.string().describe('a few words for the browser, such as `Safari on iPhone`'),
    name: z.string().describe('who turned it on'),
    service: z.string().describe('the host of its push service'),
    made_at: instant,
    until: instant.nullable().describe('it ends with the sign-in that it belongs to; null: no time is known'),
  })
  .meta({ id: 'PushDevice', description: 'A browser that gets notifications by Web Push.' });
export type PushDevice = Wire<typeof PushDevice>;

export const Notifications = z
  .object({
    channels: z.array(NotificationChannel),
    push: z
      .object({
        public_key: z
          .string()
          .nullable()
          .describe('for `PushManager.subscribe`; null where push cannot work'),
        why_not: z.string().nullable().describe('why push cannot work here; a sentence for a person'),
      })
      .describe('whether a browser at this address can turn notifications on'),
    devices: z.array(PushDevice),
  })
  .meta({ id: 'Notifications' });
export type Notifications = Wire<typeof Notifications>;

export const NotificationTest = z
  .object({
    result: NotificationResult.exclude(['suppressed']),
    detail: z.string().describe('a sentence for a person'),
  })
  .meta({ id: 'NotificationTest' });
export type NotificationTest = Wire<typeof NotificationTest>;

const A_SUBSCRIPTION = 'expected what PushSubscription.toJSON() gives';
const key = z
  .string({ error: `keys: ${A_SUBSCRIPTION}` })
  .max(200, { error: `keys: ${A_SUBSCRIPTION}` })
  .regex(/^[A-Za-z0-9_-]+={0,2}$/, { error: `keys: ${A_SUBSCRIPTION}` });

/** PushSubscription.toJSON() (W3C Push API), as far as it is read. */
export const PushSubscriptionBody = z.object(
  {
    endpoint: z
      .string({ error: `endpoint: ${A_SUBSCRIPTION}` })
      .max(2_000, { error: `endpoint: ${A_SUBSCRIPTION}` }),
    keys: z.object({ p256dh: key, auth: key }, { error: `keys: ${A_SUBSCRIPTION}` }),
  },
  { error: A_SUBSCRIPTION },
);
export type PushSubscriptionBody = z.output<typeof PushSubscriptionBody>;

export const NotificationTestBody = z.strictObject(
  {
    channel: z.enum(['push', 'ntfy', 'webhook'], { error: 'channel: expected push, ntfy or webhook' }),
    device: z
      .string({ error: 'device: expected the id of a device' })
      .max(100, { error: 'device: expected the id of a device' })
      .optional()
      .describe('only with `push`; absent: all devices'),
  },
  { error: 'expected an object with channel and perhaps device' },
);

export const LookingBody = z.strictObject(
  {
    nonce: z
      .string({ error: 'nonce: expected that of the event looking' })
      .max(100, { error: 'nonce: expected that of the event looking' })
      .describe('of the event `looking`'),
  },
  { error: 'expected an object with nothing but nonce' },
);
