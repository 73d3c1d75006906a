// Several targets in a real browser: whatever is shown or pressed belongs to the target that the header names.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn } from './built-page.ts';
import { launchBrowser, PHONE } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';
import type { SetName } from './fixture-targets.ts';

const DESKTOP = { width: 1440, height: 900 };

let built: Awaited<ReturnType<typeof buildPage>>;
let browser: Browser;
let fixture: Fixture;
let page: Page;
let complaints: string[] = [];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const panel = (name: string) => id('power-panel').locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const hash = () => new URL(page.url()).hash;
const heading = () => page.locator('h1').textContent();
const order = () =>
  id('target-list')
    .locator('li button')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-testid')?.replace('target-', '')));

const open = async (set: SetName, path = '/', viewport = PHONE) => {
  fixture = await startFixture({ dist: built.dist, targets: set, pace: 'quick' });
  await visit(path, viewport);
};
/** A browser of its own, signed in: it has kept nothing else. */
const visit = async (path: string, viewport = PHONE) => {
  page = await newPage(browser, complaints, { viewport });
  await signedIn(page, fixture.url);
  await page.goto(fixture.url + path);
};
const shows = (target: string) =>
  page.waitForFunction((name) => {
    const words = document.querySelector('[data-testid="power-panel"] h2')?.textContent;
    return words === `Power: ${name}`;
  }, target);
/** There is no session before the first prompt. */
const ready = () => id('turn-lamp').filter({ hasText: 'ready' }).waitFor({ state: 'attached' });
const sessionOf = async () => {
  await id('session-id').waitFor({ state: 'attached' });
  return id('session-id').textContent();
};
/** The session that a first prompt opens. */
const begin = async () => {
  await ready();
  await id('prompt').fill('hello');
  await page.keyboard.press('Enter');
  return sessionOf();
};
const openList = () => id('open-targets').click();
const switchTo = async (target: string) => {
  await openList();
  await id(`target-${target}`).click();
  await shows(target);
};
const go = async (to: string) => {
  await page.evaluate((next) => {
    location.hash = next;
  }, to);
};
const answered = (path: string) =>
  page.waitForResponse((response) => new URL(response.url()).pathname === path);
const asked = (path: string) => page.waitForRequest((request) => new URL(request.url()).pathname === path);
/** Lets the held answer of a path come, and the page draw what it makes of it. */
const letCome = async (path: string) => {
  const [response] = await Promise.all([answered(path), tell('release')]);
  await response.finished();
  await drawn();
};
const drawn = () =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
/** Everything on the page but the list of targets. */
const words = () => page.locator('.console').textContent();

beforeAll(async () => {
  built = await buildPage();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await built?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  await page?.context().close();
  fixture?.close();
  const seen = complaints;
  complaints = [];
  expect(seen).toEqual([]);
});

it('one target: no list, no question for one, addresses and requests as they were', async () => {
  fixture = await startFixture({ dist: built.dist, targets: 'one', pace: 'quick' });
  page = await newPage(browser, complaints);
  const requests: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/api/')) requests.push(`${pathname} ${request.postData() ?? ''}`);
  });
  await signedIn(page, fixture.url);
  await page.goto(fixture.url);
  await ready();
  expect(await id('open-targets').count()).toBe(0);
  expect(await page.title()).toMatch(/^. devvm .* · Breakglass$/);
  expect(requests.filter((request) => request.startsWith('/api/session'))).toEqual([]);
  await begin();
  expect(hash()).toMatch(/^#\/s\//);
  await id('open-power').click();
  expect(hash()).toBe('#/power');
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  expect(await id('target-sheet').count()).toBe(0);
  expect(requests).toContain('/api/session ');
  expect(requests.filter((request) => request.startsWith('/api/targets '))).toEqual([]);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(['breakglass.session']);
});

