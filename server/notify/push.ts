// Web Push: encrypted for each browser (RFC 8291) and signed with the console's key (RFC 8292) by the library; sent from here, because only
// here the address that a name leads to is looked at before anything goes there.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { PushSubscriptionBody } from '../../protocol/notifications.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { NotifyConfig } from '../config/notify.ts';
import { type Delivery, deliveryOf, type Message, type NotifyChannel } from './channel.ts';
import { type Answer, post } from './post.ts';
import { publicLookup, whyNotThere } from './push-endpoint.ts';
import { type PushFile, pushDeviceId, type StoredPushDevice } from './push-file.ts';

/** By what somebody came in. */
export interface PushOwner {
  readonly name: string;
  readonly root: string;
  readonly device?: string;
}

export interface PushParts {
  readonly config: NotifyConfig['push'];
  readonly file: PushFile;
  /** Whether what somebody came in by is still good. */
  readonly stands: (owner: PushOwner) => boolean;
  readonly logger: Logger;
}

export const NO_CONTACT =
  'Push services want to know whom to write to: set BREAKGLASS_PUBLIC_URL (https://…) or BREAKGLASS_PUSH_CONTACT (mailto:…).';

/** How many messages' devices are remembered: more than an outbox tries at a time. */
const REMEMBERED = 100;

export class Push implements NotifyChannel {
  readonly name = 'push';
  readonly #parts: PushParts;
  /** Of messages that not all devices took: those that did. */
  readonly #reached = new Map<number, Set<string>>();

  constructor(parts: PushParts) {
    this.#parts = parts;
  }

  /** Those whose owner may still come in. The others are forgotten. */
  devices(): readonly StoredPushDevice[] {
    const { file, stands } = this.#parts;
    const [good, void_] = [file.devices().filter(stands), file.devices().filter((each) => !stands(each))];
    for (const { id } of void_) this.#forget(id, 'the sign-in that it belongs to has ended');
    return good;
  }

