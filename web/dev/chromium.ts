// Chromium as Debian ships it, headless, for tests and benchmarks of the page.
import { type Browser, chromium } from 'playwright-core';

/** Of every single wait: enough for a machine that has eight other things to do. */
export const PATIENCE_MS = 120_000;
export const PHONE = { width: 390, height: 844 };

// Each page opens a window of its own, though nobody sees it, and each window starts a second renderer with the suggestions of its
// address bar: more work than our page is. Chromium takes only the last list of what is off, so those that Playwright turns off and
// a test could notice stand here again. A renderer that is kept ready for the next page is mostly thrown away with its context.
const OFF = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'SpareRendererForSitePerProcess',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
];

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      `--disable-features=${OFF.join(',')}`,
    ],
  });
