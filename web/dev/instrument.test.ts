// The page as an instrument, in a real browser: what a tired person reads in one second must be true, at any size, by touch and by key.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn } from './built-page.ts';
import { launchBrowser, PHONE } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const panel = (name: string) => id('power-panel').locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const STALLED = 'target?name=devvm&ssh=false&found=stalled';

const open = async (path = '/', viewport = PHONE) => {
  complaints = [];
  page = await newPage(browser, complaints, { viewport });
  await signedIn(page, fixture.url);
  await page.goto(fixture.url + path);
  await id('state-line').filter({ hasNotText: 'Asking' }).waitFor({ state: 'attached' });
};
const lamps = () =>
  page
    .locator('[data-testid^="lamp-"]')
    .evaluateAll((all) =>
      all.map(
        (one) =>
          `${one.textContent?.trim()} ${one.getAttribute('data-stale') === 'true' ? 'hollow' : 'full'}`,
      ),
    );

beforeAll(async () => {
  built = await buildPage();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await built?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  fixture = await startFixture({ dist: built.dist, targets: 'one', pace: 'quick' });
});
afterEach(async () => {
  await page.context().close();
  fixture.close();
  expect(complaints).toEqual([]);
});

describe('it does not mislead', () => {
  it('two touches lead from the loaded page to a running cycle, and a tap runs nothing', async () => {
    await tell(STALLED);
    await open();
    await id('open-power').tap();
    const button = id('hold-advised');
    expect(await button.textContent()).toContain('Hold to cycle devvm');
    const box = await button.boundingBox();
    // Nothing was scrolled: it is on the first screen.
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(PHONE.height - 60);
    await tell('freeze?name=devvm');
    await button.tap();
    // Too short: it shows what it would do, and how one says no.
    await id('confirm-sheet').waitFor();
    await id('do-nothing').tap();
    await id('confirm-sheet').waitFor({ state: 'detached' });
    expect(await panel('operation').count()).toBe(0);
    await page.mouse.move((box?.x ?? 0) + 60, (box?.y ?? 0) + 20);
    await page.mouse.down();
    await panel('operation').waitFor();
    await page.mouse.up();
    await panel('operation').filter({ hasText: 'Cycling devvm' }).waitFor();
  });

  it('what is past advises nothing, and looks it', async () => {
    await tell('target?name=devvm&ssh=true&found=past');
    await open('/#/power');
    await id('past-finding').waitFor();
    expect(await id('past-finding').textContent()).toContain('cycle ran since');
    expect(await id('hold-advised').count()).toBe(0);
    expect(await panel('verb-cycle').textContent()).not.toContain('advised');
  });

  it('a dead console: lamps are hollow after 15 s, nothing is called well, nothing is advised', async () => {
    await tell(STALLED);
    await open('/#/power');
    await id('hold-advised').waitFor();
    expect(await lamps()).toEqual(['SSH silent full', 'Agent unknown full', 'QMP answers full']);
    await page.route('**/api/**', (route) => route.abort());
    await id('verdict-word').filter({ hasText: 'Unknown' }).waitFor();
    expect(await id('power-panel').textContent()).toContain('Breakglass does not answer.');
    expect(await id('hold-advised').count()).toBe(0);
    await id('still-works').filter({ hasText: 'Emergency page' }).waitFor();
    await id('lamp-ssh').and(page.locator('[data-stale="true"]')).waitFor();
    expect(await lamps()).toEqual([
      'SSH was silent, old reading hollow',
      'Agent unknown full',
      'QMP answered, old reading hollow',
    ]);
    expect(await id('state-line').textContent()).toMatch(/^Unknown · last read \d+ s ago$/);
  });

  it('a device without network says that, and is attached to nothing', async () => {
    await open('/#/power');
    await page.context().setOffline(true);
    await page.getByText('This device is offline.', { exact: true }).waitFor();
    expect(await id('turn-lamp').textContent()).toBe('offline');
    await page.context().setOffline(false);
    await id('verdict-word').filter({ hasNotText: 'Unknown' }).waitFor();
  });

  it('what is being asked says so, and after a while that there is no answer yet', async () => {
    const since = Date.now();
    complaints = [];
    page = await newPage(browser, complaints);
    await signedIn(page, fixture.url);
    await page.route('**/api/targets/devvm', async (route) => {
      const response = await route.fetch();
      const state = (await response.json()) as Record<string, unknown>;
      state['ssh'] = {
        answers: null,
        reading: 'unknown',
        at: null,
        asking: { since: new Date(since).toISOString() },
      };
      await route.fulfill({ response, json: state });
    });
    await page.goto(fixture.url);
    await id('lamp-ssh').filter({ hasText: 'no answer yet' }).waitFor();
    expect(await id('lamp-ssh').getAttribute('data-tone')).toBe('busy');
  });

  it('a full journal is said as long as it lasts', async () => {
    await open();
    await page.route('**/api/targets/devvm', async (route) => {
      const response = await route.fetch();
      const state = (await response.json()) as Record<string, unknown>;
      state['journal'] = { writes: false, why: 'Nothing can be recorded: the disk is full.' };
      await route.fulfill({ response, json: state });
    });
    await id('journal-full').filter({ hasText: 'the disk is full' }).waitFor();
    await page.unroute('**/api/targets/devvm');
    await id('journal-full').waitFor({ state: 'detached' });
  });

  it('a fresh device knows the last verbs, the last evidence and who is here', async () => {
    await tell('target?name=devvm&lived=true');
    await open('/#/power');
    await id('last-evidence').waitFor();
    expect(await id('recent-operation').count()).toBe(3);
    expect(await id('happened').textContent()).toContain('ana');
    expect(await id('here').textContent()).toContain('ana since');
  });

  it('while a verb runs no other can be pressed, and the steps to come are grey', async () => {
    await open('/#/power');
    await tell('freeze?name=devvm');
    await panel('verb-cycle').click();
    await id('confirm-verb').focus();
    await page.keyboard.down('Enter');
    await panel('operation-step').first().waitFor();
    await page.keyboard.up('Enter');
    expect(await panel('operation-step-to-come').count()).toBeGreaterThan(2);
    for (const verb of ['start', 'reset', 'cycle', 'stop']) {
      expect(await panel(`verb-${verb}`).isDisabled()).toBe(true);
      expect(await panel(`verb-${verb}`).textContent()).toContain('one verb at a time');
    }
    await tell('freeze?name=');
    await panel('operation-outcome').waitFor();
    expect(await panel('operation-log').evaluate((log) => (log as unknown as { open: boolean }).open)).toBe(
      false,
    );
  });
});