  /** Throws `invalid-input` for what no browser sends, or what leads nowhere out. */
  async add(subscription: PushSubscriptionBody, owner: PushOwner, label: string): Promise<StoredPushDevice> {
    const { config, file } = this.#parts;
    const why = whyNotThere(subscription.endpoint, config.local);
    if (why !== undefined)
      throw new BreakglassError('invalid-input', `endpoint: this is no push service of a browser: ${why}.`);
    const device: StoredPushDevice = {
      ...owner,
      id: pushDeviceId(subscription.endpoint),
      endpoint: subscription.endpoint,
      keys: subscription.keys,
      label,
      made_at: Date.now(),
    };
    await this.#encrypt(device, '{}', { TTL: 0 }).catch((error: unknown) => {
      if (error instanceof BreakglassError) throw error;
      throw new BreakglassError(
        'invalid-input',
        `keys: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    file.put(device);
    return device;
  }

  deliver(message: Message, signal: AbortSignal): Promise<Delivery> {
    return this.deliverTo(this.devices(), message, signal);
  }

  async deliverTo(
    devices: readonly StoredPushDevice[],
    message: Message,
    signal: AbortSignal,
  ): Promise<Delivery> {
    if (devices.length === 0) return { type: 'no-device', detail: 'No device has turned notifications on.' };
    const reached = this.#reachedBy(message);
    const rest = devices.filter(({ id }) => !reached.has(id));
    const tried = await Promise.all(
      rest.map(async (device) => ({ device, delivery: await this.#deliverOne(device, message, signal) })),
    );
    for (const { device, delivery } of tried) if (delivery.type === 'sent') reached.add(device.id);
    const troubles = tried.filter(({ delivery }) => delivery.type !== 'sent');
    const words = troubles.map(({ device, delivery }) => `${device.label}: ${delivery.detail}`).join(' ');
    const said =
      devices.length === 1
        ? 'Its push service took it.'
        : `${reached.size} of ${devices.length} devices took it.`;
    if (troubles.some(({ delivery }) => delivery.type === 'later'))
      return { type: 'later', detail: words, ...(reached.size > 0 ? { reached: `${said} ${words}` } : {}) };
    if (message.event !== undefined) this.#reached.delete(message.event.id);
    if (reached.size > 0) return { type: 'sent', detail: words === '' ? said : `${said} ${words}` };
    const allGone = troubles.every(({ delivery }) => delivery.type === 'no-device');
    return { type: allGone ? 'no-device' : 'failed', detail: words };
  }

  async #deliverOne(device: StoredPushDevice, message: Message, signal: AbortSignal): Promise<Delivery> {
    const answer = await this.#post(device, message, signal);
    if (answer.type === 'answered' && (answer.status === 404 || answer.status === 410)) {
      this.#forget(device.id, `its push service answered ${answer.status}`);
      return {
        type: 'no-device',
        detail: `its push service says that it is gone (${answer.status}); it was forgotten.`,
      };
    }
    if (answer.type === 'refused') return { type: 'failed', detail: `nothing is sent there: ${answer.why}.` };
    return deliveryOf(answer, 'its push service');
  }

  async #post(
    device: StoredPushDevice,
    { notification, leftS }: Message,
    signal: AbortSignal,
  ): Promise<Answer | { readonly type: 'refused'; readonly why: string }> {
    const { title, body, url, urgency, tag } = notification;
    // An address is connected to without a look-up, and what was allowed when the device was taken may not be any more.
    const why = whyNotThere(device.endpoint, this.#parts.config.local);
    if (why !== undefined) return { type: 'refused', why };
    try {
      const { headers, body: sealed } = await this.#encrypt(
        device,
        JSON.stringify({ title, body, url, tag, urgent: urgency === 'high' }),
        { TTL: leftS, urgency, topic: topicOf(tag) },
      );
      return await post({
        url: device.endpoint,
        headers,
        body: sealed,
        signal,
        ...(this.#parts.config.local ? {} : { lookup: publicLookup }),
      });
    } catch (error) {
      return { type: 'none', why: error instanceof Error ? error.message : String(error) };
    }
  }

  async #encrypt(
    { endpoint, keys }: StoredPushDevice,
    payload: string,
    options: { readonly TTL: number; readonly urgency?: 'high' | 'normal'; readonly topic?: string },
  ): Promise<{ readonly headers: Record<string, string>; readonly body: Buffer }> {
    const { config, file } = this.#parts;
    if (config.contact === undefined) throw new BreakglassError('not-allowed', NO_CONTACT);
    const { public_key, private_key } = file.keys();
    // With the first push: what it needs would make every start slower.
    const { default: webPush } = await import('web-push');
    const { headers, body } = webPush.generateRequestDetails({ endpoint, keys }, payload, {
      ...options,
      contentEncoding: 'aes128gcm',
      vapidDetails: { subject: config.contact, publicKey: public_key, privateKey: private_key },
    });
    const texts = Object.entries(headers).map(
      ([name, value]) => [name.toLowerCase(), String(value)] as const,
    );
    return { headers: Object.fromEntries(texts), body };
  }

  #reachedBy({ event }: Message): Set<string> {
    if (event === undefined) return new Set();
    const reached = this.#reached.get(event.id) ?? new Set<string>();
    this.#reached.set(event.id, reached);
    if (this.#reached.size > REMEMBERED) this.#reached.delete(this.#reached.keys().next().value ?? 0);
    return reached;
  }

  #forget(id: string, why: string): void {
    const { file, logger } = this.#parts;
    try {
      if (file.remove(id)) logger.info({ device: id, why }, 'a device gets no more notifications');
    } catch (error) {
      logger.error({ err: error, device: id }, 'a device that is gone could not be forgotten');
    }
  }
}

/** A push service that still holds one with the same topic replaces it: at most 32 characters (RFC 8030, 5.4). */
const topicOf = (tag: string): string => createHash('sha256').update(tag).digest('base64url').slice(0, 32);
