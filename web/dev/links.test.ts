// Doctor on the page, in a real browser: the links, what this browser measures itself, the drill, and the first run.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn } from './built-page.ts';
import { launchBrowser, PHONE } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';
import type { SetName } from './fixture-targets.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];
/** What the console has answered to this page, as URLs. */
let answers: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const link = (code: string) => id('link').and(page.locator(`[data-code="${code}"]`));
const step = (code: string) => id('set-up-link').and(page.locator(`[data-code="${code}"]`));
const group = (words: string) => id('links-group').filter({ hasText: words });
const hash = () => new URL(page.url()).hash;

const open = async (path: string, viewport = PHONE) => {
  complaints = [];
  answers = [];
  page = await newPage(browser, complaints, { viewport });
  page.on('response', (response) => answers.push(response.url()));
  await signedIn(page, fixture.url);
  await page.goto(fixture.url + path);
  await id('state-line').filter({ hasNotText: 'Asking' }).waitFor({ state: 'attached' });
};
const openLinks = async (viewport = PHONE) => {
  await open('/#/links', viewport);
  await id('links-head').waitFor();
};
const restart = async (targets: SetName) => {
  fixture.close();
  fixture = await startFixture({ dist: built.dist, targets });
};

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

describe('the links', () => {
  it('are reached from the menu, and Close and Escape lead back', async () => {
    await open('/#/power');
    await id('open-menu').tap();
    await id('open-links').filter({ hasText: 'All links checked 3 h ago' }).tap();
    await id('links-head').waitFor();
    expect(hash()).toBe('#/links');
    await id('menu-sheet').waitFor({ state: 'detached' });
    await id('links-close').tap();
    await id('links-view').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/power');
    await id('links-line').tap();
    await id('links-head').waitFor();
    await page.keyboard.press('Escape');
    await id('links-view').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/power');
  });

  it('that all work are one line and folded groups; the stream is measured here', async () => {
    await openLinks();
    await id('links-head').filter({ hasText: 'All 34 links work.' }).waitFor();
    expect(await id('links-head').textContent()).toMatch(/Checked 3 h ago, next in 2[01] h\./);
    expect(await id('links-urgent').count()).toBe(0);
    expect(await id('links-group').locator('.name').allTextContents()).toEqual([
      'This console',
      'Agent and model',
      'How people come in',
      'What leaves',
      'Rehearsal',
      'The VM of devvm',
      'The power path of devvm',
    ]);
    await group('How people come in').locator('summary').tap();
    await link('edge-stream')
      .filter({ hasText: '8 ticks arrived one by one. Measured from this browser.' })
      .waitFor();
    await group('What leaves').filter({ hasText: '1 works, 4 not used' }).waitFor();
  });

  it('an edge that keeps streams back, or cuts them, is found out by this browser', async () => {
    await tell('ticks?state=held');
    await openLinks();
    await id('links-head').filter({ hasText: '1 link is broken.' }).waitFor();
    expect(await link('edge-stream').textContent()).toContain('proxy_buffering off');
    // Measured again with each check.
    await tell('ticks?state=cut');
    await id('check-links').tap();
    await link('edge-stream').filter({ hasText: '3 of 8 ticks arrived' }).waitFor();
    await tell('ticks?state=live');
    await id('check-links').tap();
    await id('links-head').filter({ hasText: 'All 34 links work.' }).waitFor();
  });

  it('leaving the view ends the measurement', async () => {
    await open('/#/power');
    const left = page.waitForEvent('requestfailed', (request) =>
      request.url().endsWith('/api/doctor/stream'),
    );
    await page.route('**/api/doctor/stream', () => undefined);
    await id('links-line').tap();
    await id('links-close').tap();
    await left;
  });

  it('that are broken stand first with their remedy; what waits for one leads to it', async () => {
    await tell('doctor?state=broken');
    await openLinks();
    await id('links-head').filter({ hasText: '2 links are broken.' }).waitFor();
    // The stream is measured.
    await group('How people come in').filter({ hasText: '4 work' }).waitFor();
    const ranks = await id('links-urgent')
      .locator('[data-testid="link"]')
      .evaluateAll((all) =>
        all.map((one) => ['broken', 'doubtful', 'not-checked'].indexOf(one.getAttribute('data-state') ?? '')),
      );
    expect(ranks.length).toBe(10);
    expect(ranks).toEqual(ranks.toSorted((one, other) => one - other));
    const status = link('power-status').locator('[data-testid="because"]');
    expect(await status.textContent()).toBe('Power host login');
    expect(await link('power-status').textContent()).toContain(
      'Because of Power host login, which is broken.',
    );
    await status.focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'link-power-login-devvm');
    // The address is still the one of the view.
    expect(hash()).toBe('#/links');
    const [title, word] = await Promise.all([
      link('power-login').locator('b').first().textContent(),
      link('power-login').textContent(),
    ]);
    expect(title).toBe('Power host login');
    expect(word).toContain('broken');
    expect(word).toContain('docs/doctor.md#power-login');
  });

  it('the command of a remedy is copied whole, and nothing else of it', async () => {
    await tell('doctor?state=broken');
    await openLinks();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fixture.url });
    await link('power-login')
      .getByRole('button', { name: /^Copy command/ })
      .tap();
    await link('power-login').getByRole('button').filter({ hasText: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      'breakglass-host install --from 10.0.0.9 --key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq3mJpHq7W1 breakglass"',
    );
  });

  it('are checked when asked for, and say what was found', async () => {
    await tell('doctor?state=broken');
    await openLinks();
    await id('links-head').filter({ hasText: '2 links are broken.' }).waitFor();
    await tell('cure?code=power-login');
    await tell('cure?code=model-credential');
    await tell('hold?path=/api/doctor');
    await id('check-links').tap();
    await id('check-links')
      .filter({ hasText: /^Checking… \d+ s$/ })
      .waitFor();
    expect(await id('check-links').isDisabled()).toBe(true);
    await tell('release');
    await id('links-head').filter({ hasText: 'No link is broken, 1 is doubtful.' }).waitFor();
    expect(await id('links-head').textContent()).toContain('Checked now, next in 23 h');
  });

  it('that another device checks are shown as being checked', async () => {
    await tell('doctor?state=running');
    await openLinks();
    await id('check-links')
      .filter({ hasText: /^Checking… 1\d s$/ })
      .waitFor();
    await tell('doctor?state=broken');
    await id('links-head').filter({ hasText: '2 links are broken.' }).waitFor();
    await id('check-links').filter({ hasText: 'Check all links' }).waitFor();
  });

  it('a check that fails says so and can be asked for again; what is known stays', async () => {
    await openLinks();
    await page.route('**/api/doctor', (route) =>
      route.request().method() === 'POST' ? route.abort() : route.continue(),
    );
    await id('check-links').tap();
    await id('check-trouble')
      .filter({ hasText: 'The links were not checked: The console does not answer.' })
      .waitFor();
    await page.unroute('**/api/doctor');
    expect(await id('links-head').textContent()).toContain('links work');
    await id('check-trouble').getByRole('button').tap();
    await id('links-head').filter({ hasText: 'Checked now' }).waitFor();
    await id('check-trouble').waitFor({ state: 'detached' });
  });

  it('of a console that does not answer any more are shown with their time', async () => {
    await openLinks();
    await page.route('**/api/doctor', (route) => route.abort());
    await id('links-trouble')
      .filter({ hasText: /The console does not answer\. What is shown is from \d/ })
      .waitFor();
    expect(await id('links-group').count()).toBeGreaterThan(5);
    await page.unroute('**/api/doctor');
    await id('links-trouble').getByRole('button').tap();
    await id('links-trouble').waitFor({ state: 'detached' });
  });

  it('an observer sees them, and why they cannot check them', async () => {
    await tell('role?is=observer');
    await openLinks();
    expect(await id('check-links').isDisabled()).toBe(true);
    const why = await id('check-links').getAttribute('aria-describedby');
    expect(await page.locator(`#${why}`).textContent()).toContain('an operator can check them');
    expect(await id('start-drill-devvm').isDisabled()).toBe(true);
  });

  it('of several targets say whose they are', async () => {
    await restart('three');
    await tell('doctor?state=broken');
    await open('/#/t/db-1/links');
    await id('links-urgent').waitFor();
    expect(await link('power-login').locator('b').allTextContents()).toEqual([
      'Power host login, devvm',
      'Power host login, db-1',
      'Power host login, web-1',
    ]);
    await link('power-status').nth(1).locator('[data-testid="because"]').tap();
    await page.waitForFunction(() => document.activeElement?.id === 'link-power-login-db-1');
    for (const name of ['devvm', 'db-1', 'web-1']) await id(`start-drill-${name}`).waitFor();
  });

  it('do not scroll sideways at 320 px and at 200 %', async () => {
    await tell('doctor?state=broken');
    await openLinks();
    await id('links-urgent').waitFor();
    for (const width of [320, 195]) {
      await page.setViewportSize({ width, height: 568 });
      const { inside, outside } = await id('links-view').evaluate((element) => ({
        inside: element.scrollWidth,
        outside: element.clientWidth,
      }));
      expect(inside, `${width} px`).toBeLessThanOrEqual(outside);
    }
  });
});

