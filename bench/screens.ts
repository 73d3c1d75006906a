// Every state of the page as a picture, on a phone and a desktop, light and dark, from the built page and the fixture server:
// npm run screens [-- directory [-- name of one state]]. They are looked at one by one; those of the README come from here.
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { buildPage } from '../web/dev/built-page.ts';
import { launchBrowser } from '../web/dev/chromium.ts';
import { type Fixture, startFixture } from '../web/dev/fixture-server.ts';
import type { SetName } from '../web/dev/fixture-targets.ts';

const [into = path.join(import.meta.dirname, '../.cache/screens'), only] = process.argv.slice(2);
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 } } as const;
type Size = keyof typeof SIZES;
/** What the README shows. */
const README = {
  'phone-light-verdict': 'phone-light-verdict',
  'phone-light-approval': 'phone-light-approval',
  'phone-dark-outcome': 'phone-dark-outcome',
  'desktop-light-answered': 'desktop-light-answered',
} as const;

interface Stage {
  readonly page: Page;
  readonly size: Size;
  readonly tell: (path: string) => Promise<unknown>;
  readonly id: (name: string) => Locator;
  readonly toPower: () => Promise<void>;
}
interface Scene {
  readonly targets?: SetName;
  /** Before the page is opened. */
  readonly before?: readonly string[];
  /** Stays at the sign-in. */
  readonly outside?: boolean;
  readonly act: (stage: Stage) => Promise<unknown>;
}

/** A whole turn. */
const answered = async (id: Stage['id'], preset: 'triage' | 'disk'): Promise<void> => {
  await id(`preset-${preset}`).click();
  await id('stop').waitFor();
  await id('stop').waitFor({ state: 'detached' });
};
/** Until that came of it. */
const holdByKey = async (page: Page, button: Locator, outcome: Locator): Promise<void> => {
  await button.focus();
  await page.keyboard.down('Enter');
  await outcome.waitFor();
  await page.keyboard.up('Enter');
};
const stalled = ['target?name=devvm&ssh=false&found=stalled&lived=true'];
const lives = ['target?name=devvm&ssh=true&lived=true'];
/** The browser has measured the stream. */
const measured = (id: Stage['id']) =>
  id('links-group')
    .filter({ hasText: 'How people come in' })
    .filter({ hasText: /\d works?\b/ })
    .waitFor();

