// In a real browser: a share link lets a colleague watch one session and nothing else, over a restart, until it is ended.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { presetTurn, signIn } from '../support/browser.ts';
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

/** As that of `signIn`. */
const PATIENCE_MS = 120_000;
const PHONE = { viewport: { width: 390, height: 844 } };

const makeShare = async (page: Page): Promise<string> => {
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-share').click();
  await page.getByTestId('share-sheet').waitFor();
  await page.getByTestId('make-share').click();
  const link = (await page.getByTestId('share-link').textContent()) ?? '';
  await page.getByTestId('close-share').click();
  return link;
};
/** One that nobody has prompted in yet: the page itself opens none before the first prompt. */
const openSession = async (page: Page): Promise<void> => {
  const session = await house.newSession();
  await page.goto(`${house.base}/#/s/${session}`);
  await page
    .getByTestId('session-id')
    .filter({ hasText: session.slice(0, 8) })
    .waitFor({ state: 'attached' });
};
const open = async (
  link: string,
  context?: BrowserContext,
): Promise<{ context: BrowserContext; page: Page }> => {
  const of = context ?? (await browser.newContext(PHONE));
  of.setDefaultTimeout(PATIENCE_MS);
  const page = await of.newPage();
  await page.goto(link);
  return { context: of, page };
};
const ask = (page: Page, method: string, url: string): Promise<number> =>
  page.evaluate(
    async ([how = '', where = '']) => (await fetch(where, { method: how })).status,
    [method, url],
  );

test('a guest sees the session as it happens, over a restart, and is told at once when the link is ended', async () => {
  const { page, context } = await signIn(browser, house.base, PHONE);
  await openSession(page);
  const link = await makeShare(page);
  expect(link).toMatch(new RegExp(`^${house.base}/sign-in#/s/[0-9a-f-]{36}/share/[0-9A-Z]{20}$`));
  const session = link.split('/')[5] ?? '';

  // Whoever only opens it is no guest yet, and the code is out of the address.
  const { page: guest } = await open(link);
  await guest.getByText('You opened a link to watch one session').waitFor();
  expect(guest.url()).toBe(`${house.base}/sign-in#/s/${session}`);
  await guest.getByTestId('login-submit').click();
  await guest.getByText('You watch this session. It ends at').waitFor();
  expect(guest.url()).toBe(`${house.base}/#/s/${session}`);
  await guest.getByText('Nothing has been asked here yet.').waitFor();

  await presetTurn(page, 'preset-triage');
  const told = (await page.getByTestId('chat-panel').textContent()) ?? '';
  expect(told).toContain('The disk is full');
  await guest.getByTestId('tool-card').first().waitFor();
  await guest.getByTestId('assistant-text').last().waitFor();
  for (const missing of ['prompt', 'send', 'stop', 'open-power', 'power-panel', 'new-session', 'open-share'])
    expect([missing, await guest.getByTestId(missing).count()]).toEqual([missing, 0]);
  expect(await guest.locator('[data-testid^="preset-"], [data-testid^="verb-"]').count()).toBe(0);
  for (const [method, url] of [
    ['POST', '/api/pve/stop'],
    ['POST', `/api/session/${session}/prompt`],
    ['GET', '/api/sessions'],
    ['GET', '/emergency'],
  ] as const)
    expect([url, await ask(guest, method, url)]).toEqual([url, 403]);
  const me = await guest.evaluate(async () => (await fetch('/api/me')).json());
  expect(me).toMatchObject({ role: 'guest', watches: { session_id: session }, warnings: [] });

  await house.kill();
  await house.start();
  await guest.reload();
  await guest.getByTestId('turn-lamp').filter({ hasText: 'attached' }).waitFor();
  await guest.getByTestId('assistant-text').last().waitFor();

  await page.reload();
  await page.getByTestId('open-menu').click();
  await page.getByTestId('open-share').click();
  const entry = page.getByTestId('share').filter({ hasText: 'opened once' });
  await entry.getByRole('button').click();
  await entry.getByRole('button', { name: 'End it now' }).click();
  await entry.waitFor({ state: 'detached' });
  await guest.getByTestId('share-over').waitFor();
  expect(await guest.getByTestId('assistant-text').count()).toBe(0);
  await guest.reload();
  await guest.getByTestId('share-over').waitFor();
  const { page: late } = await open(link);
  await late.getByTestId('login-submit').click();
  await late.getByTestId('share-over').waitFor();
  // Whoever has a way of their own can still go it.
  await guest.getByRole('button', { name: 'Sign in instead' }).click();
  await guest.getByTestId('login-token').waitFor();
  await context.close();
}, 240_000);

test('whoever is signed in and opens a share link stays who they are, at that session', async () => {
  const { page, context } = await signIn(browser, house.base, PHONE);
  await openSession(page);
  const link = await makeShare(page);
  const { page: second } = await open(link, context);
  await second.getByTestId('prompt').waitFor();
  expect(second.url()).not.toContain('share');
  const me = await second.evaluate(async () => (await fetch('/api/me')).json());
  expect(me).toMatchObject({ role: 'operator' });
  await context.close();
}, 120_000);

test('a guest who opens the link of another session watches that one, and leaving it leaves nothing', async () => {
  const { page, context } = await signIn(browser, house.base, PHONE);
  await openSession(page);
  const first = await makeShare(page);
  await openSession(page);
  const second = await makeShare(page);

  const { page: guest } = await open(first);
  await guest.getByTestId('login-submit').click();
  await guest.getByTestId('watching').waitFor();
  await guest.goto(second);
  await guest.getByTestId('login-submit').click();
  await guest.getByTestId('watching').waitFor();
  const me = await guest.evaluate(async () => (await fetch('/api/me')).json());
  expect(me).toMatchObject({ watches: { session_id: second.split('/')[5] } });
  await guest.getByRole('button', { name: 'Leave' }).click();
  await guest.getByTestId('login-token').waitFor();
  expect(await ask(guest, 'GET', '/api/me')).toBe(401);
  await context.close();
}, 120_000);