describe('the line in the frame', () => {
  it('tells on a calm day that all was checked, without scrolling on a phone', async () => {
    await tell('target?name=devvm&ssh=true&lived=true');
    await open('/#/power');
    await id('links-line').filter({ hasText: 'All links checked 3 h ago' }).waitFor();
    const box = await id('links-line').boundingBox();
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(PHONE.height - 60);
  });

  it('names what is broken, below a verdict and its verb and quieter than both', async () => {
    await tell('target?name=devvm&ssh=false&found=stalled&lived=true');
    await tell('doctor?state=broken');
    await open('/#/power');
    await id('hold-advised').waitFor();
    const line = id('links-line').filter({
      hasText: /2 links broken, seen 5 min ago: Key for the model, Power host login/,
    });
    await line.waitFor();
    const [button, box] = await Promise.all([id('hold-advised').boundingBox(), line.boundingBox()]);
    expect(box?.y).toBeGreaterThan((button?.y ?? 0) + (button?.height ?? 0));
    await line.tap();
    await id('links-urgent').waitFor();
  });

  it('says that nothing was ever checked, and hollow that it was long ago', async () => {
    await tell('doctor?state=never');
    await open('/#/power');
    await id('links-line').filter({ hasText: 'Links never checked' }).waitFor();
    await tell('doctor?state=overdue');
    await page.reload();
    await id('links-line').filter({ hasText: 'All links checked 3 days ago' }).waitFor();
    expect(await id('links-line').locator('svg').first().getAttribute('class')).toContain('none');
  });

  it('a console without doctor is without it, and all else works', async () => {
    complaints = [];
    page = await newPage(browser, complaints);
    await page.route('**/api/doctor', (route) =>
      route.fulfill({ status: 404, json: { detail: 'Not found.' } }),
    );
    await signedIn(page, fixture.url);
    await page.goto(`${fixture.url}/#/links`);
    await id('links-trouble').filter({ hasText: 'Not found.' }).waitFor();
    await id('verb-status').waitFor({ state: 'attached' });
  });
});

