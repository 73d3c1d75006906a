// The page as it is shipped, and how a test opens it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PATIENCE_MS, PHONE } from './chromium.ts';

const web = join(import.meta.dirname, '..');

/** `npm test` builds the page once, for all. Else it is built into a directory of its own, so that no other build is in the way. */
export const buildPage = async (): Promise<AsyncDisposable & { readonly dist: string }> => {
  const ofAll = process.env['BREAKGLASS_BUILT_PAGE'];
  if (ofAll !== undefined) return { dist: ofAll, [Symbol.asyncDispose]: async () => undefined };
  const dist = await mkdtemp(join(tmpdir(), 'breakglass-page-'));
  const vite = join(web, '..', 'node_modules', 'vite', 'bin', 'vite.js');
  const args = [vite, 'build', web, '--outDir', dist, '--emptyOutDir', '--logLevel', 'error'];
  // As a command of its own: under the test runner's NODE_ENV it would be a development build.
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } });
  return { dist, [Symbol.asyncDispose]: () => rm(dist, { recursive: true, force: true }) };
};

/**
 * A browser profile of its own with one page on a phone's screen. Nothing turns or slides on it: every frame is painted without a
 * GPU. Its service worker is left out, which `door.test.ts` is about.
 *
 * @param complaints takes what the page throws, and what breaks its content security policy
 */
export const newPage = async (
  browser: Browser,
  complaints: string[],
  options: BrowserContextOptions = {},
): Promise<Page> => {
  const context = await browser.newContext({
    viewport: PHONE,
    hasTouch: true,
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
    ...options,
  });
  const page = await context.newPage();
  watch(page, complaints);
  return page;
};

/** One more page of the same profile. */
export const watch = (page: Page, complaints: string[]): void => {
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security|Trusted/i.test(message.text())) complaints.push(message.text());
  });
};

/** Until no part of the page stands in for one that is still loading. */
export const partsLoaded = (page: Page): Promise<void> =>
  page.locator('[data-stand-in]').first().waitFor({ state: 'detached' });

/** As a browser that has signed in at the fixture before. The way in is what `door.test.ts` is about. */
export const signedIn = (page: Page, url: string): Promise<void> =>
  page.context().addCookies([{ name: 'fixture', value: '1', url }]);
