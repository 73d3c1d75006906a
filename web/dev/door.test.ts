// The way in: what stands there before the page's script does, where it does not come, where nothing answers, and the login.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TAB_TONES } from '../src/state/tab-title.ts';
import { buildPage, signedIn } from './built-page.ts';
import { launchBrowser, PATIENCE_MS, PHONE } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;

beforeAll(async () => {
  built = await buildPage();
  fixture = await startFixture({ dist: built.dist });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  fixture?.close();
  await built?.[Symbol.asyncDispose]();
});

const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
  const context = await browser.newContext({
    viewport: PHONE,
    hasTouch: true,
    isMobile: true,
    reducedMotion: 'reduce',
    ...options,
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
};
const wayOut = (page: Page) => page.locator('a[href="/emergency"]');

describe('before the page', () => {
  it('name, frame and the way to /emergency stand there while its script is under way, and nothing moves when it comes', async () => {
    const page = await open({ serviceWorkers: 'block' });
    const { promise: letThrough, resolve: go } = Promise.withResolvers<void>();
    await page.route('**/assets/index-*.js', async (route) => {
      await letThrough;
      await route.continue();
    });
    await page.addInitScript(`
      window.shifts = [];
      new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: 'layout-shift', buffered: true });
    `);
    await page.goto(fixture.url, { waitUntil: 'commit' });
    await page.getByText('Breakglass', { exact: true }).waitFor();
    expect(await wayOut(page).isVisible()).toBe(true);
    const height = async (part: string) => (await page.locator(part).boundingBox())?.height;
    expect(await height('.skeleton-strip')).toBe(56);
    expect(await height('.skeleton-bar')).toBe(60);
    go();
    await page.getByTestId('login-token').waitFor();
    expect(await page.locator('#skeleton').count()).toBe(0);
    expect(await page.evaluate('window.shifts.reduce((sum, value) => sum + value, 0)')).toBe(0);
  });

  it('who am I and how is the target are asked once, and before the script is there', async () => {
    const page = await open({ serviceWorkers: 'block' });
    await signedIn(page, fixture.url);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const { promise: letThrough, resolve: go } = Promise.withResolvers<void>();
    await page.route('**/assets/index-*.js', async (route) => {
      await letThrough;
      await route.continue();
    });
    const early = page.waitForResponse('**/api/targets/devvm');
    await page.goto(fixture.url, { waitUntil: 'commit' });
    await early;
    go();
    await page.getByTestId('prompt').waitFor();
    expect(asked.filter((path) => path === '/api/me')).toHaveLength(1);
    expect(asked.filter((path) => path === '/api/targets/devvm')).toHaveLength(1);
  });

  it('without JavaScript it says so and leads to /emergency', async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(fixture.url);
    expect(await page.locator('noscript p').isVisible()).toBe(true);
    expect(await page.locator('noscript').textContent()).toContain('This page needs JavaScript.');
    expect(await page.getByText('Asking the console').isVisible()).toBe(false);
    expect(await wayOut(page).isVisible()).toBe(true);
  });

  it('a script that does not come is said, and the way to /emergency stays', async () => {
    const page = await open({ serviceWorkers: 'block' });
    await page.route('**/assets/index-*.js', (route) => route.abort());
    await page.goto(fixture.url);
    await page.getByText('The page could not be loaded. Reload it.').waitFor();
    expect(await wayOut(page).isVisible()).toBe(true);
  });
});

describe('a page that cannot go on', () => {
  it('says that a part of it could not be loaded, and leads to /emergency', async () => {
    const page = await open({ serviceWorkers: 'block' });
    await page.route('**/assets/Login-*.js', (route) => route.abort());
    await page.goto(fixture.url);
    await page.getByRole('heading', { name: 'The page could not be loaded.' }).waitFor();
    expect(await page.locator('#skeleton').count()).toBe(0);
    expect(await wayOut(page).isVisible()).toBe(true);
  });

  it('says that it has failed where an answer breaks it, and leads to /emergency', async () => {
    const page = await open({ serviceWorkers: 'block' });
    await signedIn(page, fixture.url);
    await page.route('**/api/me', (route) =>
      route.fulfill({ json: { mode: 'full', target: { name: 'a' } } }),
    );
    await page.goto(fixture.url);
    await page.getByTestId('page-failed').waitFor();
    expect(await wayOut(page).isVisible()).toBe(true);
  });
});

describe('without an answer', () => {
  const kept = async (): Promise<{ page: Page; close: () => void }> => {
    const own = await startFixture({ dist: built.dist });
    const page = await open();
    await page.goto(own.url);
    await page.getByTestId('login-token').waitFor();
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    await page.waitForFunction(async () => (await caches.match('/')) !== undefined);
    return { page, close: own.close };
  };

  it('a dead console is said, and the cold path is kept on the device', async () => {
    const { page, close } = await kept();
    close();
    await page.reload();
    await page.getByRole('heading', { name: 'Breakglass does not answer.' }).waitFor();
    const cold = page.getByTestId('cold-case');
    for (const step of ['8006', 'qm start', 'IPMI', 'pvecm status', 'triage before any verb'])
      expect(await cold.textContent()).toContain(step);
    expect(await page.getByText('ssh pve cycle').isVisible()).toBe(true);
  });

  it('a device without a network is said to be offline, and asks the console when it is back', async () => {
    const { page, close } = await kept();
    onTestFinished(close);
    await page.context().setOffline(true);
    await page.reload();
    await page.getByRole('heading', { name: 'This phone is offline.' }).waitFor();
    await page.context().setOffline(false);
    await page.getByRole('heading', { name: 'This phone is offline.' }).waitFor({ state: 'detached' });
    await page.getByTestId('login-token').waitFor();
  });
});

describe('the login', () => {
  it('shows the token on demand, pastes it, says what is wrong in two words, and leads to /emergency', async () => {
    const page = await open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fixture.url });
    await page.goto(fixture.url);
    const token = page.getByTestId('login-token');
    await token.fill('guess');
    expect(await token.getAttribute('type')).toBe('password');
    await page.getByTestId('login-show').click();
    expect(await token.getAttribute('type')).toBe('text');
    await page.getByTestId('login-submit').click();
    await page
      .getByRole('alert')
      .filter({ hasText: /^Wrong token\.$/ })
      .waitFor();
    expect(await page.getByText('Remember this phone').isVisible()).toBe(true);
    expect(await wayOut(page).isVisible()).toBe(true);
    await page.evaluate(() => navigator.clipboard.writeText(' fixture\n'));
    await page.getByTestId('login-paste').click();
    await page.waitForFunction(
      () => document.querySelector<HTMLInputElement>('[data-testid="login-token"]')?.value === 'fixture',
    );
    await page.getByTestId('login-submit').click();
    await page.getByTestId('prompt').waitFor();
  });

  it('on a computer it is a computer that is remembered', async () => {
    const page = await open({ viewport: { width: 1440, height: 900 }, hasTouch: false, isMobile: false });
    await page.goto(fixture.url);
    await page.getByText('Remember this computer').waitFor();
  });
});

it('there is an icon of the tab for each state', async () => {
  for (const tone of TAB_TONES) {
    const answer = await fetch(`${fixture.url}/favicon-${tone}.svg`);
    expect([tone, answer.status, answer.headers.get('content-type')]).toEqual([tone, 200, 'image/svg+xml']);
  }
});