describe('the drill', () => {
  it('says first that it captures evidence, and then each step and what it captured', async () => {
    await openLinks();
    expect(await id('drill-devvm').textContent()).toContain('It captures evidence of devvm');
    await id('last-drill').filter({ hasText: '6 days ago' }).waitFor();
    await id('start-drill-devvm').tap();
    await id('start-drill-devvm').filter({ hasText: 'Drill runs' }).waitFor();
    await id('drill-result').filter({ hasText: 'The whole way works' }).waitFor();
    expect(await id('drill-step').count()).toBe(6);
    await id('drill-devvm').getByRole('link', { name: 'The evidence that it captured' }).tap();
    await id('evidence-view').waitFor();
    await id('evidence-close').tap();
    await id('links-view').waitFor();
    // What it found is still there.
    await id('drill-result').waitFor();
  });

  it('names the steps that failed, and claims no evidence', async () => {
    await tell('drill?state=failed');
    await openLinks();
    await id('start-drill-devvm').tap();
    await id('drill-result')
      .filter({ hasText: 'Not all of it works: Forensics, Evidence read back.' })
      .waitFor();
    expect(
      await id('drill-step').evaluateAll((all) => all.map((one) => one.getAttribute('data-ok'))),
    ).toEqual(['true', 'true', 'true', 'false', 'false', 'true']);
    expect(await id('drill-devvm').getByRole('link').count()).toBe(0);
  });

  it('whose answer is lost is not called walked and not called failed', async () => {
    await openLinks();
    await page.route('**/drill', (route) => route.abort());
    await id('start-drill-devvm').tap();
    await id('drill-devvm')
      .filter({ hasText: 'Nobody knows how the drill ended: The console does not answer.' })
      .waitFor();
    expect(await id('drill-result').count()).toBe(0);
  });

  it('for which the edge does not wait long enough is not called off', async () => {
    await openLinks();
    await page.route('**/drill', (route) => route.fulfill({ status: 504, body: '<html>timeout</html>' }));
    await id('start-drill-devvm').tap();
    await id('drill-devvm')
      .filter({ hasText: 'Nobody knows how the drill ended: The console answered 504.' })
      .waitFor();
  });
});

