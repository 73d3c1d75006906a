// In a real browser: notifications are turned on, a push is decrypted by the receiver and handed to the browser's service worker, which shows
// it and leads to its place; and a person who looks keeps them silent, while an open page that nobody sees does not. The browser's push
// service is on the internet, so the subscription is the test's own; BREAKGLASS_SHOTS=<directory> keeps pictures.
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Notifications } from '../../protocol/notifications.ts';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { signIn, turnOver } from '../support/browser.ts';
import { type House, startHouse } from '../support/house.ts';
import { type PostReceiver, startPostReceiver } from '../support/post-receiver.ts';
import { deliverer, shownNotifications, subscribed, tapNotification } from '../support/push-in-browser.ts';
import { pushBrowser } from '../support/push-receiver.ts';
import { until } from '../support/wait-for.ts';

let house: House;
let browser: Browser;
let push: PostReceiver;
let ntfy: PostReceiver;
beforeAll(async () => {
  push = await startPostReceiver();
  ntfy = await startPostReceiver();
  push.answer = () => 201;
  house = await startHouse({
    scenario: 'disk-full',
    env: {
      BREAKGLASS_PUSH_LOCAL: '1',
      BREAKGLASS_PUSH_CONTACT: 'mailto:ann@example.com',
      BREAKGLASS_NTFY_URL: `${ntfy.url}/topic`,
      BREAKGLASS_NOTIFY_TURN_SECONDS: '0',
    },
  });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
  push?.close();
  ntfy?.close();
});

const SHOTS = process.env['BREAKGLASS_SHOTS'];
async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [width, height] of [
      [390, 844],
      [1440, 900],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: path.join(SHOTS, `${name}-${colorScheme}-${width}.png`) });
    }
  await page.setViewportSize({ width: 390, height: 844 });
}

const ask = async (): Promise<Notifications> =>
  (await (await house.call('GET', '/api/notifications')).json()) as Notifications;

async function openSheet(page: Page): Promise<void> {
  if (await page.getByTestId('open-power').first().isVisible())
    await page.getByTestId('open-power').first().click();
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-notifications').click();
  await page.getByTestId('channel-ntfy').waitFor();
}

test('turned on by a tap, a push reaches the browser, is shown whatever is in it, and a tap on it leads to its place', async () => {
  const key = (await ask()).push.public_key ?? '';
  const phone = pushBrowser(push.url, key);
  const { context, page, troubles } = await signIn(browser, house.base);
  await subscribed(page, phone);
  await page.reload();
  await page.getByTestId('prompt').waitFor();
  await openSheet(page);
  await shoot(page, 'off');
  // Nobody was asked for permission before the tap.
  await context.grantPermissions(['notifications'], { origin: house.base });
  await page.getByTestId('turn-on-push').click();
  const entry = page.getByTestId('push-device').filter({ hasText: '(this one)' });
  await entry.waitFor();
  expect(await page.getByTestId('turn-on-push').count()).toBe(0);
  await entry.getByRole('button', { name: /^Test/ }).click();
  await entry.getByText(/Test: ✓ Sent/).waitFor();
  await page.getByTestId('test-ntfy').click();
  await page
    .getByTestId('channel-ntfy')
    .getByText(/Test: ✓ Sent/)
    .waitFor();
  expect(ntfy.came.at(-1)?.headers['title']).toBe('Breakglass: a test');
  await shoot(page, 'on');
  await page.getByTestId('close-notifications').click();

  const came = await until('the push', () => push.came[0]);
  const { payload, contact } = phone.open(came);
  expect(contact).toBe('mailto:ann@example.com');
  const { deliver } = await deliverer(page, house.base);
  await deliver(JSON.stringify(payload));
  await until('the notification', async () =>
    (await shownNotifications(page)).some(({ tag }) => tag === 'test'),
  );
  await deliver('garbage');
  const all = await until('both', async () => {
    const now = await shownNotifications(page);
    return now.length === 2 && now;
  });
  expect(all.map(({ title }) => title).toSorted()).toEqual(['Breakglass', 'Breakglass: a test']);

  const tap = (url: string) => tapNotification(context, url);
  await tap('/#/t/devvm/power');
  await page.waitForURL(/#\/t\/devvm\/power$/);
  await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
  const session = await house.newSession();
  await tap(`/#/s/${session}`);
  await page.waitForURL(new RegExp(session));
  // Nowhere else, and the page was not loaded anew.
  await tap('https://evil.example/#/power');
  await until('the last one to be closed', async () =>
    (await shownNotifications(page)).every(({ tag }) => tag !== 'tapped'),
  );
  expect(new URL(page.url()).origin).toBe(house.base);
  expect(await page.evaluate(() => 'notReloaded' in globalThis)).toBe(true);
  expect(troubles).toEqual([]);
  await context.close();
}, 180_000);

test('a person who looks keeps it silent; the same page behind another window does not', async () => {
  const { context, page } = await signIn(browser, house.base);
  const resultOfATurn = async (): Promise<string | undefined> => {
    const before = (await ask()).channels.find(({ name }) => name === 'ntfy')?.last?.about ?? 0;
    await page.getByTestId('prompt').fill('hello');
    await page.keyboard.press('Enter');
    await turnOver(page);
    const last = await until('its result', async () => {
      const now = (await ask()).channels.find(({ name }) => name === 'ntfy')?.last;
      return now !== null && now !== undefined && now.about > before && now;
    });
    return last.result;
  };
  const came = ntfy.came.length;
  expect(await resultOfATurn()).toBe('suppressed');
  expect(ntfy.came).toHaveLength(came);
  await page.evaluate('document.hasFocus = () => false; undefined');
  expect(await resultOfATurn()).toBe('sent');
  await page.evaluate(
    "document.hasFocus = () => true; Object.defineProperty(document, 'visibilityState', { value: 'hidden' }); undefined",
  );
  expect(await resultOfATurn()).toBe('sent');
  expect(ntfy.came).toHaveLength(came + 2);
  await context.close();
}, 180_000);

test('who only looks turns nothing on and keeps nothing silent, and a device ends with the sign-in that it belongs to', async () => {
  const made = await house.call('POST', '/api/tokens', { name: 'watcher', role: 'observer' });
  const { secret } = (await made.json()) as { secret: string };
  const watcher = { authorization: `Bearer ${secret}` };
  const { subscription } = pushBrowser(push.url, (await ask()).push.public_key ?? '');
  for (const [url, body] of [
    ['/api/looking', { nonce: 'x' }],
    ['/api/notifications/devices', subscription],
    ['/api/notifications/test', { channel: 'ntfy' }],
  ] as const)
    expect((await house.call('POST', url, body, watcher)).status).toBe(403);
  expect((await house.call('GET', '/api/notifications', undefined, watcher)).status).toBe(200);

  const { context, page } = await signIn(browser, house.base);
  const { id } = (await page.evaluate(async (own) => {
    const answer = await fetch('/api/notifications/devices', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(own),
    });
    return answer.json();
  }, subscription)) as { id: string };
  const found = (await ask()).devices.find((device) => device.id === id);
  expect(found?.until).not.toBeNull();
  await page.evaluate(() => fetch('/api/logout', { method: 'POST' }));
  expect((await ask()).devices.map((device) => device.id)).not.toContain(id);
  await context.close();
}, 120_000);
