// A way to a person: what it is given, and what can become of it.
import type { JournalEvent } from '../../protocol/events.ts';
import type { ChannelName } from '../../protocol/notifications.ts';
import type { Notification } from './notification.ts';
import type { Answer } from './post.ts';

export interface Message {
  readonly notification: Notification;
  /** For how many seconds it is still worth anything. */
  readonly leftS: number;
  /** What it tells of; undefined: it is a test. */
  readonly event: JournalEvent | undefined;
}

export type Delivery =
  | { readonly type: 'sent'; readonly detail: string }
  | { readonly type: 'no-device'; readonly detail: string }
  /** Another attempt would end the same way. */
  | { readonly type: 'failed'; readonly detail: string }
  /** It may work soon. `reached`: what arrived all the same, as a sentence. */
  | { readonly type: 'later'; readonly detail: string; readonly reached?: string };

export interface NotifyChannel {
  readonly name: ChannelName;
  /** Never rejects. Ends within ten seconds, and soon after the signal. */
  deliver(message: Message, signal: AbortSignal): Promise<Delivery>;
}

/** What another attempt may cure: the server is busy, or in trouble of its own. */
const PASSING: readonly number[] = [408, 425, 429];

/** @param receiver as the subject of a sentence */
export function deliveryOf(answer: Answer, receiver: string): Delivery {
  if (answer.type === 'none')
    return { type: 'later', detail: `${receiver} cannot be reached: ${answer.why}.` };
  const { status, said } = answer;
  if (status >= 200 && status < 300) return { type: 'sent', detail: `${receiver} took it.` };
  const detail = `${receiver} answered ${status}${said === '' ? '' : `: ${said}`}.`;
  if (status >= 300 && status < 400)
    return { type: 'failed', detail: `${detail} It leads elsewhere, and nothing is sent there.` };
  return { type: status >= 500 || PASSING.includes(status) ? 'later' : 'failed', detail };
}