describe('what was not meant runs nothing', () => {
  const presses = () => {
    const seen: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().includes('/power/')) seen.push(request.url());
    });
    return seen;
  };

  it('a key that is held down on "press twice" is one press', async () => {
    await open('/#/power');
    const posted = presses();
    await panel('verb-cycle').click();
    await id('confirm-without-holding').focus();
    for (let repeat = 0; repeat < 8; repeat += 1) {
      await page.keyboard.down('Enter');
      await page.waitForTimeout(120);
    }
    await page.keyboard.up('Enter');
    await id('confirm-without-holding').filter({ hasText: 'Yes: cycle' }).waitFor();
    expect(posted).toEqual([]);
  });

  it('a hold ends when another verb is advised meanwhile, and when its view goes', async () => {
    await tell(STALLED);
    await open('/#/power');
    const posted = presses();
    let advised = 'cycle';
    await page.route('**/api/targets/devvm', async (route) => {
      const response = await route.fetch();
      const state = (await response.json()) as { finding: { report: { finding: { advised: string } } } };
      state.finding.report.finding.advised = advised;
      await route.fulfill({ response, json: state });
    });
    await page.clock.install();
    const hold = async () => {
      const box = await id('hold-advised').boundingBox();
      await page.mouse.move((box?.x ?? 0) + 60, (box?.y ?? 0) + 20);
      await page.mouse.down();
      await id('hold-advised').filter({ hasText: 'Keep holding' }).waitFor();
    };
    // From here the page's time stands still but for what we let pass.
    await page.clock.pauseAt(Date.now() + 5_000);
    await hold();
    advised = 'reset';
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await id('hold-advised').filter({ hasText: 'Hold to reset devvm' }).waitFor();
    await page.clock.runFor(3_000);
    await page.mouse.up();
    expect(posted).toEqual([]);
    expect(await id('confirm-sheet').count()).toBe(0);
    await hold();
    await page.evaluate(() => {
      location.hash = '#/';
    });
    await id('hold-advised').waitFor({ state: 'hidden' });
    await page.clock.runFor(3_000);
    await page.mouse.up();
    expect(posted).toEqual([]);
  });

  it('one part that cannot be drawn leaves the verbs', async () => {
    await open('/#/power');
    await page.route('**/api/targets/devvm', async (route) => {
      const response = await route.fetch();
      const state = (await response.json()) as Record<string, unknown>;
      state['finding'] = { at: 'never', report: { at: 'never', finding: null } };
      state['warnings'] = ['The same.', 'The same.'];
      await route.fulfill({ response, json: state });
    });
    await page.getByText('The same.').nth(1).waitFor();
    await panel('verb-stop').click();
    await id('confirm-sheet').waitFor();
  });
});

