// How the console reaches people: its channels and their last results, the browsers that get push, and this one among them.
import type {
  ChannelName,
  NotificationChannel,
  Notifications,
  NotificationTest,
  PushDevice,
} from '../../../protocol/notifications.ts';
import { addPushDevice, fetchNotifications, removePushDevice, testNotification } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { currentSubscription, deviceIdOf, subscribe, whyNoPush } from '../api/push-support.ts';

export class NotificationStore {
  #all = $state.raw<Notifications | null>(null);
  #own = $state<string | null>(null);
  #trouble = $state('');
  #busy = $state(false);
  /** By channel, or by device. */
  #tested = $state.raw<Readonly<Record<string, NotificationTest | 'running'>>>({});

  /** Null: not known yet. */
  get channels(): readonly NotificationChannel[] | null {
    return this.#all?.channels ?? null;
  }
  get devices(): readonly PushDevice[] {
    return this.#all?.devices ?? [];
  }
  /** Why this browser cannot be turned on, or nothing. What the browser itself knows is the truth; the console knows the rest. */
  get whyNot(): string {
    return whyNoPush() ?? this.#all?.push.why_not ?? '';
  }
  isThisOne(device: PushDevice): boolean {
    return device.id === this.#own;
  }
  get isOnHere(): boolean {
    return this.devices.some((device) => this.isThisOne(device));
  }
  get trouble(): string {
    return this.#trouble;
  }
  get busy(): boolean {
    return this.#busy;
  }
  tested(what: string): NotificationTest | 'running' | undefined {
    return this.#tested[what];
  }

  load(): Promise<void> {
    return this.#do(async () => undefined);
  }
  turnOn(): Promise<void> {
    return this.#do(async () => {
      const key = this.#all?.push.public_key;
      if (!key) throw new Error(this.whyNot || 'Not loaded yet. Try again.');
      await addPushDevice(await subscribe(key));
    });
  }
  remove(device: PushDevice): Promise<void> {
    return this.#do(async () => {
      await removePushDevice(device.id);
      if (this.isThisOne(device)) await (await currentSubscription())?.unsubscribe();
    });
  }

  async test(channel: ChannelName, device?: string): Promise<void> {
    const what = device ?? channel;
    this.#tested = { ...this.#tested, [what]: 'running' };
    const result = await testNotification(channel, device).catch(
      (error: unknown): NotificationTest => ({ result: 'failed', detail: asApiError(error).message }),
    );
    this.#tested = { ...this.#tested, [what]: result };
    await this.#refresh();
  }

  async #do(act: () => Promise<unknown>): Promise<void> {
    this.#busy = true;
    this.#trouble = '';
    try {
      await act();
    } catch (error) {
      this.#trouble = asApiError(error).message;
    }
    await this.#refresh();
    this.#busy = false;
  }

  async #refresh(): Promise<void> {
    try {
      const [all, own] = await Promise.all([fetchNotifications(), currentSubscription()]);
      this.#own = own === undefined ? null : await deviceIdOf(own.endpoint);
      this.#all = all;
    } catch (error) {
      this.#trouble ||= asApiError(error).message;
    }
  }
}
