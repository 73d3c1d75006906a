// The chat in a real browser, against the fixture server: what one bad item, much output and a dead model do to it.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPage, newPage, partsLoaded, signedIn } from './built-page.ts';
import { launchBrowser } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';
import { MANY_LINES } from './fixture-turns.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const chat = (name: string) => id('chat-panel').locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const open = async () => {
  await page.goto(fixture.url);
  await id('prompt').waitFor();
};
const ask = async (prompt: string) => {
  await id('prompt').fill(prompt);
  await page.keyboard.press('Enter');
};
/** A prompt is shown together with the line of its turn, so that a turn that was short is over, too. */
const turnEnded = async (turns = 1) => {
  await chat('said')
    .nth(turns - 1)
    .waitFor();
  await id('turn-line').waitFor({ state: 'detached' });
};
const turnOver = async (turns = 1) => {
  await turnEnded(turns);
  await partsLoaded(page);
};

beforeAll(async () => {
  built = await buildPage();
  fixture = await startFixture({ dist: built.dist, pace: 'quick' });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  fixture?.close();
  await built?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  complaints = [];
  page = await newPage(browser, complaints);
  await signedIn(page, fixture.url);
});
afterEach(async () => {
  await page.context().close();
  expect(complaints).toEqual([]);
});

describe('one bad item', () => {
  it('of quotes in quotes or lists in lists is plain text; the rest and Stop stay, also after a reload', async () => {
    await open();
    await ask('deep quotes');
    const whole = async () => {
      await chat('assistant-text').nth(4).waitFor();
      await partsLoaded(page);
      const texts = await chat('assistant-text').allTextContents();
      expect(texts.map((text) => text.trim().slice(0, 20))).toEqual([
        'The one before.',
        '>'.repeat(20),
        '- '.repeat(10),
        '>'.repeat(20),
        'The one after.',
      ]);
      expect(texts[1]?.trim()).toHaveLength(2_000);
      expect(await id('prompt').isVisible()).toBe(true);
    };
    await whole();
    await page.reload();
    await whole();
    await id('stop').click();
    await id('remark-stopped').waitFor();
  });

  it('that lacks what it needs is said or shown as text, and all else stands', async () => {
    await open();
    await ask('malformed');
    await turnOver();
    expect((await chat('assistant-text').last().textContent())?.trim()).toBe('The one after.');
    expect(await page.getByText('could not be read. All else is shown.').count()).toBeGreaterThan(0);
    expect(await chat('undrawn').count()).toBeGreaterThan(0);
    await ask('and now the usual');
    await turnOver(2);
    expect(await chat('assistant-text').count()).toBe(3);
  });

  it('cannot take Stop away, even if the whole transcript fails', async () => {
    // What the transcript needs of the browser is missing.
    await page.addInitScript(() => {
      Object.defineProperty(window, 'ResizeObserver', { value: undefined });
    });
    await open();
    await id('transcript-failed').waitFor();
    await ask('slow');
    await id('turn-line').waitFor();
    await id('stop').click();
    await id('turn-line').waitFor({ state: 'detached' });
  });
});

describe('the transcript', () => {
  it('has looks that went well in one line which opens; the failure and the last one are open, and long lines wrap', async () => {
    await open();
    await ask('looks');
    await turnOver();
    expect((await chat('looks').textContent())?.replace(/\s+/g, ' ').trim()).toMatch(
      /^3 looks · df, du, status/,
    );
    expect(await chat('tool-card').count()).toBe(2);
    expect(await chat('tool-card').first().textContent()).toContain('No space left on device');
    const sideways = await chat('tool-output').evaluateAll((boxes) =>
      boxes.some((box) => box.scrollWidth > box.clientWidth),
    );
    expect(sideways).toBe(false);
    await chat('looks').click();
    expect(await chat('looks').getAttribute('aria-expanded')).toBe('true');
    expect(await chat('tool-card').count()).toBe(4);
    expect(await chat('operation').count()).toBe(1);
  });

  it('has a verb of the agent once, closed when it went well, with its output once', async () => {
    await open();
    await ask('agent cycle');
    await turnOver();
    expect(await chat('tool-card').count()).toBe(0);
    expect(await chat('operation').count()).toBe(0);
    await chat('operation-line').filter({ hasText: 'new QEMU process' }).click();
    await chat('operation').waitFor();
    const texts = await chat('operation').locator('..').textContent();
    expect(texts?.split('VM 102 was looked at by cycle').length ?? 0).toBeLessThanOrEqual(2);
  });

  it('says once that a stopped command may still run', async () => {
    await open();
    await ask('stopped');
    await turnOver();
    const text = (await chat('tool-card').textContent()) ?? '';
    expect(text.match(/may still run/g)).toHaveLength(1);
    expect(text).not.toContain('could not be proven');
  });

  it('shows progress as a terminal ends it, and as it was printed when asked', async () => {
    await open();
    await ask('progress');
    await turnOver();
    expect((await chat('tool-output').textContent())?.trim()).toBe('Fetching 100%\na: done\nb: done\n100%');
    await page.getByRole('button', { name: 'As printed' }).click();
    expect(await chat('tool-output').textContent()).toContain('Fetching   1%');
  });

  it('takes a fence in a fence for a part of it, and copies all of it', async () => {
    await open();
    await ask('nested fence');
    await turnOver();
    const prose = chat('assistant-text');
    expect(await prose.locator('pre').allTextContents()).toEqual([
      '# Fix\n\n```bash\nsystemctl restart x\n```\n\nThen look.',
    ]);
    expect(await prose.locator('p').last().textContent()).toBe('Now run it.');
  });

  it('is shown in part, plainly, until the code for its colours has come; then whole', async () => {
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await page.route('**/assets/Output-*.js', async (route) => {
      asked.resolve();
      await release.promise;
      await route.continue();
    });
    await open();
    await ask('many lines');
    await asked.promise;
    await turnEnded();
    const output = chat('tool-output');
    expect(await output.textContent()).toContain('line 0');
    // Each mark of a colour is an element.
    expect(await output.locator('*').count()).toBeLessThan(1_000);
    await id('chat-panel').getByText('The rest is shown when the page has loaded.').waitFor();
    release.resolve();
    await page.getByRole('button', { name: /^Show all 20000 lines/ }).waitFor();
    expect(await id('chat-panel').getByText('The rest is shown').count()).toBe(0);
  });

  it('has 20,000 coloured lines of which only those near the screen are coloured, and the last one is reached', async () => {
    await open();
    await ask('many lines');
    await turnOver();
    const output = chat('tool-output');
    const coloured = () => output.locator('span[class^="ansi"]').count();
    expect(await coloured()).toBeLessThan(60);
    await page.getByRole('button', { name: /^Show all 20000 lines/ }).click();
    // By the page itself: a locator by text looks at every one of them, again and again.
    const box = '[data-testid="chat-panel"] [data-testid="tool-output"]';
    await page.waitForFunction(
      (selector) => document.querySelector(selector)?.textContent?.startsWith('line 0 '),
      box,
    );
    expect(((await output.textContent()) ?? '').split('\n').length).toBeGreaterThan(MANY_LINES * 0.97);
    await output.evaluate((box) => box.scrollTo({ top: box.scrollHeight }));
    await page.waitForFunction(
      ([selector, last]) =>
        [...document.querySelectorAll(`${selector} span[class^="ansi"]`)].some(
          ({ textContent }) => textContent === last,
        ),
      [box, `line ${MANY_LINES - 1}`] as const,
    );
    expect(await coloured()).toBeLessThan(MANY_LINES / 10);
  });
});