describe('a sheet', () => {
  it('gives the focus back, by Do nothing, by Escape and by a tap beside it', async () => {
    await open('/#/power');
    const leave = [
      () => id('do-nothing').click(),
      () => page.keyboard.press('Escape'),
      () => page.mouse.click(195, 20),
    ];
    for (const go of leave) {
      await panel('verb-stop').focus();
      await page.keyboard.press('Enter');
      await id('confirm-sheet').waitFor();
      await go();
      await id('confirm-sheet').waitFor({ state: 'detached' });
      await page.waitForFunction(() => document.activeElement?.getAttribute('data-testid') === 'verb-stop');
    }
  });
});

describe('nothing moves under a held thumb', () => {
  it('the strip and the held button keep their place and size while readings change and labels do', async () => {
    await tell(STALLED);
    await open('/#/power');
    const button = id('hold-advised');
    const [strip, before] = [await page.locator('header').boundingBox(), await button.boundingBox()];
    await tell('target?name=devvm&reach=unreachable');
    await page.mouse.move((before?.x ?? 0) + 60, (before?.y ?? 0) + 20);
    await page.mouse.down();
    await button.filter({ hasText: 'Keep holding' }).waitFor();
    expect(await button.boundingBox()).toEqual(before);
    await page.mouse.move(5, 5);
    await page.mouse.up();
    await id('confirm-sheet').waitFor();
    expect(await page.locator('header').boundingBox()).toEqual(strip);
  });
});

const SIZES = [
  ['a phone of 320 px', { width: 320, height: 640 }],
  ['a phone at 200 %', { width: 195, height: 422 }],
  ['landscape', { width: 844, height: 390 }],
  ['a desktop', { width: 1440, height: 900 }],
] as const;

describe.each(SIZES)('on %s', (_, viewport) => {
  it('nothing is cut off sideways, the prompt has room, and the advised verb can be reached and held', async () => {
    await tell(STALLED);
    await open('/', viewport);
    await id('prompt').waitFor();
    const sideways = () =>
      page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(await sideways()).toBe(false);
    const log = await page.locator('[role="log"]').boundingBox();
    expect(log?.height ?? 0).toBeGreaterThan(100);
    if (viewport.width < 1100) await id('open-power').click();
    await id('hold-advised').scrollIntoViewIfNeeded();
    const box = await id('hold-advised').boundingBox();
    expect(box?.width ?? 0).toBeGreaterThan(100);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(viewport.width);
    expect(await sideways()).toBe(false);
    await panel('verb-stop').click();
    await id('confirm-verb').scrollIntoViewIfNeeded();
    expect(await sideways()).toBe(false);
  });
});

it('a keyboard that covers the page takes its room from the page', async () => {
  await open();
  const height = () => page.locator('#app').evaluate((app) => app.getBoundingClientRect().height);
  expect(await height()).toBe(PHONE.height);
  await page.evaluate(() => {
    Object.defineProperty(globalThis.visualViewport, 'height', { value: 500, configurable: true });
    (globalThis.visualViewport as unknown as EventTarget).dispatchEvent(new Event('resize'));
  });
  expect(await height()).toBe(500);
  const prompt = await id('prompt').boundingBox();
  expect((prompt?.y ?? 0) + (prompt?.height ?? 0)).toBeLessThan(500);
});

it('axe finds nothing on the verdict, why, a confirm sheet, the menu, a running verb and its outcome', async () => {
  await tell(STALLED);
  await tell('target?name=devvm&lived=true');
  await open('/#/power');
  await id('happened').waitFor();
  expect(await violations(page)).toEqual([]);
  await id('why').click();
  expect(await violations(page)).toEqual([]);
  await panel('verb-cycle').click();
  await id('confirm-sheet').waitFor();
  expect(await violations(page)).toEqual([]);
  await id('do-nothing').click();
  await id('open-menu').click();
  await id('menu-sheet').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await id('menu-sheet').waitFor({ state: 'detached' });
  await tell('freeze?name=devvm');
  await id('hold-advised').focus();
  await page.keyboard.down('Enter');
  await panel('operation').waitFor();
  await page.keyboard.up('Enter');
  expect(await violations(page)).toEqual([]);
  await tell('freeze?name=');
  await panel('operation-outcome').waitFor();
  expect(await violations(page)).toEqual([]);
});
