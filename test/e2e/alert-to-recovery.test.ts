import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { recoverFromAlert } from './alert-to-recovery.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const SHOTS = process.env['BREAKGLASS_SHOTS'];
const look = async (page: Page, name: string): Promise<void> => {
  if (SHOTS !== undefined) await page.screenshot({ path: path.join(SHOTS, `recovery-${name}.png`) });
};

test('an alert rings on a locked phone, and two touches after the tap the VM is back, verified', {
  timeout: 600_000,
}, async () => {
  const { parts, ...seen } = await recoverFromAlert(browser, look);
  console.log(parts, seen);
  expect(seen.touches).toBeLessThanOrEqual(2);
  expect(seen.newProcess).toBe(true);
  expect(seen.outcome).toMatch(/new QEMU process/i);
  // No command, no output, nothing that a lock screen must not show; but what was found.
  expect(seen.title).toContain('devvm');
});
