// Takes the pictures of the README from the real page in the lab: node bench/screenshots.ts [directory].
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launch, signIn, turnOver } from '../test/support/browser.ts';
import { approve, readCard } from '../test/support/card.ts';
import { hold } from '../test/support/hold.ts';
import { startHouse } from '../test/support/house.ts';

const into = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '../docs/screenshots'));
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1440, height: 900 };

const shoot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: path.join(into, `${name}.png`) });

async function diskFull(
  browser: Browser,
  viewport: typeof PHONE,
  colorScheme: 'light' | 'dark',
  name: string,
): Promise<void> {
  const house = await startHouse({
    scenario: 'disk-full',
    env: { BREAKGLASS_LAB: 'disk-full|Disk full, a failed service|Rehearsal.', BREAKGLASS_POLICY: 'ask' },
  });
  const { page, context } = await signIn(browser, house.base, { viewport, colorScheme });
  await page.getByTestId('turn-lamp').filter({ hasText: 'ready' }).waitFor({ state: 'attached' });
  await shoot(page, `${name}-start`);
  await page.getByTestId('preset-triage').click();
  await page.getByTestId('looks').first().waitFor();
  await shoot(page, `${name}-working`);
  await turnOver(page);
  await shoot(page, `${name}-triage`);
  await page.getByTestId('prompt').fill('Fix it.');
  await page.getByTestId('send').click();
  const card = await readCard(page, 'truncate');
  await shoot(page, `${name}-approval`);
  await card.getByTestId('approval-grant').click();
  await card.getByTestId('approval-hold').filter({ hasText: 'with 15 minutes' }).waitFor();
  await approve(page, 'truncate');
  await page.getByTestId('stop').waitFor({ state: 'detached' });
  await shoot(page, `${name}-repaired`);
  await context.close();
  await house.close();
}

async function ioStall(
  browser: Browser,
  viewport: typeof PHONE,
  colorScheme: 'light' | 'dark',
  name: string,
): Promise<void> {
  const house = await startHouse({
    scenario: 'io-stall',
    env: { BREAKGLASS_LAB: 'io-stall|Disk I/O stalled inside QEMU|Rehearsal.' },
  });
  const { page, context } = await signIn(browser, house.base, { viewport, colorScheme });
  if (viewport === PHONE) await page.getByTestId('open-power').first().click();
  const panel = page.getByTestId('power-panel');
  await panel.getByTestId('triage-no-ai').click();
  await panel.getByTestId('finding').waitFor();
  await shoot(page, `${name}-finding`);
  await panel.getByTestId('verb-cycle').click();
  const confirm = panel.getByTestId('confirm-verb');
  await confirm.scrollIntoViewIfNeeded();
  await shoot(page, `${name}-confirm`);
  await hold(confirm);
  await panel.getByTestId('operation-step').nth(2).waitFor();
  await shoot(page, `${name}-running`);
  await panel.getByTestId('operation-outcome').first().waitFor({ timeout: 120_000 });
  await shoot(page, `${name}-outcome`);
  await panel.locator('a[href^="#/evidence/"]').first().click();
  await page.getByTestId('evidence-view').waitFor();
  await page.getByTestId('evidence-screen').waitFor();
  await shoot(page, `${name}-evidence`);
  await context.close();
  await house.close();
}

const browser = await launch();
await diskFull(browser, PHONE, 'light', 'phone-light');
await diskFull(browser, DESKTOP, 'dark', 'desktop-dark');
await ioStall(browser, PHONE, 'dark', 'phone-dark');
await ioStall(browser, DESKTOP, 'light', 'desktop-light');
await browser.close();