describe('the list', () => {
  it('has the worst first, and one tap switches all that is shown', async () => {
    await open('three');
    const first = await begin();
    await openList();
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    expect(await order()).toEqual(['db-1', 'web-1', 'devvm']);
    expect(await id('target-web-1').textContent()).toContain('stopped');
    await id('target-db-1').click();
    await shows('db-1');
    expect(await id('target-sheet').count()).toBe(0);
    expect(await heading()).toContain('db-1');
    expect(await page.title()).toMatch(/^. db-1 .* · Breakglass$/);
    await ready();
    expect(await id('prompt').getAttribute('placeholder')).toBe('Ask about db-1');
    expect(await words()).not.toContain('devvm');
    expect(await begin()).not.toBe(first);
  });

  it('changes its states in place; the order changes when it is opened or pulled', async () => {
    await open('three');
    await ready();
    await page.clock.install();
    await openList();
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    const places = () =>
      id('target-list')
        .locator('li')
        .evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().top));
    const before = await places();
    await tell('target?name=db-1&reach=unreachable');
    await page.clock.runFor(5_000);
    await id('target-db-1').filter({ hasText: 'no route to host' }).waitFor();
    expect(await places()).toEqual(before);
    await tell('target?name=devvm&vm=paused');
    await tell('target?name=db-1&ssh=true&reach=ok');
    await page.clock.runFor(5_000);
    await id('target-devvm').filter({ hasText: 'paused' }).waitFor();
    await id('target-db-1').filter({ hasText: 'SSH answers' }).waitFor();
    expect(await order()).toEqual(['db-1', 'web-1', 'devvm']);
    expect(await id('targets-news').textContent()).toBe('Worse, further down: web-1, devvm');
    await id('targets-refresh').click();
    await page.waitForFunction(() =>
      document.querySelector('[data-testid="target-list"] li:last-child')?.textContent?.includes('db-1'),
    );
    expect(await order()).toEqual(['devvm', 'web-1', 'db-1']);
    await tell('target?name=devvm&vm=running');
    await page.clock.runFor(5_000);
    await id('target-devvm').filter({ hasText: 'SSH answers' }).waitFor();
    expect(await order()).toEqual(['devvm', 'web-1', 'db-1']);
    await id('close-targets').click();
    await openList();
    await page.waitForFunction(() =>
      document.querySelector('[data-testid="target-list"] li')?.textContent?.includes('web-1'),
    );
    expect(await order()).toEqual(['web-1', 'devvm', 'db-1']);
  });

  it('can be pulled down by a finger', async () => {
    await open('three');
    await openList();
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    await tell('target?name=db-1&ssh=true');
    const devtools = await page.context().newCDPSession(page);
    const box = await id('targets-news').boundingBox();
    const x = (box?.x ?? 0) + 20;
    const touch = (type: string, y?: number) =>
      devtools.send('Input.dispatchTouchEvent', {
        type: type as 'touchStart',
        touchPoints: y === undefined ? [] : [{ x, y }],
      });
    const from = (box?.y ?? 0) + 5;
    await touch('touchStart', from);
    for (let down = 20; down <= 140; down += 20) await touch('touchMove', from + down);
    await id('targets-refresh').filter({ hasText: 'Let go' }).waitFor();
    await touch('touchEnd');
    await page.waitForFunction(() =>
      document.querySelector('[data-testid="target-list"] li')?.textContent?.includes('web-1'),
    );
    expect(await order()).toEqual(['web-1', 'devvm', 'db-1']);
  });

  it('asks only while it is seen', async () => {
    await open('three');
    await ready();
    let questions = 0;
    page.on('request', (request) => {
      if (new URL(request.url()).pathname === '/api/targets') questions += 1;
    });
    await page.clock.install();
    await page.clock.runFor(30_000);
    expect(questions).toBe(0);
    await openList();
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    expect(questions).toBe(1);
    await Promise.all([asked('/api/targets'), page.clock.runFor(5_000)]);
    await id('close-targets').click();
    await id('target-sheet').waitFor({ state: 'detached' });
    const before = questions;
    await page.clock.runFor(30_000);
    expect(questions).toBe(before);
  });

  it('says that it cannot be read, and lets a person switch all the same', async () => {
    await open('three');
    await ready();
    await page.route('**/api/targets', (route) => route.abort());
    await openList();
    await page.getByText('The states cannot be read').waitFor();
    await id('target-web-1').click();
    await shows('web-1');
  });

  it('is worked by keys alone, and Esc closes it and nothing else', async () => {
    await open('three', '/#/power');
    await shows('devvm');
    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    await page.keyboard.press('Escape');
    await id('target-sheet').waitFor({ state: 'detached' });
    expect(hash()).toBe('#/power');
    await page.waitForFunction(() => document.activeElement?.getAttribute('data-testid') === 'open-targets');
    await page.keyboard.press('Enter');
    await id('target-sheet').waitFor();
    await id('target-db-1').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await shows('web-1');
    expect(hash()).toBe('#/t/web-1/power');
  });

  it('stands beside the page where there is room', async () => {
    await open('three', '/', DESKTOP);
    await id('target-db-1').filter({ hasText: 'SSH silent' }).waitFor();
    expect(await id('open-targets').count()).toBe(0);
    expect(await id('target-devvm').getAttribute('aria-current')).toBe('true');
    await id('target-web-1').click();
    await shows('web-1');
    expect(await id('target-web-1').getAttribute('aria-current')).toBe('true');
    expect(await id('target-devvm').getAttribute('aria-current')).toBeNull();
  });
});

