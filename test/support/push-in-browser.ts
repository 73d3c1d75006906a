// Pushes in a real browser. Its own push service is on the internet, so the subscription is the test's, and what was sent is handed to the
// service worker by DevTools, as the browser does it.
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import type { PushBrowser } from './push-receiver.ts';

/** The page's browser has this subscription once it asked for one. */
export const subscribed = (page: Page, { subscription }: PushBrowser): Promise<unknown> =>
  page.context().addInitScript(`
    const own = ${JSON.stringify(subscription)};
    const made = () => ({
      endpoint: own.endpoint,
      options: { applicationServerKey: null },
      toJSON: () => own,
      unsubscribe: async () => {
        localStorage.removeItem('subscribed');
        return true;
      },
    });
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      localStorage.setItem('subscribed', applicationServerKey);
      return made();
    };
    PushManager.prototype.getSubscription = async () =>
      localStorage.getItem('subscribed') === null ? null : made();
  `);

/** Hands a push to the service worker of the page, as the browser does. */
export async function deliverer(
  page: Page,
  base: string,
): Promise<{ devtools: CDPSession; deliver: (data: string) => Promise<void> }> {
  const devtools = await page.context().newCDPSession(page);
  const registered = Promise.withResolvers<string>();
  devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    for (const { registrationId, scopeURL } of registrations)
      if (scopeURL === `${base}/`) registered.resolve(registrationId);
  });
  await devtools.send('ServiceWorker.enable');
  await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
  const registrationId = await registered.promise;
  return {
    devtools,
    deliver: async (data) => {
      await devtools.send('ServiceWorker.deliverPushMessage', { origin: base, registrationId, data });
    },
  };
}

export interface Shown {
  readonly title: string;
  readonly tag: string;
}
/** What the service worker shows now. */
export const shownNotifications = (page: Page): Promise<readonly Shown[]> =>
  page.evaluate<readonly Shown[]>(`navigator.serviceWorker.ready
    .then((registration) => registration.getNotifications())
    .then((all) => all.map(({ title, tag }) => ({ title, tag })))`);

/** Shows one that leads there, and taps on it. */
export async function tapNotification(context: BrowserContext, url: string): Promise<void> {
  const [worker] = context.serviceWorkers();
  await worker?.evaluate(`(async () => {
      await registration.showNotification('x', { tag: 'tapped', data: { url: ${JSON.stringify(url)} } });
      const [notification] = await registration.getNotifications({ tag: 'tapped' });
      dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    })()`);
}