describe('the composer', () => {
  it('takes the second tap of a thumb that was sending for no Stop', async () => {
    await open();
    await ask('slow');
    await id('stop').waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await id('prompt').fill('And then the disk');
    await id('send').dblclick();
    await id('queued').waitFor();
    expect(asked.filter((path) => path.endsWith('/cancel'))).toEqual([]);
    await id('stop').click();
    await id('remark-stopped').waitFor();
  });

  it('has one button: it stops while nothing is typed and queues what is typed; then the turn line stops', async () => {
    await open();
    await ask('slow');
    const composer = page.locator('form').filter({ has: id('prompt') });
    await composer.getByTestId('stop').waitFor();
    expect(await composer.locator('button').count()).toBe(1);
    expect(await id('turn-line').textContent()).toMatch(/Working\s*\d+:\d\d/);
    await id('prompt').fill('looks');
    expect(await composer.getByTestId('send').getAttribute('aria-label')).toBe('Queue');
    expect(await composer.getByTestId('stop').count()).toBe(0);
    await id('send').click();
    await id('queued').waitFor();
    await id('prompt').fill('not sent');
    await id('turn-line').getByTestId('stop').click();
    await id('remark-stopped').waitFor();
    await id('queued').waitFor({ state: 'detached' });
    // What was queued and never ran comes back to where it was written, before what was typed since.
    expect(await id('prompt').inputValue()).toBe('looks\n\nnot sent');
  });

  it('sends nothing by the Enter that ends a composition, as Safari tells it', async () => {
    await open();
    await id('prompt').fill('にほん');
    await id('prompt').evaluate((field) => {
      const event = new KeyboardEvent('keydown', {
        key: 'Enter',
        keyCode: 229,
        bubbles: true,
        cancelable: true,
      });
      field.dispatchEvent(event);
    });
    expect(await id('prompt').inputValue()).toBe('にほん');
    await page.keyboard.press('Enter');
    await turnOver();
    expect(await id('prompt').inputValue()).toBe('');
  });
});

describe('without a model', () => {
  it('that is not configured: triage without AI first, the presets dimmed with the reason', async () => {
    await tell('agent?state=away');
    await open();
    await id('without-model').filter({ hasText: 'No key for the model is configured.' }).waitFor();
    expect(await id('preset-triage').isDisabled()).toBe(true);
    await id('without-model').getByRole('button', { name: 'Triage without AI' }).click();
    await page.waitForFunction(() => location.hash.endsWith('power'));
    await tell('agent?state=ok');
  });

  it('that does not answer: after its error the same way is offered, and no presets', async () => {
    await open();
    await ask('no model');
    await turnOver();
    await id('without-model').waitFor();
    expect(await page.locator('[data-testid^="preset-"]').count()).toBe(0);
    await ask('the usual');
    await id('without-model').waitFor({ state: 'detached' });
    await turnOver(2);
  });
});

it('presets are there before the first turn, and go after it', async () => {
  await open();
  await id('preset-memory').click();
  await turnOver();
  expect(await page.locator('[data-testid^="preset-"]').count()).toBe(0);
});