describe('twenty targets, one unreachable and one half-open', () => {
  it('can be tapped before any answer has come: all are being asked', async () => {
    await open('twenty');
    await ready();
    await tell('hold?path=/api/targets');
    await openList();
    expect(await id('target-list').locator('li').count()).toBe(20);
    expect(await id('target-list').locator('[data-level="asking"]').count()).toBe(19);
    await id('target-vm-07').click();
    await shows('vm-07');
    await tell('release');
  });

  it('stand worst first with the first answer, which says why and who is still being asked', async () => {
    await open('twenty');
    await openList();
    await id('target-vm-09').filter({ hasText: 'no route to host' }).waitFor();
    expect((await order()).slice(0, 6)).toEqual(['vm-04', 'vm-17', 'vm-09', 'vm-13', 'devvm', 'vm-01']);
    expect(await id('target-vm-13').getAttribute('data-level')).toBe('asking');
  });

  it('do not move under a finger that came before the first answer', async () => {
    await open('twenty');
    await ready();
    await tell('hold?path=/api/targets');
    await openList();
    const before = await order();
    await id('target-vm-02').hover();
    await letCome('/api/targets');
    await id('target-vm-09').filter({ hasText: 'no route to host' }).waitFor();
    expect(await order()).toEqual(before);
  });

  it('do not take a tap that was aimed at the row that was there a moment ago', async () => {
    await open('twenty');
    await ready();
    await page.clock.install();
    await tell('hold?path=/api/targets');
    await openList();
    await id('target-vm-04').waitFor();
    await page.clock.runFor(1_000);
    // The finger is on its way; it lands in the moment in which the rows have moved.
    await page.evaluate(() => {
      const list = document.querySelector('[data-testid="target-list"] ul') as HTMLElement;
      new MutationObserver((_, observer) => {
        observer.disconnect();
        (list.querySelector('li button') as HTMLElement).dispatchEvent(
          new MouseEvent('click', { bubbles: true, detail: 1 }),
        );
      }).observe(list, { childList: true });
    });
    await tell('release');
    await page.getByText('The order has just changed. Tap again.').waitFor();
    expect(await page.locator('#power-heading').textContent()).toBe('Power: devvm');
  });
});