describe('the first run', () => {
  it('is a checklist: one thing to do, each link green as it is cured without a press, and then a drill', async () => {
    await tell('doctor?state=first-run');
    await open('/');
    await id('set-up-next').filter({ hasText: 'SSH key' }).waitFor();
    expect(await id('set-up-next').textContent()).toContain('ssh-keygen -t ed25519');
    expect(await id('set-up-progress').textContent()).toContain('4 of 9 links that power needs work.');
    expect(await step('vm-repair').getAttribute('data-state')).toBe('not-checked');
    await id('set-up-optional').filter({ hasText: 'Optional: power works without them. 1 broken' }).waitFor();
    await tell('cure?code=ssh-key');
    // By itself.
    await id('set-up-next').filter({ hasText: 'Power host login' }).waitFor();
    expect(await step('ssh-key').getAttribute('data-state')).toBe('works');
    expect(await step('vm-repair').getAttribute('data-state')).toBe('works');
    await tell('cure?code=power-login');
    await id('check-links').tap();
    await id('set-up-done').filter({ hasText: 'Set up. Rehearse it now.' }).waitFor();
    await id('start-drill-devvm').tap();
    await id('drill-result').filter({ hasText: 'The whole way works' }).waitFor();
    await id('leave-set-up').tap();
    await id('prompt').waitFor();
    await page.reload();
    await id('prompt').waitFor();
    expect(await id('set-up').count()).toBe(0);
  });

  it('is no wall: power is one tap away, and who leaves it does not see it again in this browser', async () => {
    await tell('doctor?state=first-run');
    await open('/');
    await id('set-up-next').waitFor();
    await id('open-power').tap();
    await id('verb-status').waitFor();
    await id('set-up').waitFor({ state: 'detached' });
    await page.goto(`${fixture.url}/#/`);
    await page.reload();
    await id('set-up-next').waitFor();
    await id('leave-set-up').tap();
    await id('prompt').waitFor();
    const asked = page.waitForResponse((response) => response.url().endsWith('/api/doctor'));
    await page.reload();
    await (await asked).finished();
    await id('links-line').filter({ hasText: '3 links broken' }).waitFor({ state: 'attached' });
    expect(await id('set-up').count()).toBe(0);
    // It can still be asked for.
    await page.goto(`${fixture.url}/#/links`);
    await page.getByRole('link', { name: 'As a checklist' }).tap();
    await id('set-up-next').waitFor();
  });

  it('leaves power beside it on a desktop', async () => {
    await tell('doctor?state=first-run');
    await open('/', { width: 1440, height: 900 });
    await id('set-up-next').waitFor();
    const [power, checklist] = await Promise.all(
      [id('power-panel'), id('set-up')].map((part) => part.boundingBox()),
    );
    expect((power?.x ?? 0) + (power?.width ?? 0)).toBeLessThanOrEqual(checklist?.x ?? 0);
  });

  it('is not what a console shows that was used, however broken it is', async () => {
    await tell('doctor?state=first-run');
    await tell('sessions?count=1&target=devvm');
    await open('/');
    await expect.poll(() => answers.some((url) => url.includes('/api/sessions'))).toBe(true);
    await id('links-line').filter({ hasText: '3 links broken' }).waitFor({ state: 'attached' });
    await id('prompt').waitFor();
    expect(await id('set-up').count()).toBe(0);
  });

  it('is not what a console shows whose power host answers, whatever the last check said', async () => {
    await tell('doctor?state=first-run');
    await tell('target?name=devvm&reach=ok');
    await open('/');
    await id('prompt').waitFor();
    await id('links-line').filter({ hasText: '3 links broken' }).waitFor({ state: 'attached' });
    // The last thing that is asked before the page would open it.
    await page.waitForResponse((response) => response.url().includes('/api/targets/devvm'));
    expect(await id('set-up').count()).toBe(0);
  });

  it('is not what a link into the console leads to', async () => {
    await tell('doctor?state=first-run');
    await open('/#/power');
    await id('links-line').filter({ hasText: '3 links broken' }).waitFor();
    expect(hash()).toBe('#/power');
  });
});

