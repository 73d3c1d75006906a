// In a real browser: a login link signs a second device in, once; the list of devices ends it; an observer's page changes nothing.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { signIn } from '../support/browser.ts';
import { type House, startHouse } from '../support/house.ts';

let house: House;
let browser: Browser;
beforeAll(async () => {
  house = await startHouse({ scenario: 'disk-full' });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const PHONE = { viewport: { width: 390, height: 844 } };
const openAccess = async (page: Page): Promise<void> => {
  await page.getByTestId('open-power').first().click();
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-access').click();
  await page.getByTestId('access-sheet').waitFor();
};

test('a login link signs one more device in, once, and the list of devices ends it', async () => {
  const { page, context } = await signIn(browser, house.base, PHONE);
  await openAccess(page);
  await page.getByTestId('make-link').click();
  const link = (await page.getByTestId('login-link').textContent()) ?? '';
  expect(link).toMatch(new RegExp(`^${house.base}/#login=[0-9A-Z]{20}$`));

  const phone = await browser.newContext({ ...PHONE, userAgent: 'Mozilla/5.0 (iPhone) Safari/605.1' });
  const second = await phone.newPage();
  // Whoever only opens it has not spent it.
  await second.goto(link);
  await second.getByText('You opened a login link').waitFor();
  expect(second.url()).not.toContain('login=');
  await second.reload();
  await second.goto(link);
  await second.getByTestId('login-remember').check();
  await second.getByTestId('login-submit').click();
  await second.getByTestId('turn-lamp').filter({ hasText: 'ready' }).waitFor({ state: 'attached' });

  const third = await (await browser.newContext(PHONE)).newPage();
  await third.goto(link);
  await third.getByTestId('login-submit').click();
  await third.getByText('was used already').waitFor();

  await page.getByTestId('close-access').click();
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-access').click();
  const entry = page.getByTestId('device').filter({ hasText: 'Safari on iPhone' });
  await entry.getByRole('button').click();
  await entry.getByRole('button', { name: 'Sign it out now' }).click();
  await entry.waitFor({ state: 'detached' });
  await second.reload();
  await second.getByTestId('login-token').waitFor();
  await context.close();
}, 120_000);

test('a named token is shown once, opens the page as an observer that presses nothing, and ends with its revocation', async () => {
  const { page, context } = await signIn(browser, house.base, PHONE);
  await openAccess(page);
  await page.getByTestId('token-name').fill('wall');
  await page.getByTestId('make-token').click();
  const secret = (await page.getByTestId('token-secret').textContent()) ?? '';
  expect(secret).toMatch(/^bg_/);

  const wall = await browser.newContext(PHONE);
  const second = await wall.newPage();
  await second.goto(house.base);
  await second.getByTestId('login-token').fill(secret);
  await second.getByTestId('login-submit').click();
  await second.getByText('You may look, and change nothing').first().waitFor();
  const asObserver = await second.evaluate(
    async () => (await fetch('/api/pve/stop', { method: 'POST' })).status,
  );
  expect(asObserver).toBe(403);
  await second.getByTestId('open-power').first().click();
  expect(await second.getByTestId('verb-stop').isDisabled()).toBe(true);

  const entry = page.getByTestId('token').filter({ hasText: 'wall' });
  await entry.getByRole('button').click();
  await entry.getByRole('button', { name: 'Revoke it now' }).click();
  await entry.waitFor({ state: 'detached' });
  expect(await second.evaluate(async () => (await fetch('/api/me')).status)).toBe(401);
  await context.close();
}, 120_000);
