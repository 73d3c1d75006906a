// The built page in a real browser against the fixture server: what unit tests cannot see.
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { violations } from './axe.ts';
import { buildPage, newPage, partsLoaded, signedIn } from './built-page.ts';
import { launchBrowser } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const panel = (name: string) => id('power-panel').locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });

const open = (path = '/') => page.goto(fixture.url + path);
const lamp = (words: string) => id('turn-lamp').filter({ hasText: words }).waitFor({ state: 'attached' });
const attached = () => lamp('attached');
/** There is no session before the first prompt. */
const ready = () => lamp('ready');
/** The prompt is shown together with the line of its turn, so that a turn that was short is over, too. */
const finished = async () => {
  await id('chat-panel').getByTestId('said').first().waitFor();
  await id('turn-line').waitFor({ state: 'detached' });
  await partsLoaded(page);
};
/** Holds the confirm button by key until that came of it. */
const holdByKey = async (outcome: Locator) => {
  await id('confirm-verb').focus();
  await page.keyboard.down('Enter');
  await outcome.waitFor();
  await page.keyboard.up('Enter');
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
  await Promise.all([tell('link?state=ok'), tell('pace?state=quick')]);
  complaints = [];
  page = await newPage(browser, complaints);
  await signedIn(page, fixture.url);
});
afterEach(async () => {
  await page.context().close();
  expect(complaints).toEqual([]);
});

describe('the chat', () => {
  it('loses and doubles nothing when the stream is cut again and again during a turn', async () => {
    await tell('pace?state=person');
    await open();
    await id('preset-triage').click();
    await id('stop').waitFor();
    for (let cut = 0; cut < 5; cut += 1) {
      // Something more of the turn, or its end.
      const shown = await page.evaluate(() => document.body.textContent.length);
      await page.waitForFunction(
        (than) =>
          document.body.textContent.length > than || document.querySelector('[data-testid="stop"]') === null,
        shown,
      );
      await tell('link?state=cut');
    }
    await id('stop').waitFor({ state: 'detached' });
    // Of the two commands the first one is a look that went well, the last one is open.
    expect([await id('looks').count(), await id('tool-card').count()]).toEqual([1, 1]);
    expect(await id('assistant-text').count()).toBe(2);
    expect(await id('link-state').textContent()).toBe('');
    await page.reload();
    await id('assistant-text').nth(1).waitFor();
    expect([await id('looks').count(), await id('tool-card').count()]).toEqual([1, 1]);
    expect(await id('assistant-text').count()).toBe(2);
  });

  it('shows prose and output exactly as written, and makes no element of markup in it', async () => {
    await open();
    await id('preset-disk').click();
    await finished();
    const prose = id('assistant-text').nth(1);
    expect(await prose.textContent()).toContain('Restart postgresql.service, which failed for want of space');
    expect(await prose.textContent()).toContain(
      'See the runbook or [not this](javascript:alert(1)). <img src=x onerror=alert(1)> ![plan](https://example.org/x.png)',
    );
    expect(
      await prose.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href'))),
    ).toEqual(['https://example.org/runbook']);
    expect(await page.locator('img, script[src^="http:"]').count()).toBe(0);
    await id('looks').click();
    expect(await id('tool-output').nth(0).textContent()).toBe(
      'Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda1        40G   40G     0 100% /\ntmpfs           3.9G  1.2M  3.9G   1% /run',
    );
  });

  it('says link down only after a while, that power still works, and comes back by Reconnect', async () => {
    // The page's time stands still but for what we let pass: a lost link is quiet for 3 s, and down after 15.
    await page.clock.install();
    await open();
    await id('preset-triage').click();
    await finished();
    await page.clock.pauseAt(Date.now() + 10_000);
    const lost = page.waitForEvent('requestfailed');
    await tell('link?state=refuse');
    await lost;
    await page.clock.runFor(2_000);
    expect(await id('link-state').textContent()).not.toMatch(/Reconnecting|Link down/);
    await page.clock.runFor(20_000);
    await page.getByText('Power still works').waitFor();
    await page.clock.resume();
    await tell('link?state=ok');
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await attached();
  });

  it('replaces a session that is gone and sends the prompt again', async () => {
    await open();
    await id('preset-triage').click();
    await finished();
    const before = await id('session-id').textContent();
    await tell('forget');
    await id('prompt').fill('Are you there?');
    await page.keyboard.press('Enter');
    await id('session-id')
      .filter({ hasNotText: before ?? '' })
      .waitFor({ state: 'attached' });
    await page.getByText('Are you there?').waitFor();
    expect(await page.getByText('Are you there?').count()).toBe(1);
  });

  it('stops a turn and says what stopped; a prompt typed meanwhile waits its turn', async () => {
    await open();
    await id('prompt').fill('a slow one');
    await page.keyboard.press('Enter');
    await id('stop').waitFor();
    await id('prompt').fill('Then the services');
    await page.keyboard.press('Enter');
    await id('queued').waitFor();
    await id('stop').click();
    await id('remark-stopped').waitFor();
    expect(await id('remark-stopped').textContent()).toContain('seen to end on devvm');
    await id('queued').waitFor({ state: 'detached' });
  });
});

