// ntfy: one POST to the topic, its title, priority and address in headers (https://docs.ntfy.sh/publish/).
import type { NotifyConfig } from '../config/notify.ts';
import { deliveryOf, type NotifyChannel } from './channel.ts';
import { post } from './post.ts';

export function ntfyChannel(
  { url, token }: NonNullable<NotifyConfig['ntfy']>,
  publicUrl: string | undefined,
): NotifyChannel {
  return {
    name: 'ntfy',
    async deliver({ notification }, signal) {
      const { title, body, url: place, urgency } = notification;
      const headers = {
        'content-type': 'text/plain; charset=utf-8',
        title: encoded(title),
        priority: urgency === 'high' ? '5' : '3',
        ...(publicUrl === undefined ? {} : { click: publicUrl + place }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      };
      return deliveryOf(await post({ url, headers, body, signal }), 'ntfy');
    },
  };
}

/** A header is ASCII; ntfy reads RFC 2047 where there is more. */
const encoded = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
