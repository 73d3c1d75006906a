// The evidence in a real browser: what it says first, its numbers, its picture, and the list of all captures.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn } from './built-page.ts';
import { launchBrowser } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';

const EVIDENCE = '20260131T020304.567Z-cycle';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const view = (name: string) => id('evidence-view').locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const visit = (path: string) => page.goto(fixture.url + path);
const open = async () => {
  await visit(`/#/evidence/${EVIDENCE}`);
  await view('evidence-screen').waitFor();
};
const hash = () => new URL(page.url()).hash;

beforeAll(async () => {
  built = await buildPage();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await built?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  fixture = await startFixture({ dist: built.dist, pace: 'quick' });
  await tell('target?name=devvm&ssh=false&found=stalled&lived=true');
  complaints = [];
  page = await newPage(browser, complaints);
  await signedIn(page, fixture.url);
});
afterEach(async () => {
  await page.context().close();
  fixture.close();
  expect(complaints).toEqual([]);
});

describe('the evidence', () => {
  it('says first what it shows: word, difference, cause, the hour, and then the numbers', async () => {
    await open();
    const text = (await id('evidence-view').textContent()) ?? '';
    const order = [
      'Wedged',
      '0 bytes written in 2',
      'No disk writes for 27',
      'Disk writes, one hour',
      'Written, bytes',
      'Console at',
      'What decided it',
      'How it was captured',
      'All 2 items',
    ].map((words) => text.replaceAll('\u00A0', ' ').indexOf(words));
    expect(order.every((at) => at >= 0)).toBe(true);
    expect(order).toEqual(order.toSorted((one, other) => one - other));
  });

  it('groups the thousands for the eye, and what is copied is a plain number', async () => {
    await open();
    const cell = view('evidence-samples').locator('tr', { hasText: 'Written, bytes' }).locator('td').first();
    expect(await cell.locator('i').count()).toBe(4);
    const copied = await cell.evaluate((element) => {
      getSelection()?.selectAllChildren(element);
      return getSelection()?.toString();
    });
    expect(copied?.trim()).toBe('794665194496');
  });

  it('shows what did not move in the colour of what is bad, and says it; what was not read is not known', async () => {
    await open();
    const row = (label: string) => view('evidence-samples').locator('tr', { hasText: label });
    const colour = (label: string) =>
      row(label)
        .locator('td')
        .last()
        .evaluate((element) => getComputedStyle(element).color);
    expect(await row('Written, bytes').textContent()).toContain('did not move');
    expect(await row('CPU time').textContent()).not.toContain('did not move');
    expect(await colour('Written, bytes')).not.toBe(await colour('CPU time'));
    await view('all-samples').click();
    expect(await view('evidence-samples').locator('tbody tr:has(td)').count()).toBe(10);
    expect(await row('Network in').locator('td').allTextContents()).toEqual([
      expect.stringContaining('not known'),
      expect.stringContaining('not known'),
    ]);
    expect(await row('VM state').textContent()).toContain('running');
  });

  it('shows the picture at its own size in reach of a finger, and gives the focus back', async () => {
    await open();
    await id('enlarge-screen').click();
    const large = id('screen-large').locator('img');
    await large.waitFor();
    expect((await large.boundingBox())?.width).toBe(720);
    // Its far end can be brought into view.
    const pan = id('screen-large').getByRole('group');
    expect(await pan.evaluate((element) => element.scrollWidth)).toBeGreaterThanOrEqual(720);
    await page.keyboard.press('Escape');
    await id('screen-large').waitFor({ state: 'detached' });
    // Only the picture closed.
    expect(await id('evidence-view').isVisible()).toBe(true);
    await page.waitForFunction(
      () => document.activeElement?.getAttribute('data-testid') === 'enlarge-screen',
    );
    await id('evidence-screen').click();
    await id('close-screen').click();
    await id('screen-large').waitFor({ state: 'detached' });
  });

  it('opens all that decided it, and shows the steps that failed before the others', async () => {
    await open();
    const inputs = view('finding').locator('dl > div');
    expect(await inputs.count()).toBe(4);
    await id('all-inputs').click();
    expect(await inputs.count()).toBe(6);
    expect(await view('finding').textContent()).toContain('Advised then: cycle');
    await id('evidence-steps').locator('summary').click();
    const steps = await id('evidence-step').allTextContents();
    expect(steps.map((step) => step.trim().split(/\s/)[0])).toEqual([
      'rrd',
      'agent-ping',
      'process-a',
      'qmp-a',
      'screendump',
      'kernel-log',
      'gdb',
      'qmp-b',
    ]);
  });

  it('leaves power beside it on a desktop', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await open();
    const [power, evidence] = await Promise.all(
      [id('power-panel'), id('evidence-view')].map((part) => part.boundingBox()),
    );
    expect((power?.x ?? 0) + (power?.width ?? 0)).toBeLessThanOrEqual(evidence?.x ?? 0);
    expect(await id('hold-advised').isVisible()).toBe(true);
  });

  it('does not scroll sideways at 320 px and at 200 %', async () => {
    await open();
    for (const width of [320, 195]) {
      await page.setViewportSize({ width, height: 568 });
      const { inside, outside } = await id('evidence-view').evaluate((element) => ({
        inside: element.scrollWidth,
        outside: element.clientWidth,
      }));
      expect(inside, `${width} px`).toBeLessThanOrEqual(outside);
    }
  });
});

