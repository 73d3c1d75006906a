// From an alert to a verified recovery, as a person with a locked phone lives it: the alert comes, the push is received and decrypted, the
// service worker shows it, a tap opens the incident, its verdict leads to the verb, a hold runs it, and the outcome is verified. Each
// part in milliseconds. The test runs it once, the benchmark several times.
import type { Browser, Page } from 'playwright-core';
import type { Notifications } from '../../protocol/notifications.ts';
import { signIn } from '../support/browser.ts';
import { hold } from '../support/hold.ts';
import { startHouse } from '../support/house.ts';
import { startPostReceiver } from '../support/post-receiver.ts';
import { deliverer, shownNotifications, subscribed } from '../support/push-in-browser.ts';
import { pushBrowser } from '../support/push-receiver.ts';
import { until } from '../support/wait-for.ts';

export interface Recovery {
  readonly parts: Readonly<
    Record<'push' | 'shown' | 'opened' | 'readyToHold' | 'started' | 'verified', number>
  >;
  /** Touches after the tap on the notification. */
  readonly touches: number;
  readonly title: string;
  readonly body: string;
  readonly outcome: string;
  readonly newProcess: boolean;
}

/** @param look called at each stop, for pictures */
export async function recoverFromAlert(
  browser: Browser,
  look: (page: Page, name: string) => Promise<void> = async () => undefined,
): Promise<Recovery> {
  const push = await startPostReceiver();
  push.answer = () => 201;
  const house = await startHouse({
    scenario: 'io-stall',
    env: {
      BREAKGLASS_POLICY: 'ask',
      BREAKGLASS_PUSH_LOCAL: '1',
      BREAKGLASS_PUSH_CONTACT: 'mailto:ann@example.com',
    },
  });
  const { context, page } = await signIn(browser, house.base);
  try {
    const about = (await (await house.call('GET', '/api/notifications')).json()) as Notifications;
    const phone = pushBrowser(push.url, about.push.public_key ?? '');
    await subscribed(page, phone);
    await context.grantPermissions(['notifications'], { origin: house.base });
    await page.reload();
    await page.getByTestId('open-menu').click();
    await page.getByTestId('open-notifications').click();
    await page.getByTestId('turn-on-push').click();
    await page.getByTestId('push-device').filter({ hasText: '(this one)' }).waitFor();
    await page.getByTestId('close-notifications').click();
    const { deliver } = await deliverer(page, house.base);
    // The phone is locked: nobody sees the page.
    await page.evaluate(
      "Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true }); document.hasFocus = () => false; undefined",
    );
    const processBefore = house.machine.boot().number;

    const at = [performance.now()];
    const alert = {
      title: 'DiskWritesStopped',
      status: 'firing',
      labels: { instance: 'devvm' },
      detail: 'No writes for 20 minutes.',
    };
    const taken = await house.call('POST', '/api/alerts/generic', alert);
    if (taken.status !== 200) throw new Error(`the alert was answered with ${taken.status}`);
    const { payload } = phone.open(await until('the push', () => push.came[0]));
    at.push(performance.now());
    await deliver(JSON.stringify(payload));
    await until('the notification', async () => (await shownNotifications(page)).length > 0);
    at.push(performance.now());

    // Unlocked by the tap.
    await page.evaluate('delete document.visibilityState; delete document.hasFocus; undefined');
    const [worker] = context.serviceWorkers();
    await worker?.evaluate(`(async () => {
      const [notification] = await registration.getNotifications();
      dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    })()`);
    await page.getByTestId('verdict').waitFor();
    at.push(performance.now());
    await look(page, 'verdict');
    let touches = 0;
    touches++;
    await page.getByTestId('verdict-to-power').click();
    const button = page.getByTestId('confirm-sheet').getByTestId('confirm-verb');
    await button.waitFor();
    at.push(performance.now());
    await look(page, 'confirm');
    touches++;
    await hold(button);
    const operation = page
      .getByTestId('power-panel')
      .getByTestId('operation')
      .filter({ hasText: /cycle/i })
      .first();
    await operation.waitFor();
    at.push(performance.now());
    await operation.getByTestId('operation-outcome').waitFor({ timeout: 300_000 });
    at.push(performance.now());
    await look(page, 'outcome');
    const took = (index: number): number => (at[index + 1] ?? 0) - (at[index] ?? 0);
    return {
      parts: {
        push: took(0),
        shown: took(1),
        opened: took(2),
        readyToHold: took(3),
        started: took(4),
        verified: took(5),
      },
      touches,
      title: String(payload['title']),
      body: String(payload['body']),
      outcome: (await operation.getByTestId('operation-outcome').textContent()) ?? '',
      newProcess: house.machine.boot().number > processBefore,
    };
  } finally {
    await context.close();
    await house.close();
    push.close();
  }
}