const SCENES: Readonly<Record<string, Scene>> = {
  login: { outside: true, act: async () => undefined },
  'login-wrong': {
    outside: true,
    act: async ({ id }) => {
      await id('login-token').fill('not the token');
      await id('login-submit').click();
      await id('login-submit').isEnabled();
    },
  },
  start: { act: async ({ id }) => id('preset-triage').waitFor() },
  working: {
    act: async ({ id }) => {
      await id('preset-triage').click();
      await id('tool-card').first().waitFor();
    },
  },
  answered: {
    before: ['target?name=devvm&ssh=true&lived=true'],
    act: async ({ id, page }) => {
      await answered(id, 'triage');
      await page.waitForTimeout(300);
    },
  },
  'dead-model': {
    act: async ({ id, page }) => {
      await id('prompt').fill('There is no model');
      await page.keyboard.press('Enter');
      await id('remark-error').waitFor();
    },
  },
  approval: {
    act: async ({ id, tell }) => {
      await answered(id, 'triage');
      await tell('ask?kind=command');
      await id('approval-card').waitFor();
    },
  },
  well: {
    before: ['target?name=devvm&ssh=true&lived=true'],
    act: async ({ toPower, id }) => {
      await toPower();
      await id('verdict-card').filter({ hasText: 'Well' }).waitFor();
    },
  },
  silent: {
    act: async ({ toPower, id }) => {
      await toPower();
      await id('verdict-card').filter({ hasText: 'Silent' }).waitFor();
    },
  },
  verdict: {
    before: stalled,
    act: async ({ toPower, id }) => {
      await toPower();
      await id('hold-advised').waitFor();
    },
  },
  why: {
    before: stalled,
    act: async ({ toPower, id }) => {
      await toPower();
      await id('why').click();
      await id('finding-inputs').scrollIntoViewIfNeeded();
    },
  },
  holding: {
    before: stalled,
    act: async ({ toPower, id, page }) => {
      await toPower();
      const box = await id('hold-advised').boundingBox();
      await page.mouse.move((box?.x ?? 0) + 60, (box?.y ?? 0) + 30);
      await page.mouse.down();
      await page.waitForTimeout(800);
    },
  },
  confirm: {
    before: stalled,
    act: async ({ toPower, id }) => {
      await toPower();
      await id('verb-cycle').click();
      await id('confirm-sheet').waitFor();
    },
  },
  contradiction: {
    before: [...stalled, 'power?state=contradict'],
    act: async ({ toPower, id, page }) => {
      await toPower();
      await id('verb-reset').click();
      await holdByKey(page, id('confirm-verb'), id('contradiction'));
    },
  },
  running: {
    before: stalled,
    act: async ({ toPower, id, page }) => {
      await toPower();
      await holdByKey(
        page,
        id('hold-advised'),
        id('power-panel').locator('[data-testid="operation-step"]').nth(1),
      );
    },
  },
  outcome: {
    before: stalled,
    act: async ({ toPower, id, page, tell }) => {
      await toPower();
      await holdByKey(page, id('hold-advised'), id('power-panel').locator('[data-testid="operation"]'));
      await tell('target?name=devvm&ssh=true&found=past');
      await id('power-panel').locator('[data-testid="operation-outcome"]').waitFor();
      await id('past-finding').waitFor();
      await page.waitForTimeout(300);
    },
  },
  'outcome-unknown': {
    before: ['power?state=unknown'],
    act: async ({ toPower, id }) => {
      await toPower();
      await id('power-panel').locator('[data-testid="verb-forensics"]').click();
      await id('power-panel').locator('[data-testid="operation-outcome"]').waitFor();
    },
  },
  unreachable: {
    before: ['target?name=devvm&reach=unreachable'],
    act: async ({ toPower, page }) => {
      await toPower();
      await page.waitForTimeout(800);
    },
  },
  silence: {
    before: stalled,
    act: async ({ toPower, page }) => {
      await toPower();
      await page.route('**/api/**', (route) => route.abort());
      await page.getByText('Breakglass does not answer.').waitFor();
    },
  },
  offline: {
    before: stalled,
    act: async ({ toPower, page }) => {
      await toPower();
      await page.context().setOffline(true);
      await page.getByText('This device is offline.').first().waitFor();
    },
  },
  'host-key': {
    before: ['host-key?name=devvm&vm=n'],
    act: async ({ toPower, id }) => {
      await toPower();
      await id('host-key-vm').waitFor();
    },
  },
  evidence: {
    before: stalled,
    act: async ({ page, id }) => {
      await page.evaluate(`location.hash = ${JSON.stringify('#/evidence/20260131T020304.567Z-cycle')}`);
      await id('evidence-screen').waitFor();
    },
  },
  menu: {
    before: stalled,
    act: async ({ id, page }) => {
      await id('open-menu').first().click();
      await id('menu-sheet').waitFor();
      await page.waitForTimeout(300);
    },
  },
  links: {
    before: [...lives, 'doctor?state=broken'],
    act: async ({ id, page }) => {
      await page.evaluate("location.hash = '#/links'");
      await measured(id);
    },
  },
  'links-well': {
    before: lives,
    act: async ({ id, page }) => {
      await page.evaluate("location.hash = '#/links'");
      await measured(id);
    },
  },
  'links-line-broken': {
    before: [...stalled, 'doctor?state=broken'],
    act: async ({ toPower, id }) => {
      await toPower();
      await id('links-line').scrollIntoViewIfNeeded();
    },
  },
  drill: {
    before: [...lives, 'drill?state=failed'],
    act: async ({ id, page }) => {
      await page.evaluate("location.hash = '#/links'");
      await id('start-drill-devvm').click();
      await id('drill-result').scrollIntoViewIfNeeded();
    },
  },
  'first-run': {
    before: ['doctor?state=first-run'],
    act: async ({ id }) => id('set-up-next').waitFor(),
  },
  'first-run-done': {
    before: ['doctor?state=first-run'],
    act: async ({ id, tell }) => {
      await id('set-up-next').waitFor();
      await tell('cure?code=ssh-key');
      await tell('cure?code=power-login');
      await id('check-links').click();
      await id('set-up-done').waitFor();
    },
  },
  chats: {
    act: async ({ id, page }) => {
      await answered(id, 'disk');
      await id('open-menu').first().click();
      await id('open-sessions').click();
      await page.waitForTimeout(800);
    },
  },
  targets: {
    targets: 'twenty',
    act: async ({ id, page, size }) => {
      if (size === 'phone') await id('open-targets').click();
      await id('target-devvm').waitFor();
      await page.waitForTimeout(2_500);
    },
  },
  observer: {
    before: [...stalled, 'role?is=observer'],
    act: async ({ toPower, page }) => {
      await toPower();
      await page.waitForTimeout(500);
    },
  },
  'power-only': {
    before: ['mode?state=power-only'],
    act: async ({ page }) => page.waitForTimeout(800),
  },
};

async function shoot(
  browser: Browser,
  fixture: Fixture,
  name: string,
  scene: Scene,
  size: Size,
  colorScheme: 'light' | 'dark',
): Promise<void> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme,
    hasTouch: size === 'phone',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const tell = (switched: string) => fetch(`${fixture.url}/fixture/${switched}`, { method: 'POST' });
  const id = (testid: string) => page.locator(`[data-testid="${testid}"]`);
  for (const switched of scene.before ?? []) await tell(switched);
  await page.goto(fixture.url);
  await id('login-token').waitFor();
  if (scene.outside !== true) {
    await id('login-token').fill('fixture');
    await id('login-submit').click();
    await id('power-panel').waitFor({ state: 'attached' });
  }
  await scene.act({
    page,
    size,
    tell,
    id,
    toPower: async () => {
      if (size === 'phone') await id('open-power').click();
    },
  });
  const file = `${size}-${colorScheme}-${name}`;
  await page.screenshot({ path: path.join(into, `${file}.png`) });
  const forReadme = README[file as keyof typeof README];
  if (forReadme !== undefined)
    copyFileSync(
      path.join(into, `${file}.png`),
      path.join(import.meta.dirname, '../docs/screenshots', `${forReadme}.png`),
    );
  console.log(file);
  await context.close();
}

mkdirSync(into, { recursive: true });
await using built = await buildPage();
const browser = await launchBrowser();
for (const [name, scene] of Object.entries(SCENES)) {
  if (only !== undefined && name !== only) continue;
  for (const size of ['phone', 'desktop'] as const)
    for (const scheme of ['light', 'dark'] as const) {
      // A world of its own: what one scene has done is not in the next.
      const fixture = await startFixture({ targets: scene.targets ?? 'one', dist: built.dist });
      await shoot(browser, fixture, name, scene, size, scheme).catch((error: unknown) => {
        console.error(`${size}-${scheme}-${name}: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      });
      fixture.close();
    }
}
await browser.close();