describe('all captures of a target', () => {
  it('are listed newest first, and another one takes the place of the open one', async () => {
    await visit('/#/power');
    await id('last-evidence').click();
    await view('evidence-screen').waitFor();
    await view('all-captures').filter({ hasText: '5 captures of devvm' }).click();
    const rows = id('capture');
    await rows.first().waitFor();
    const texts = await rows.allTextContents();
    expect(texts.map((text) => /Before \w+|Saved by \w+/.exec(text)?.[0])).toEqual([
      'Before cycle',
      'Saved by triage',
      'Before reset',
      'Saved by hand',
      'Before stop',
    ]);
    expect(texts[0]).toContain('damaged');
    expect(texts[2]).toContain('Panicked');
    expect(texts[4]).toContain('Not named');
    await rows.nth(2).click();
    await id('captures-sheet').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/evidence/20260128T091200.700Z-reset');
    await view('evidence-screen').waitFor();
    await id('evidence-close').click();
    await id('evidence-view').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/power');
  });

  it('can be reached from what happened; that they cannot be read is said, and asked again', async () => {
    await visit('/#/power');
    await page.route('**/api/evidence?*', (route) => route.abort());
    await id('happened').getByTestId('all-captures').click();
    await id('captures-sheet').getByRole('alert').waitFor();
    await page.unroute('**/api/evidence?*');
    await id('captures-sheet').getByRole('button', { name: 'Ask again' }).click();
    await id('capture').nth(4).waitFor();
    await page.keyboard.press('Escape');
    await id('captures-sheet').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/power');
  });

  it('that are none at all say so', async () => {
    await page.route('**/api/evidence?*', (route) => route.fulfill({ json: { evidence: [] } }));
    await visit('/#/power');
    await id('happened').getByTestId('all-captures').click();
    await id('no-captures').waitFor();
  });
});

it('neither the large picture nor the list has an accessibility violation that axe knows', async () => {
  await open();
  await id('all-samples').click();
  await id('evidence-steps').locator('summary').click();
  expect(await violations(page)).toEqual([]);
  await id('enlarge-screen').click();
  await id('screen-large').waitFor();
  expect(await violations(page)).toEqual([]);
  await id('close-screen').click();
  await view('all-captures').click();
  await id('capture').first().waitFor();
  expect(await violations(page)).toEqual([]);
});

it('a time that is none in a damaged manifest takes nothing of the evidence away', async () => {
  await page.route(`**/api/evidence/${EVIDENCE}`, async (route) => {
    const record = (await (await route.fetch()).json()) as { manifest: object };
    await route.fulfill({ json: { ...record, manifest: { ...record.manifest, began_at: '?' } } });
  });
  await open();
  expect(await id('evidence-view').textContent()).toContain('2026');
});