describe('power', () => {
  it('works while the session stream is refused', async () => {
    await tell('link?state=refuse');
    await open('/#/power');
    await panel('verb-status').click();
    await panel('operation-outcome').waitFor();
    expect(await panel('operation-output').textContent()).toContain('status line 7');
  });

  it('is all there is in power-only mode, which says why', async () => {
    await tell('mode?state=power-only');
    await open();
    await page.getByText('Power only: no chat, no sessions. The journal is read-only.').waitFor();
    expect(await id('prompt').count()).toBe(0);
    await panel('verb-status').click();
    await panel('operation-outcome').waitFor();
    await tell('mode?state=full');
  });

  it('does nothing for a tap that is too short, and starts after a hold by key', async () => {
    await open('/#/power');
    await id('verb-cycle').click();
    await id('confirm-verb').click();
    expect(await panel('operation').count()).toBe(0);
    await holdByKey(panel('operation'));
    await panel('operation-outcome').waitFor();
    expect(await panel('operation-step').count()).toBe(4);
    expect(await panel('operation-outcome').textContent()).toContain('new QEMU process');
  });

  it('says who is in the way, and an unknown end is called unknown', async () => {
    await open('/#/power');
    await tell('power?state=busy');
    await panel('verb-status').click();
    await id('power-refusal').waitFor();
    expect(await id('power-refusal').textContent()).toContain('started by anna');
    await tell('power?state=unknown');
    await panel('verb-forensics').click();
    await panel('operation-outcome').waitFor();
    expect(await panel('operation-outcome').textContent()).toMatch(/^Not known/);
  });

  it('whose connection was lost is followed to its end, and no other verb is offered meanwhile', async () => {
    await open('/#/power');
    await tell('power?state=checking');
    await panel('verb-cycle').click();
    await holdByKey(panel('operation'));
    await panel('operation').getByText('The connection was lost').waitFor();
    // Past the next look at the operation, which was the end of it once.
    await page.waitForResponse((answer) => answer.url().includes('/api/operations/'));
    await page.waitForResponse((answer) => answer.url().includes('/api/operations/'));
    expect(await panel('operation-outcome').count()).toBe(0);
    expect(await panel('verb-reset').isDisabled()).toBe(true);
    await tell('power?state=ok');
    await panel('operation-outcome').waitFor();
    expect(await panel('operation-outcome').textContent()).toContain('new QEMU process');
  });

  it('that the console does not know any more bars nothing, and the page says what to do', async () => {
    await open('/#/power');
    await tell('freeze?name=devvm');
    await panel('verb-cycle').click();
    await holdByKey(panel('operation'));
    await tell('lose-operations');
    await panel('operation-outcome').filter({ hasText: 'does not know this cycle any more' }).waitFor();
    expect(await panel('verb-reset').isDisabled()).toBe(false);
    await tell('freeze?name=');
  });
});

