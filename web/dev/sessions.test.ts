// Chats in a real browser: one exists from its first prompt, is found again, and nothing that anybody typed is lost.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn, watch } from './built-page.ts';
import { launchBrowser, PHONE } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';
import type { SetName } from './fixture-targets.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let browser: Browser;
let fixture: Fixture;
let page: Page;
let complaints: string[] = [];
/** `METHOD /path` of what the page asked, without what it asks again and again. */
let asked: string[] = [];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const hash = () => new URL(page.url()).hash;
const lamp = (words: string) => id('turn-lamp').filter({ hasText: words }).waitFor();
const opened = () => asked.filter((request) => request === 'POST /api/session').length;
const prompts = () => asked.filter((request) => /^POST .*\/prompt$/.test(request)).length;
const draft = () => id('prompt').inputValue();
const draftIs = (text: string) =>
  page.waitForFunction(
    (wanted) => document.querySelector<HTMLTextAreaElement>('[data-testid="prompt"]')?.value === wanted,
    text,
  );
const user = (text: string) => page.locator('[role="log"]').getByText(text, { exact: true });
/** A prompt is shown together with the line of its turn, so that a turn that was short is over, too. */
const finished = async (text: string) => {
  await user(text).waitFor();
  await id('turn-line').waitFor({ state: 'detached' });
};
const say = async (text: string) => {
  await id('prompt').fill(text);
  await page.keyboard.press('Enter');
};
const ask = async (text: string) => {
  await say(text);
  await finished(text);
};
const openList = async () => {
  await id('open-menu').click();
  await id('open-sessions').click();
  await id('sessions-sheet').waitFor();
};
const row = (text: string) => id('session-row').filter({ hasText: text });
const newChat = async () => {
  await openList();
  await id('new-session').click();
  await lamp('ready');
};
const request = (of: Page, method: string, path: RegExp) =>
  of.waitForRequest((one) => one.method() === method && path.test(new URL(one.url()).pathname));

const open = async (path = '/', set: SetName = 'one') => {
  fixture = await startFixture({ dist: built.dist, targets: set, pace: 'quick' });
  page = await newPage(browser, complaints);
  page.on('request', (one) => asked.push(`${one.method()} ${new URL(one.url()).pathname}`));
  await signedIn(page, fixture.url);
  await page.goto(fixture.url + path);
};

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
  asked = [];
  expect(seen).toEqual([]);
});

