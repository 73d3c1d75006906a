// In a real browser with a virtual authenticator: a passkey is enrolled while signed in, signs its owner in again, and opens nothing once it
// is removed. BREAKGLASS_SHOTS=<directory> keeps pictures of both places.
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { TOKEN } from '../support/console.ts';
import { type House, startHouse } from '../support/house.ts';

let house: House;
let browser: Browser;
/** A passkey works under a name, and under no address: the same console as localhost. */
let base: string;
beforeAll(async () => {
  house = await startHouse({ scenario: 'disk-full' });
  base = house.base.replace('127.0.0.1', 'localhost');
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const PHONE = { viewport: { width: 390, height: 844 } };
const SHOTS = process.env['BREAKGLASS_SHOTS'];

/** On a phone's screen and on a desk's, as it is there now. */
async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return;
  for (const [width, height] of [
    [390, 844],
    [1440, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: path.join(SHOTS, `${name}-${width}.png`) });
  }
  await page.setViewportSize(PHONE.viewport);
}

/** A page with an authenticator that finds its own passkeys and checks the person. */
async function openPhone(): Promise<{
  context: BrowserContext;
  page: Page;
  verify: (is: boolean) => Promise<void>;
}> {
  const context = await browser.newContext(PHONE);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const verify = async (isUserVerified: boolean): Promise<void> => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
  };
  return { context, page, verify };
}

async function signInByToken(page: Page, at: string): Promise<void> {
  await page.goto(at);
  await page.getByTestId('login-token').fill(TOKEN);
  await page.getByTestId('login-submit').click();
  await page.getByTestId('prompt').waitFor();
}

async function openSheet(page: Page): Promise<void> {
  await page.getByTestId('open-power').first().click();
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-access').click();
  await page.getByTestId('access-sheet').waitFor();
}

const statusOf = (page: Page, url: string) => page.evaluate(async (at) => (await fetch(at)).status, url);

test('a passkey is enrolled, signs its owner in again, and opens nothing once it is removed', async () => {
  const { context, page, verify } = await openPhone();
  await page.goto(base);
  await page.getByTestId('login-token').waitFor();
  // Nobody has one yet, so none is offered.
  expect(await page.evaluate(async () => (await fetch('/api/login')).json())).toEqual({ passkey: false });
  expect(await page.getByTestId('login-passkey').count()).toBe(0);
  await signInByToken(page, base);
  await openSheet(page);
  await page.getByTestId('passkey-name').fill('my phone');
  await page.getByTestId('add-passkey').click();
  const entry = page.getByTestId('passkey').filter({ hasText: 'my phone' });
  await entry.filter({ hasText: 'never used' }).waitFor();
  await entry.scrollIntoViewIfNeeded();
  await shoot(page, 'sheet');
  // The same device again is told so, and nothing is doubled.
  await page.getByTestId('passkey-name').fill('again');
  await page.getByTestId('add-passkey').click();
  await page.getByText('has a passkey of yours already').waitFor();
  expect(await page.getByTestId('passkey').count()).toBe(1);

  await page.evaluate(() => fetch('/api/logout', { method: 'POST' }));
  await page.reload();
  await page.getByTestId('login-passkey').waitFor();
  await shoot(page, 'login');
  await verify(false);
  await page.getByTestId('login-passkey').click();
  await page.getByText('No passkey was given').waitFor();
  expect(await statusOf(page, '/api/me')).toBe(401);
  await verify(true);
  // Single sign-on is down: what comes without a device the edge answers, and not as we would.
  await page.route('**/api/me', async (route) => {
    const { cookie } = await route.request().allHeaders();
    return cookie?.includes('breakglass=') === true ? route.continue() : route.fulfill({ status: 502 });
  });
  await page.goto(`${base}/sign-in`);
  await page.getByTestId('login-remember').check();
  await page.getByTestId('login-passkey').click();
  await page.getByTestId('login-passkey').waitFor({ state: 'detached' });
  expect(new URL(page.url()).pathname).toBe('/');
  await page.unroute('**/api/me');
  expect(await page.evaluate(async () => (await fetch('/api/me')).json())).toMatchObject({
    name: 'operator',
    role: 'operator',
  });

  // Somebody else removes it: the device that it signed in is out, and it signs nobody in any more.
  const listed: unknown = await (await house.call('GET', '/api/passkeys')).json();
  expect(listed).toMatchObject({ passkeys: [{ label: 'my phone', name: 'operator', under: 'localhost' }] });
  await openSheet(page);
  await page.getByTestId('passkey').filter({ hasText: 'used' }).waitFor();
  const other = await openPhone();
  await signInByToken(other.page, base);
  await openSheet(other.page);
  const there = other.page.getByTestId('passkey');
  await there.getByRole('button').click();
  await there.getByRole('button', { name: 'Remove it now' }).click();
  await there.waitFor({ state: 'detached' });
  expect(await statusOf(page, '/api/me')).toBe(401);
  await page.reload();
  await page.getByTestId('login-token').waitFor();
  expect(await page.getByTestId('login-passkey').count()).toBe(0);
  await context.close();
  await other.context.close();
}, 180_000);

test('where no passkey can work the page says why and offers none; the emergency page never does', async () => {
  const { context, page } = await openPhone();
  await signInByToken(page, house.base);
  await openSheet(page);
  const why = page.getByTestId('passkey-why-not');
  await why.waitFor();
  expect(await why.textContent()).toMatch(/only where the console has a name and HTTPS/);
  expect(await page.getByTestId('add-passkey').count()).toBe(0);
  await page.context().clearCookies();
  await page.goto(`${house.base}/emergency`);
  expect(await page.content()).not.toMatch(/passkey/i);
  await context.close();
}, 120_000);