describe('a changed host key', () => {
  const card = (side: string) => panel(`host-key-${side}`);
  const openPower = async () => {
    await open();
    await id('open-power').click();
  };
  const fingerprints = async (side: string) => (await card(side).textContent())?.match(/SHA256:\S{43}/g);

  it('is shown with both fingerprints, and is accepted by a hold and not by a tap', async () => {
    await tell('host-key?name=devvm&vm=n');
    await openPower();
    await card('vm').waitFor();
    const [known, offered] = (await fingerprints('vm')) ?? [];
    expect([known?.[7], offered?.[7]]).toEqual(['o', 'n']);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBe(390);
    await card('vm').locator('[data-testid="confirm-verb"]').tap();
    await page.getByText('Too short: nothing was done').waitFor();
    expect(await card('vm').count()).toBe(1);
    const hold = await card('vm').locator('[data-testid="confirm-verb"]').boundingBox();
    if (!hold) throw new Error('no button to hold');
    await page.mouse.move(hold.x + 40, hold.y + 20);
    await page.mouse.down();
    await id('host-key-accepted').waitFor();
    await page.mouse.up();
    expect(await card('vm').count()).toBe(0);
  });

  it('of the power host is louder, stands first, and is accepted with keys; that of the VM stays', async () => {
    await tell('host-key?name=devvm&vm=n&power_host=p');
    await openPower();
    await card('vm').waitFor();
    expect(
      await id('power-panel').locator('[data-testid^="host-key-"]').first().getAttribute('data-testid'),
    ).toBe('host-key-power_host');
    expect(await card('power_host').textContent()).toContain('the way to the hypervisor');
    await card('power_host').locator('[data-testid="confirm-verb"]').focus();
    await page.keyboard.down('Enter');
    await id('host-key-accepted').waitFor();
    await page.keyboard.up('Enter');
    expect([await card('power_host').count(), await card('vm').count()]).toEqual([0, 1]);
    await tell('host-key?name=devvm');
  });

  it('that gave way to a third one is refused, and the third one is shown', async () => {
    await tell('host-key?name=devvm&vm=n');
    await openPower();
    await card('vm').waitFor();
    await tell('host-key?name=devvm&vm=t');
    await card('vm').locator('[data-testid="confirm-verb"]').focus();
    await page.keyboard.down('Enter');
    await id('host-key-refusal').waitFor();
    await page.keyboard.up('Enter');
    await page.waitForFunction(() => document.querySelector('.offered')?.textContent?.includes('SHA256:t'));
    expect(await id('host-key-refusal').textContent()).toContain('Nothing was accepted');
    await tell('host-key?name=devvm');
  });
});