describe('a session', () => {
  it('exists from its first prompt: a visit opens none, and a reload leads back to it', async () => {
    await open();
    await lamp('ready');
    await page.reload();
    await lamp('ready');
    expect([opened(), await id('session-id').count()]).toEqual([0, 0]);
    await ask('Is it well?');
    expect([opened(), prompts()]).toEqual([1, 1]);
    expect(hash()).toMatch(/^#\/s\/[0-9a-f-]{36}$/);
    const address = hash();
    await page.goto(`${fixture.url}/`);
    await user('Is it well?').waitFor();
    await page.waitForFunction((wanted) => location.hash === wanted, address);
    expect(opened()).toBe(1);
  });

  it('that is gone is replaced by the next prompt, and not before', async () => {
    await open();
    await ask('one');
    await id('prompt').fill('half a sen');
    await tell('link?state=cut');
    await tell('forget');
    await tell('link?state=ok');
    await page.getByText('That session is gone.').waitFor();
    await lamp('ready');
    expect([opened(), await draft()]).toEqual([1, 'half a sen']);
    await ask('half a sentence');
    expect([opened(), prompts(), await user('one').count()]).toEqual([2, 2, 0]);
  });

  for (const first of ['prompt', 'stream'])
    it(`that is gone for the prompt and the stream at once, the ${first} first, is replaced by one, which gets the prompt once`, async () => {
      await open();
      await ask('one');
      const path = `/api/session/${hash().slice(4)}`;
      const then = first === 'prompt' ? 'stream' : 'prompt';
      await Promise.all([tell(`hold?path=${path}/prompt`), tell(`hold?path=${path}/stream`)]);
      const again = request(page, 'GET', /stream$/);
      await tell('link?state=cut');
      await tell('link?state=ok');
      await again;
      await tell('forget');
      const sent = request(page, 'POST', /prompt$/);
      await say('Are you there?');
      await sent;
      const answered = page.waitForResponse((one) => one.url().endsWith(`${path}/${first}`));
      await tell(`release?path=${path}/${first}`);
      expect((await answered).status()).toBe(404);
      if (first === 'stream') await page.getByText('That session is gone.').waitFor();
      await tell(`release?path=${path}/${then}`);
      await finished('Are you there?');
      expect([opened(), prompts(), await user('Are you there?').count(), await draft()]).toEqual([
        2,
        3,
        1,
        '',
      ]);
    });

  it('is not there yet and the console does not answer: the page says so, and says ready again when it does', async () => {
    await open();
    await lamp('ready');
    const look = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.route('**/api/targets/**', (route) => route.abort());
    await look();
    await page.getByText('The console does not answer at all').waitFor();
    await lamp('link down');
    await page.unroute('**/api/targets/**');
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await lamp('ready');
  });
});

describe('Back', () => {
  it('after "New chat" shows the old one, and forward the new one again', async () => {
    await open();
    await ask('the old one');
    await newChat();
    expect(await user('the old one').count()).toBe(0);
    expect(hash()).toBe('#/');
    await page.goBack();
    await user('the old one').waitFor();
    await page.goForward();
    await lamp('ready');
    expect([await user('the old one').count(), opened()]).toEqual([0, 1]);
    await ask('the new one');
    await page.goBack();
    await user('the old one').waitFor();
    await page.goForward();
    await user('the new one').waitFor();
    expect(opened()).toBe(2);
  });

  it('after a chat was opened from the list leads to the former one, or to the new chat that was there', async () => {
    await open();
    await tell('sessions?count=2');
    await openList();
    await row('question 1').getByRole('button').first().click();
    await user('question 1').waitFor();
    await openList();
    await row('question 2').getByRole('button').first().click();
    await user('question 2').waitFor();
    await page.goBack();
    await user('question 1').waitFor();
    await page.goBack();
    await lamp('ready');
    expect([await user('question 1').count(), opened()]).toEqual([0, 0]);
  });

  it('from power leads to the chat that was there, with a session and without', async () => {
    await open();
    await lamp('ready');
    await id('open-power').click();
    await page.goBack();
    await lamp('ready');
    await ask('with one');
    await id('open-power').click();
    await page.goBack();
    expect(await user('with one').count()).toBe(1);
    await page.goto(`${fixture.url}/#/power`);
    await page.reload();
    await id('open-chat').click();
    await user('with one').waitFor();
    await page.waitForFunction(() => location.hash.startsWith('#/s/'));
  });

  it('from power shows a session that was opened meanwhile', async () => {
    await open();
    await lamp('ready');
    await tell('hold?path=/api/session');
    const opening = request(page, 'POST', /session$/);
    await say('a slow one');
    await opening;
    await id('open-power').click();
    await tell('release');
    await lamp('working');
    await page.goBack();
    await user('a slow one').waitFor();
    await page.waitForFunction(() => location.hash.startsWith('#/s/'));
    expect([opened(), prompts()]).toEqual([1, 1]);
  });
});

describe('what is typed', () => {
  it('survives a reload, in its own chat, and is forgotten when it was sent', async () => {
    await open();
    await id('prompt').fill('for a new chat');
    await page.reload();
    await draftIs('for a new chat');
    await page.keyboard.press('g');
    await id('prompt').focus();
    await page.keyboard.press('Enter');
    await finished('for a new chat');
    await id('prompt').fill('for the first');
    await newChat();
    expect(await draft()).toBe('');
    await id('prompt').fill('for the next');
    await page.goBack();
    await draftIs('for the first');
    await page.reload();
    await draftIs('for the first');
    await page.goForward();
    await draftIs('for the next');
    await page.keyboard.press('Escape');
    await id('prompt').fill('');
    await page.reload();
    await lamp('ready');
    expect(
      await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('draft'))),
    ).toHaveLength(1);
  });

  for (const [words, path, status] of [
    ['503', '/prompt', 503],
    ['409, because somebody else asked first', '/prompt', 409],
    ['503 where the session is to be opened', '/api/session', 503],
    ['404 and the next session cannot be opened either', '/api/session', 404],
  ] as const)
    it(`stands in the composer again when sending fails with ${words}, before what was typed meanwhile`, async () => {
      await open();
      await lamp('ready');
      const held = path === '/prompt' ? undefined : path;
      await tell(`fail?path=${path}&status=${status}`);
      if (held !== undefined) await tell(`hold?path=${held}`);
      const failed = page.waitForResponse((one) => one.status() === status);
      await say('first');
      if (held !== undefined) {
        await page.getByText('Sending: first').waitFor();
        await id('prompt').fill('then this');
        await tell('release');
      }
      await failed;
      await draftIs(held === undefined ? 'first' : 'first\n\nthen this');
      await page.reload();
      await draftIs(held === undefined ? 'first' : 'first\n\nthen this');
      await id('prompt').fill('again');
      await page.keyboard.press('Enter');
      await user('again').waitFor();
      expect(await draft()).toBe('');
    });

  it('stands there again when the network is gone', async () => {
    await open();
    await lamp('ready');
    await page.context().setOffline(true);
    await say('into the void');
    await page.getByText('Not sent. The console does not answer.').waitFor();
    await draftIs('into the void');
    await page.context().setOffline(false);
    await page.keyboard.press('Enter');
    await user('into the void').waitFor();
    expect([prompts(), await draft()]).toEqual([1, '']);
  });

  it('is not lost with a tab that dies while it is being sent', async () => {
    await open();
    await lamp('ready');
    await tell('hold?path=/api/session');
    const opening = request(page, 'POST', /session$/);
    await say('on its way');
    await opening;
    await page.reload();
    await draftIs('on its way');
    await tell('release');
  });

  it('is there after signing in again', async () => {
    await open();
    await ask('one');
    await id('prompt').fill('half a sen');
    await tell('sign-out');
    await id('login-token').fill('fixture');
    await id('login-submit').click();
    await draftIs('half a sen');
    await user('one').waitFor();
  });

  it('belongs to its target and its chat', async () => {
    await open('/', 'three');
    await ask('about devvm');
    await id('prompt').fill('for devvm');
    await id('open-targets').click();
    await id('target-db-1').click();
    await lamp('ready');
    expect(await draft()).toBe('');
    await id('prompt').fill('for db-1');
    await page.reload();
    await draftIs('for db-1');
    await id('open-targets').click();
    await id('target-devvm').click();
    await draftIs('for devvm');
  });

  for (const how of ['stopped', 'lost'])
    it(`and queued comes back when the queue is ${how}`, async () => {
      await open();
      await say('a slow one');
      await id('stop').waitFor();
      await say('and then this');
      await id('queued').waitFor();
      await id('prompt').fill('and this');
      if (how === 'stopped') await id('stop').click();
      else await tell('lose-queue');
      await draftIs('and then this\n\nand this');
    });

  it('in one of two tabs is shown in the other, but never in place of what is being typed there', async () => {
    await open();
    await ask('one');
    const first = page;
    const second = await page.context().newPage();
    watch(second, complaints);
    await second.goto(first.url());
    page = second;
    await user('one').waitFor();
    page = first;
    await id('prompt').fill('typed in the first');
    page = second;
    await draftIs('typed in the first');
    await id('prompt').fill('typed in the second');
    page = first;
    // The first tab has its own words, and hears of the others.
    await first.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    expect(await draft()).toBe('typed in the first');
    page = second;
    await page.keyboard.press('Enter');
    await finished('typed in the second');
    page = first;
    await user('typed in the second').waitFor();
    expect(await draft()).toBe('typed in the first');
    page = second;
    await id('prompt').fill('both know this');
    await first.reload();
    page = first;
    await draftIs('both know this');
    page = second;
    await page.keyboard.press('Enter');
    page = first;
    await draftIs('');
  });
});