describe('switching', () => {
  it('closes a confirm sheet for good', async () => {
    await open('three', '/#/t/devvm/power');
    await panel('verb-cycle').click();
    await id('confirm-verb').waitFor();
    expect(await id('power-panel').textContent()).toContain('Cycle devvm?');
    await go('#/t/db-1/power');
    await shows('db-1');
    expect(await id('confirm-verb').count()).toBe(0);
    await page.goBack();
    await shows('devvm');
    expect(await id('confirm-verb').count()).toBe(0);
  });

  it('in the middle of a hold presses nothing, on neither target', async () => {
    await open('three', '/#/t/db-1/power');
    await shows('db-1');
    await go('#/t/devvm/power');
    await shows('devvm');
    const verbs: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/power/')) verbs.push(request.url());
    });
    await panel('verb-cycle').click();
    await id('confirm-verb').scrollIntoViewIfNeeded();
    await page.clock.install();
    const box = await id('confirm-verb').boundingBox();
    // A finger: unlike a mouse it gives the button no focus that could be lost.
    const devtools = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchEnd') =>
      devtools.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: (box?.x ?? 0) + 40, y: (box?.y ?? 0) + 20 }],
      });
    await touch('touchStart');
    await id('confirm-verb').filter({ hasText: 'Keep holding' }).waitFor();
    await go('#/t/db-1/power');
    await shows('db-1');
    await page.clock.runFor(3_000);
    await touch('touchEnd');
    await drawn();
    expect(verbs).toEqual([]);
  });

  it('withdraws a second press that was asked for', async () => {
    await open('three', '/#/t/devvm/power');
    await tell('power?state=contradict');
    await panel('verb-reset').click();
    await id('confirm-without-holding').waitFor();
    await page.clock.install();
    await id('confirm-without-holding').click();
    await page.clock.runFor(1_000);
    await id('confirm-without-holding').click();
    await id('contradiction').waitFor();
    await page.clock.resume();
    await go('#/t/db-1/power');
    await shows('db-1');
    expect(await id('contradiction').count()).toBe(0);
    await page.goBack();
    await shows('devvm');
    expect(await id('contradiction').count()).toBe(0);
  });

  it('drops the late state of the target that was left', async () => {
    await open('three');
    await ready();
    await tell('hold?path=/api/targets/db-1');
    await switchTo('db-1');
    await switchTo('web-1');
    await id('state-line').filter({ hasText: 'Stopped' }).waitFor();
    await letCome('/api/targets/db-1');
    expect(await words()).toContain('Stopped');
    expect(await words()).not.toMatch(/db-1|Running/);
  });

  it('drops its late triage, which is there on return', async () => {
    await open('three', '/#/t/devvm/power');
    await tell('hold?path=/api/targets/devvm/triage');
    await Promise.all([asked('/api/targets/devvm/triage'), panel('triage-no-ai').click()]);
    await switchTo('db-1');
    await letCome('/api/targets/devvm/triage');
    expect(await panel('finding').count()).toBe(0);
    expect(await words()).not.toContain('devvm');
    expect(await panel('verb-cycle').textContent()).not.toContain('advised');
    await page.goBack();
    await shows('devvm');
    expect(await panel('finding').textContent()).toContain('Hold to cycle devvm');
  });

  it('drops the late answer to a verb, follows nothing of it, and finds the operation on return', async () => {
    await open('three', '/#/t/devvm/power');
    await shows('devvm');
    await tell('hold?path=/api/targets/devvm/power/forensics');
    await Promise.all([asked('/api/targets/devvm/power/forensics'), panel('verb-forensics').click()]);
    await switchTo('db-1');
    const followed: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/api/operations/')) followed.push(request.url());
    });
    await letCome('/api/targets/devvm/power/forensics');
    expect(await panel('operation').count()).toBe(0);
    expect(await words()).not.toContain('devvm');
    expect(followed).toEqual([]);
    await page.goBack();
    await shows('devvm');
    await panel('operation-outcome').waitFor();
    expect(await panel('operation').count()).toBe(1);
    expect((await panel('operation-output').textContent())?.match(/forensics line 1:/g)).toHaveLength(1);
  });

  it('shows the output of a running verb once to who leaves in the middle and comes back', async () => {
    await open('three', '/#/t/devvm/power');
    await tell('pace?state=person');
    await panel('verb-forensics').click();
    await panel('operation-output').filter({ hasText: 'forensics line 2:' }).waitFor();
    await tell('freeze?name=devvm');
    await switchTo('db-1');
    await page.goBack();
    await shows('devvm');
    await panel('operation-output').filter({ hasText: 'forensics line 2:' }).waitFor();
    await tell('freeze?name=');
    await panel('operation-outcome').waitFor();
    expect((await panel('operation-output').textContent())?.match(/forensics line 1:/g)).toHaveLength(1);
  });

  it('drops a late refusal, which is told on return', async () => {
    await open('three', '/#/t/devvm/power');
    await tell('power?state=busy');
    await tell('hold?path=/api/targets/devvm/power/status');
    await Promise.all([asked('/api/targets/devvm/power/status'), panel('verb-status').click()]);
    await switchTo('db-1');
    await letCome('/api/targets/devvm/power/status');
    expect(await id('power-refusal').count()).toBe(0);
    await page.goBack();
    await shows('devvm');
    expect(await id('power-refusal').textContent()).toContain('started by anna');
  });

  it('drops a session that was opened late; it has its prompt, and is the current one on return', async () => {
    await open('three');
    const mine = await begin();
    await switchTo('db-1');
    await ready();
    await tell('hold?path=/api/session');
    const opening = asked('/api/session');
    await id('prompt').fill('too slow');
    await page.keyboard.press('Enter');
    await opening;
    await switchTo('devvm');
    await sessionOf();
    await page.waitForFunction(() => location.hash.startsWith('#/s/'));
    const address = hash();
    const opened = answered('/api/session');
    await letCome('/api/session');
    const { session_id } = (await (await opened).json()) as { session_id: string };
    expect(hash()).toBe(address);
    expect(await sessionOf()).toBe(mine);
    await switchTo('db-1');
    expect(await sessionOf()).toBe(session_id.slice(0, 8));
    await page.locator('[role="log"]').getByText('too slow', { exact: true }).waitFor();
  });

  it('stops showing the turn of the target that was left, and goes on with it on return', async () => {
    await open('three');
    await ready();
    await tell('pace?state=person');
    await id('preset-triage').click();
    await id('stop').waitFor();
    await switchTo('db-1');
    await ready();
    expect(await id('stop').count()).toBe(0);
    expect(await id('tool-card').count()).toBe(0);
    await switchTo('devvm');
    await id('looks').waitFor();
    await id('stop').waitFor({ state: 'detached' });
    expect([await id('looks').count(), await id('tool-card').count()]).toEqual([1, 1]);
    expect(await id('assistant-text').count()).toBe(2);
  });

  it('keeps what was typed with the target that it was typed for', async () => {
    await open('three');
    await ready();
    await id('prompt').fill('Restart the build on devvm');
    await switchTo('db-1');
    await ready();
    expect(await id('prompt').inputValue()).toBe('');
    await switchTo('devvm');
    expect(await id('prompt').inputValue()).toBe('Restart the build on devvm');
  });

  it('shows a verb that runs on one target there alone', async () => {
    await open('three', '/#/t/devvm/power');
    await tell('freeze?name=devvm');
    await panel('verb-forensics').click();
    await panel('operation').waitFor();
    await switchTo('db-1');
    expect(await id('operation').count()).toBe(0);
    await panel('verb-status').click();
    await panel('operation-outcome').waitFor();
    expect(await panel('operation').getAttribute('aria-label')).toBe('status of db-1');
    await openList();
    await id('target-devvm').filter({ hasText: 'forensics runs' }).waitFor();
    await tell('freeze?name=');
  });
});