describe('evidence', () => {
  it('a verb that contradicts the finding does nothing until it is pressed a second time, and names the finding', async () => {
    await open('/#/power');
    await tell('power?state=contradict');
    await id('verb-reset').click();
    await holdByKey(id('contradiction'));
    expect(await id('contradiction').textContent()).toContain('block-path-stalled');
    expect(await panel('operation').count()).toBe(0);
    await id('contradiction-withdraw').click();
    await id('contradiction').waitFor({ state: 'detached' });
    await id('verb-reset').click();
    await holdByKey(id('contradiction'));
    await holdByKey(panel('operation'));
    await panel('operation-outcome').waitFor();
    expect(await id('contradiction').count()).toBe(0);
  });

  it('offers the longer look where triage cannot decide, says that it watches, and shows what came of it', async () => {
    await open('/#/power');
    await id('triage-no-ai').click();
    await panel('longer-look').filter({ hasText: 'Watch for 30 s' }).waitFor();
    expect(await id('power-panel').textContent()).toContain('Half a minute would show');
    const asked = page.waitForRequest((request) => request.url().endsWith('/triage'));
    await panel('longer-look').click();
    expect((await asked).postDataJSON()).toEqual({ longer: true });
    await panel('longer-look').filter({ hasText: 'Watching for 30 s' }).waitFor();
    await panel('longer-look').waitFor({ state: 'detached' });
    expect(await panel('finding').isVisible()).toBe(true);
  });

  it('is linked from the operation: picture, finding with its inputs, both samples, a search; back leads to power', async () => {
    await open('/#/power');
    await panel('verb-forensics').click();
    await panel('operation-evidence').click();
    await id('evidence-view').waitFor();
    expect(new URL(page.url()).hash).toBe('#/evidence/20260131T020304.567Z-cycle');
    await page.waitForFunction(
      () => document.querySelector<HTMLImageElement>('[data-testid="evidence-screen"]')?.naturalWidth === 720,
    );
    const view = id('evidence-view');
    expect(await view.locator('[data-testid="finding"] dl').isVisible()).toBe(true);
    expect(await id('evidence-samples').textContent()).toMatch(
      /Written, bytes\s*virtio0\s*did not move\s*794665194496\s*0/,
    );
    expect(await id('evidence-damaged').textContent()).toContain('cut off');
    expect(await id('evidence-section').count()).toBe(2);
    await id('evidence-search').fill('STUCK');
    expect(await id('evidence-hit').count()).toBe(1);
    expect(await id('evidence-hit').locator('pre').textContent()).toContain(
      '2kvm: stuck <img src=x onerror=alert(1)>',
    );
    await id('evidence-close').click();
    await view.waitFor({ state: 'detached' });
    expect(new URL(page.url()).hash).toBe('#/power');
  });

  it('opens by its own link, and says of what is not there that it is not', async () => {
    await open('/#/evidence/20260131T020304.567Z-cycle');
    await id('evidence-screen').waitFor();
    await page.keyboard.press('Escape');
    await id('evidence-view').waitFor({ state: 'detached' });
    await page.goto(`${fixture.url}/#/evidence/another`);
    await page.getByText('Evidence not found.').waitFor();
    await id('open-power').click();
    await id('evidence-view').waitFor({ state: 'detached' });
    expect(await id('verb-status').isVisible()).toBe(true);
  });
});

describe('the address', () => {
  it('opens and closes power with keys, the back button and Esc', async () => {
    await open();
    await ready();
    await page.locator('h1').click();
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    expect(new URL(page.url()).hash).toBe('#/power');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => location.hash !== '#/power');
    await id('open-power').click();
    await page.goBack();
    expect(await id('prompt').isVisible()).toBe(true);
  });

  it('opens the session it names for a second person', async () => {
    await open();
    await id('preset-memory').click();
    await finished();
    const link = new URL(page.url()).hash;
    expect(link).toMatch(/^#\/s\/[0-9a-f-]{36}$/);
    await page.context().close();
    page = await newPage(browser, complaints, { viewport: { width: 1440, height: 900 } });
    await signedIn(page, fixture.url);
    await open(`/${link}`);
    await id('looks').waitFor();
  });
});

it('has no accessibility violation that axe knows, on any view', async () => {
  await page.context().clearCookies();
  await open();
  await id('login-token').waitFor();
  expect(await violations(page)).toEqual([]);
  await signedIn(page, fixture.url);
  await page.reload();
  await ready();
  expect(await violations(page)).toEqual([]);
  await id('preset-triage').click();
  await finished();
  expect(await violations(page)).toEqual([]);
  await id('open-power').click();
  await id('triage-no-ai').click();
  await panel('finding').waitFor();
  await id('verb-reset').click();
  await id('confirm-verb').waitFor();
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
  expect(await violations(page)).toEqual([]);
  await page.goto(`${fixture.url}/#/evidence/20260131T020304.567Z-cycle`);
  await id('evidence-screen').waitFor();
  expect(await violations(page)).toEqual([]);
});