describe('the list', () => {
  it('shows what runs and who asked what when, is searched, and says when nothing is found', async () => {
    await open();
    await tell('sessions?count=3');
    await say('It runs <img src=x onerror=alert(1)>\u202e slow');
    await id('stop').waitFor();
    await openList();
    await row('question 3').waitFor();
    expect(await id('session-row').count()).toBe(4);
    const first = id('session-row').first();
    expect(await first.textContent()).toMatch(/It runs <img src=x onerror=alert\(1\)>⟨U\+202E⟩/);
    expect(await first.textContent()).toMatch(/operator.*A turn runs.*Open now/s);
    expect(await id('sessions-sheet').locator('img').count()).toBe(0);
    expect(await id('new-session').isDisabled()).toBe(true);
    await id('sessions-search').fill('question 2');
    await row('question 1').waitFor({ state: 'detached' });
    expect(await id('session-row').count()).toBe(1);
    await id('sessions-search').fill('nobody asked this');
    await id('sessions-none').filter({ hasText: 'Nothing found' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.width);
  });

  it('says that there are none, and that the console does not answer, and tries again', async () => {
    await open();
    await openList();
    await id('sessions-none').filter({ hasText: 'No chats yet' }).waitFor();
    await id('close-sessions').click();
    await page.context().setOffline(true);
    await openList();
    await page.getByText('The console does not answer.', { exact: false }).first().waitFor();
    await page.context().setOffline(false);
    await tell('sessions?count=1');
    await id('sessions-again').click();
    await row('question 1').waitFor();
    expect(await id('sessions-again').count()).toBe(0);
  });

  it('shows fifty and then more, each once', async () => {
    await open();
    await tell('sessions?count=120');
    await openList();
    await row('question 120').waitFor();
    for (const shown of [50, 100]) {
      expect(await id('session-row').count()).toBe(shown);
      await id('sessions-more').click();
      await id('session-row').nth(shown).waitFor();
    }
    expect([await id('session-row').count(), await id('sessions-more').count()]).toEqual([120, 0]);
  });

  it('renames in place: a bad name says why, Escape leaves it, and the focus comes back', async () => {
    await open();
    await tell('sessions?count=2');
    await openList();
    const rename = row('question 1').locator('[data-testid="rename-session"]');
    await rename.click();
    expect(await id('session-name').inputValue()).toBe('question 1');
    await id('session-name').fill('   ');
    await id('save-name').click();
    await page.getByText('expected 1 to 120 visible characters').waitFor();
    await page.keyboard.press('Escape');
    await id('session-name').waitFor({ state: 'detached' });
    expect(await id('sessions-sheet').isVisible()).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
      'Rename question 1',
    );
    await page.keyboard.press('Enter');
    await id('session-name').fill('The Friday outage');
    await page.keyboard.press('Enter');
    await row('The Friday outage').waitFor();
    await id('close-sessions').click();
    await openList();
    await row('The Friday outage').waitFor();
  });

  it('is that of this target, and of all where that is wanted', async () => {
    await open('/#/t/db-1', 'three');
    await tell('sessions?count=1&target=devvm');
    await openList();
    await id('sessions-none').waitFor();
    await id('sessions-all').check();
    await row('question 1').filter({ hasText: 'devvm' }).getByRole('button').first().click();
    await user('question 1').waitFor();
    expect(await page.locator('h1').textContent()).toContain('devvm');
    await page.goBack();
    await page.locator('h1').filter({ hasText: 'db-1' }).waitFor();
  });

  it('opens by g and s, and leaves an observer nothing to press but to look', async () => {
    await open();
    await tell('sessions?count=1');
    await tell('role?is=observer');
    await page.reload();
    await id('open-menu').waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await row('question 1').waitFor();
    expect([await id('new-session').count(), await id('rename-session').count()]).toEqual([0, 0]);
    await row('question 1').getByRole('button').click();
    await user('question 1').waitFor();
    expect(await id('prompt').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.goBack();
    await user('question 1').waitFor({ state: 'detached' });
  });

  it('has nothing that axe finds, with rows, while renaming, and empty', async () => {
    await open();
    await tell('sessions?count=60');
    await openList();
    await row('question 60').waitFor();
    expect(await violations(page)).toEqual([]);
    await row('question 60').locator('[data-testid="rename-session"]').click();
    expect(await violations(page)).toEqual([]);
    await id('sessions-search').fill('nothing');
    await id('sessions-none').waitFor();
    expect(await violations(page)).toEqual([]);
  });
});
