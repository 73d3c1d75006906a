// The browser of a person, on a phone's or a desktop's screen.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { PATIENCE_MS, PHONE } from '../../web/dev/chromium.ts';
import { TOKEN } from './console.ts';

export interface Opened {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors that the page threw or logged. */
  readonly troubles: string[];
}

/** A fresh browser profile at the page, signed in by its login form. */
export async function signIn(
  browser: Browser,
  base: string,
  options: { viewport?: { width: number; height: number }; colorScheme?: 'light' | 'dark' } = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: options.viewport ?? PHONE,
    colorScheme: options.colorScheme ?? 'light',
    hasTouch: true,
    // Every frame is painted without a GPU.
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    // Before signing in there is a 401, by which the page learns that it has to.
    if (message.type() === 'error' && !/status of 401/.test(message.text())) troubles.push(message.text());
  });
  await page.goto(base);
  await page.getByTestId('login-token').fill(TOKEN);
  await page.getByTestId('login-submit').click();
  // A question that waits may stand where the prompt is.
  await page.getByTestId('prompt').waitFor({ state: 'attached' });
  return { context, page, troubles };
}

/** Waits for a turn to begin and to end. */
export async function turnOver(page: Page): Promise<void> {
  await page.getByTestId('stop').waitFor();
  await page.getByTestId('stop').waitFor({ state: 'detached', timeout: 2 * PATIENCE_MS });
}

/** A prompt by one of the presets, and its turn. */
export async function presetTurn(page: Page, preset: string): Promise<void> {
  await page.getByTestId(preset).click();
  await turnOver(page);
}