it('a chat has its report: to read in a new tab, and as Markdown to keep', async () => {
  await open('/');
  await id('preset-triage').tap();
  await id('said').waitFor();
  await id('turn-line').waitFor({ state: 'detached' });
  await id('open-menu').tap();
  const [tab] = await Promise.all([page.context().waitForEvent('page'), id('open-report').tap()]);
  await tab.getByRole('heading', { name: /^Report of / }).waitFor();
  await tab.close();
  const [download] = await Promise.all([page.waitForEvent('download'), id('save-report').tap()]);
  expect(download.suggestedFilename()).toMatch(/^report-[0-9a-f]{8}\.md$/);
});

it('nothing of it is part of the first load', async () => {
  const scripts: string[] = [];
  complaints = [];
  page = await newPage(browser, complaints);
  page.on('request', (request) => scripts.push(request.url()));
  await signedIn(page, fixture.url);
  await page.goto(fixture.url);
  await id('links-line').waitFor({ state: 'attached' });
  expect(scripts.filter((url) => /\/(Links|SetUp|DrillPanel)-/.test(url))).toEqual([]);
  const document = await (await fetch(fixture.url)).text();
  expect(document).not.toMatch(/doctor-store|LinksLine/);
});

it('has no accessibility violation that axe knows, light and dark', async () => {
  const inBoth = async () => {
    const light = await violations(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await violations(page, { only: 'colours' });
    await page.emulateMedia({ colorScheme: 'light' });
    return [...light, ...dark];
  };
  await tell('doctor?state=first-run');
  await open('/');
  await id('set-up-next').waitFor();
  await id('set-up-optional').locator('summary').tap();
  expect(await inBoth()).toEqual([]);
  await tell('doctor?state=broken');
  await page.evaluate(() => {
    location.hash = '#/links';
  });
  await id('links-urgent').waitFor();
  await group('How people come in').locator('summary').tap();
  await id('start-drill-devvm').tap();
  await id('drill-result').waitFor();
  expect(await inBoth()).toEqual([]);
});