it('an answer that names another target is not shown, and said', async () => {
  await open('three', '/#/t/devvm/power');
  await shows('devvm');
  await tell('mixup?state=db-1');
  await panel('triage-no-ai').click();
  await page.getByText('The console answered about db-1 when it was asked about devvm.').first().waitFor();
  expect(await panel('finding').count()).toBe(0);
  await panel('verb-status').click();
  await id('power-refusal').filter({ hasText: 'answered about db-1' }).waitFor();
});

describe('sessions', () => {
  it('each target has its own current one, kept in this browser', async () => {
    await open('three');
    const first = await begin();
    await switchTo('db-1');
    const second = await begin();
    await page.goto(`${fixture.url}/#/t/devvm`);
    await page.reload();
    expect(await sessionOf()).toBe(first);
    await switchTo('db-1');
    expect(await sessionOf()).toBe(second);
  });

  it('the link of one selects its target, in a browser that has never seen it', async () => {
    await open('three', '/#/t/web-1');
    await id('preset-disk').click();
    await id('said').waitFor();
    await id('turn-line').waitFor({ state: 'detached' });
    const link = hash();
    expect(link).toMatch(/^#\/s\/[0-9a-f-]{36}$/);
    await page.context().close();
    await visit(`/${link}`);
    await shows('web-1');
    await id('looks').waitFor();
    expect(await page.title()).toMatch(/^. web-1 .* · Breakglass$/);
    await id('open-power').click();
    expect(hash()).toBe('#/t/web-1/power');
  });

  it('while it is asked whose it is, and where nobody knows it, no target is shown', async () => {
    await open('three', '/#/t/web-1');
    await begin();
    const link = hash();
    await page.context().close();
    const stream = `/api/session/${link.slice('#/s/'.length)}/stream`;
    await tell(`hold?path=${stream}`);
    await visit(`/${link}`);
    await page.getByText('Asking which target session').waitFor();
    expect(await id('power-panel').count()).toBe(0);
    await tell('release');
    await shows('web-1');
    await go('#/s/0b5b2f7e-9a4e-4c0d-9f55-0d9d8c1f7a11');
    await page.getByText('does not know this session any more').waitFor();
    expect(await id('power-panel').count()).toBe(0);
    await id('target-db-1').click();
    await shows('db-1');
  });

  it('one that was kept for the wrong target is let go, and nothing of it is shown', async () => {
    await open('three', '/#/t/web-1');
    const mine = await begin();
    const other = hash().slice('#/s/'.length);
    await page.evaluate((foreign) => localStorage.setItem('breakglass.session.db-1', foreign), other);
    await page.goto('about:blank');
    await page.goto(`${fixture.url}/#/t/db-1`);
    await shows('db-1');
    await page.waitForFunction(() => localStorage.getItem('breakglass.session.db-1') === '');
    await ready();
    expect(hash()).toBe('#/t/db-1');
    expect(await heading()).toContain('db-1');
    expect(await words()).not.toContain('hello');
    expect(await begin()).not.toBe(mine);
  });
});

describe('addresses', () => {
  it('carry the target, and Back leads through the targets', async () => {
    await open('three', '/#/t/db-1/power');
    await shows('db-1');
    expect(await panel('verb-status').isVisible()).toBe(true);
    await switchTo('web-1');
    expect(hash()).toBe('#/t/web-1/power');
    await page.goBack();
    await shows('db-1');
    expect(await page.title()).toMatch(/^. db-1 .* · Breakglass$/);
    await page.goForward();
    await shows('web-1');
  });

  it('without a target mean the default one', async () => {
    await open('three', '/#/power');
    await shows('devvm');
    await go('#/evidence/20260131T020304.567Z-cycle');
    await id('evidence-screen').waitFor();
    expect(await heading()).toContain('devvm');
  });

  it('of power that was opened over one chat do not close into the chat of another target', async () => {
    await open('three');
    await ready();
    await id('open-power').click();
    await switchTo('db-1');
    await id('open-chat').click();
    await page.waitForFunction(() => !location.hash.endsWith('/power'));
    await shows('db-1');
    await ready();
    expect(await id('prompt').getAttribute('placeholder')).toBe('Ask about db-1');
  });

  it('that name no target of this console show none', async () => {
    await open('three', '/#/t/gone/power');
    await page.getByText('This console has no target named gone.').waitFor();
    expect(await id('power-panel').count()).toBe(0);
    await go('#/t/DEVVM/power');
    await page.getByText('does not name a valid target').waitFor();
    expect(await id('power-panel').count()).toBe(0);
    await id('target-web-1').click();
    await shows('web-1');
    expect(hash()).toBe('#/t/web-1/power');
  });

  it('of evidence do not show one target as another', async () => {
    await open('three', '/#/t/db-1/evidence/20260131T020304.567Z-cycle');
    await id('evidence-foreign').waitFor();
    expect(await id('evidence-foreign').textContent()).toContain('is of devvm, not of db-1');
    expect(await page.locator('img').count()).toBe(0);
    await page.getByRole('link', { name: 'Open it at devvm' }).click();
    await id('evidence-screen').waitFor();
    expect(await heading()).toContain('devvm');
    await id('evidence-close').click();
    expect(hash()).toBe('#/t/devvm/power');
  });

  it('of evidence are given by the operation with its target', async () => {
    await open('three', '/#/t/db-1/power');
    await panel('verb-forensics').click();
    await panel('operation-evidence').click();
    await id('evidence-screen').waitFor();
    expect(hash()).toBe('#/t/db-1/evidence/20260131T020304.567Z-cycle-db-1');
    await page.goBack();
    await id('evidence-view').waitFor({ state: 'detached' });
    await shows('db-1');
  });

  it('in power-only mode, of a session too, never lead to a target that they do not name', async () => {
    fixture = await startFixture({ dist: built.dist, targets: 'three' });
    await tell('mode?state=power-only');
    await visit('/#/t/db-1/power');
    await shows('db-1');
    expect(await panel('verb-cycle').isVisible()).toBe(true);
    expect(await id('prompt').count()).toBe(0);
    await go('#/s/0b5b2f7e-9a4e-4c0d-9f55-0d9d8c1f7a11');
    await id('no-target').waitFor();
    expect(await id('power-panel').count()).toBe(0);
  });
});

it('axe finds nothing, on phone and desktop, in the list and where no target is named', async () => {
  await open('twenty');
  await ready();
  expect(await violations(page)).toEqual([]);
  await openList();
  await id('target-vm-09').filter({ hasText: 'no route to host' }).waitFor();
  expect(await violations(page)).toEqual([]);
  await go('#/t/gone');
  await id('target-list').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize(DESKTOP);
  expect(await violations(page)).toEqual([]);
  await id('target-vm-04').click();
  await shows('vm-04');
  await ready();
  expect(await violations(page)).toEqual([]);
});
