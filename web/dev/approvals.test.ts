// The card of a question in a real browser: that it is whole, that nothing answers it by mistake, and that no answer is lost.
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Approval } from '../../protocol/approvals.ts';
import { violations } from './axe.ts';
import { buildPage, newPage, signedIn } from './built-page.ts';
import { launchBrowser } from './chromium.ts';
import { type Fixture, startFixture } from './fixture-server.ts';

let built: Awaited<ReturnType<typeof buildPage>>;
let fixture: Fixture;
let browser: Browser;
let page: Page;
let complaints: string[];

const id = (name: string) => page.locator(`[data-testid="${name}"]`);
const tell = (path: string) => fetch(`${fixture.url}/fixture/${path}`, { method: 'POST' });
const settled = () => page.locator('[data-testid="approval-card"][data-settled="true"]').waitFor();
const middle = async (of: Locator) => {
  const box = await of.boundingBox();
  if (box === null) throw new Error('It is not on the page.');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
};
/** Presses, and lets go when that came of it. */
const holdUntil = async (button: Locator, outcome: () => Promise<unknown>) => {
  const { x, y } = await middle(button);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await outcome();
  await page.mouse.up();
};
const gone = () => id('approval-card').waitFor({ state: 'detached' });
/** The bodies of the answers that this page has sent. */
const answers: unknown[] = [];

/** One that a person had opened: the page opens none before the first prompt. */
const openSession = async () => {
  const answer = await fetch(`${fixture.url}/api/session`, {
    method: 'POST',
    headers: { cookie: 'fixture=1' },
  });
  return ((await answer.json()) as { session_id: string }).session_id;
};
/** `clock`: the page's time can be stopped. */
const open = async (path = '/', { clock = false } = {}) => {
  answers.length = 0;
  complaints = [];
  page = await newPage(browser, complaints);
  if (clock) await page.clock.install();
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().includes('/approvals/'))
      answers.push(request.postDataJSON());
  });
  await signedIn(page, fixture.url);
  await page.goto(fixture.url + (path === '/' ? `/#/s/${await openSession()}` : path));
  await page.waitForFunction(() =>
    document.querySelector('[data-testid="turn-lamp"]')?.textContent?.includes('attached'),
  );
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
  fixture = await startFixture({ dist: built.dist, targets: 'three', pace: 'quick' });
});
afterEach(async () => {
  await page.context().close();
  fixture.close();
  expect(complaints).toEqual([]);
});

describe('a press', () => {
  it('that is too short answers nothing, and a hold approves once', async () => {
    await open();
    await tell('ask?kind=command');
    await settled();
    const hold = id('approval-hold');
    const { x, y } = await middle(hold);
    await page.mouse.click(x, y);
    await hold.filter({ hasText: 'Too short' }).waitFor();
    expect(answers).toEqual([]);
    await holdUntil(hold, gone);
    await id('tool-answer').filter({ hasText: 'Approved by operator' }).waitFor();
    expect(answers).toEqual([{ answer: 'approve' }]);
  });

  it('on a card that has come under the thumb only now does nothing', async () => {
    await open();
    // The page's time stands still, so that the card stays new.
    await page.clock.install();
    await tell('ask?kind=command');
    await id('approval-card').waitFor();
    await page.evaluate(() => {
      // As if all presses were made at the moment when the card came.
      Object.defineProperty(Event.prototype, 'timeStamp', { get: () => 0 });
    });
    await id('approval-deny').click();
    await id('approval-grant').click();
    const hold = id('approval-hold');
    const { x, y } = await middle(hold);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.clock.runFor(3_000);
    await page.mouse.up();
    expect(await id('approval-grant').isChecked()).toBe(false);
    expect(await hold.textContent()).toContain('Hold to approve');
    expect(answers).toEqual([]);
  });

  it('on one question never counts for the next, which takes its place under the thumb', async () => {
    await open('/', { clock: true });
    await tell('ask?kind=command&lives=500');
    await settled();
    await tell('ask?kind=verb&session=new');
    await id('approval-count').filter({ hasText: '1 of 2' }).waitFor();
    await settled();
    const waiting = await page.request.get(`${fixture.url}/api/approvals`);
    const { approvals } = (await waiting.json()) as { approvals: Approval[] };
    const first = approvals.find(({ asked }) => 'account' in asked);
    // From here the page's time stands still but for what we let pass: a hold takes 1.5 s of it.
    await page.clock.pauseAt(new Date(Date.now() + 2_000));
    const { x, y } = await middle(id('approval-hold'));
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.clock.runFor(500);
    await id('approval-hold').filter({ hasText: 'Keep holding' }).waitFor();
    // Another phone answers the first one meanwhile.
    await page.request.post(
      `${fixture.url}/api/session/${first?.session_id}/approvals/${first?.approval_id}`,
      { data: { answer: 'deny' } },
    );
    await id('approval-hold').filter({ hasText: 'Hold to cycle' }).waitFor();
    await page.clock.runFor(3_000);
    await page.mouse.up();
    expect(answers).toEqual([]);
  });

  it('of a key approves, and so do two presses of somebody who cannot hold', async () => {
    await open();
    await tell('ask?kind=command');
    await settled();
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('approval');
    await id('approval-hold').focus();
    await page.keyboard.down('Enter');
    await gone();
    await page.keyboard.up('Enter');
    await tell('ask?kind=verb');
    await settled();
    await id('approval-twice').click();
    await id('approval-twice').filter({ hasText: 'Yes: cycle devvm' }).waitFor();
    await expect
      .poll(
        async () => {
          if ((await id('approval-card').count()) > 0) await id('approval-twice').click();
          return answers.length;
        },
        { interval: 700 },
      )
      .toBe(2);
    expect(answers).toEqual([{ answer: 'approve' }, { answer: 'approve' }]);
  });
});

it('the card stands far enough from a wrong answer: Deny and the hold are 64 px apart, with something between', async () => {
  for (const kind of ['command', 'verb']) {
    await open();
    await tell(`ask?kind=${kind}`);
    await settled();
    const deny = await id('approval-deny').boundingBox();
    const hold = await id('approval-hold').boundingBox();
    expect((hold?.y ?? 0) - ((deny?.y ?? 0) + (deny?.height ?? 0))).toBeGreaterThanOrEqual(64);
    await tell('answer?answer=denied');
    await gone();
    if (kind === 'command') await page.context().close();
  }
});

describe('a long question', () => {
  it('shows every hidden character, and cannot be approved before its end was seen', async () => {
    await open();
    await tell('ask?kind=long');
    await settled();
    const card = id('approval-card');
    for (const name of ['U+202E', 'U+2066', 'U+200B', '\\a', '\\e'])
      expect(await card.getByText(name, { exact: true }).count()).toBeGreaterThan(0);
    expect(await card.textContent()).toContain('conf.d/23.conf');
    expect(await id('approval-despite').textContent()).toContain('Triage speaks against it');
    expect(await id('approval-hold').count()).toBe(0);
    for (let screen = 0; screen < 40 && (await id('approval-hold').count()) === 0; screen += 1) {
      await id('approval-more')
        .click({ noWaitAfter: true })
        .catch(() => undefined);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve(undefined))));
    }
    await settled();
    await holdUntil(id('approval-hold'), gone);
    expect(answers).toEqual([{ answer: 'approve' }]);
  });
});

it('a denial carries a sentence', async () => {
  await open();
  await tell('ask?kind=command');
  await settled();
  await id('approval-say').click();
  await id('approval-reason').fill('  Not at night.  ');
  await settled();
  await id('approval-deny-said').click();
  await gone();
  expect(answers).toEqual([{ answer: 'deny', reason: 'Not at night.' }]);
  await id('tool-answer').filter({ hasText: 'Denied by operator: Not at night.' }).waitFor();
});

describe('several questions', () => {
  it('are shown one at a time with a count, from other sessions with a link, and what is shown stays', async () => {
    await open();
    await tell('ask?kind=command&lives=500');
    await settled();
    await tell('ask?kind=verb&session=new&target=db-1&lives=60');
    await id('approval-count')
      .filter({ hasText: '1 of 2' })
      .or(id('approval-count').filter({ hasText: '2 of 2' }))
      .waitFor();
    expect(await id('approval-card').count()).toBe(1);
    expect(await id('approval-card').textContent()).toContain('Repair account on devvm');
    await settled();
    await id('approval-next').click();
    await page.getByRole('heading', { name: 'cycle db-1' }).waitFor();
    await id('approval-elsewhere').getByRole('link').click();
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('db-1'));
    await id('tool-card').filter({ hasText: 'waits for an answer' }).waitFor();
    expect(await id('approval-card').textContent()).toContain('cycle db-1');
  });

  it('that are answered elsewhere go away, with a notice that says who', async () => {
    await open('/', { clock: true });
    await tell('ask?kind=command');
    await settled();
    await tell('answer?answer=approved&by=bob');
    await gone();
    await id('notice').filter({ hasText: 'Approved by bob' }).waitFor();
    await tell('ask?kind=verb&session=new&target=db-1');
    await settled();
    // A question that is new may be missing in a list; one that is older has ended.
    await page.clock.fastForward(4_000);
    await tell('answer?answer=denied&by=carol&reason=wait');
    await gone();
    await id('notice').filter({ hasText: 'cycle db-1: Denied by carol: wait' }).waitFor();
  });
});

describe('without an answer of the console', () => {
  it('nobody holds in vain: the card says it, and comes back to life', async () => {
    await open();
    await tell('ask?kind=command');
    await settled();
    await page.route('**/api/approvals', (route) => route.abort());
    await id('approval-silent').waitFor();
    expect(await id('approval-hold').isDisabled()).toBe(true);
    await page.unroute('**/api/approvals');
    await id('approval-silent').waitFor({ state: 'detached' });
    await settled();
    await holdUntil(id('approval-hold'), gone);
  });

  it('an answer that went nowhere is sent again until it is taken', async () => {
    await open();
    await tell('ask?kind=command');
    await settled();
    let refused = 0;
    await page.route('**/approvals/*', (route) => {
      refused += 1;
      return refused <= 2 ? route.abort() : route.continue();
    });
    await holdUntil(id('approval-hold'), () => id('approval-sending').waitFor());
    await gone();
    await id('tool-answer').filter({ hasText: 'Approved by operator' }).waitFor();
    expect(refused).toBe(3);
  });

  it('the opposite answer of somebody who was first is told', async () => {
    await open();
    await tell('ask?kind=command');
    await settled();
    await page.route('**/approvals/*', async (route) => {
      await tell('answer?answer=denied&by=bob');
      await route.continue();
    });
    await holdUntil(id('approval-hold'), gone);
    await id('notice').filter({ hasText: 'bob has denied this at' }).waitFor();
  });
});

it('a grant shows its clock on every view, and one tap ends it', async () => {
  await open();
  await tell('ask?kind=command&observer=false');
  await settled();
  expect(await id('no-observer').textContent()).toContain('nothing separates looking from changing');
  await id('approval-grant').click();
  await id('approval-hold').filter({ hasText: 'with 15 minutes' }).waitFor();
  await holdUntil(id('approval-hold'), gone);
  expect(answers).toEqual([{ answer: 'approve', grant_minutes: 15 }]);
  await id('grant')
    .filter({ hasText: /Anything runs as root without asking.*1[45]:\d\d left/s })
    .waitFor();
  await id('open-power').click();
  await id('end-grant').click();
  await id('grant').waitFor({ state: 'detached' });
});

const openPolicy = async (mode: string) => {
  await id('open-menu').click();
  await id('open-policy').filter({ hasText: mode }).click();
};

it('the policy is tightened by one tap, which ends what waits, and loosened by a hold, with a way back', async () => {
  await open();
  await tell('ask?kind=command');
  await settled();
  await openPolicy('ask');
  await id('policy-observe').click();
  await gone();
  await id('tool-answer').filter({ hasText: 'The policy was tightened' }).waitFor();
  await openPolicy('observe');
  const loosen = id('policy-autonomous');
  await loosen.scrollIntoViewIfNeeded();
  await holdUntil(loosen, () => id('policy-sheet').waitFor({ state: 'detached' }));
  await id('loosened').filter({ hasText: 'Claude acts without asking' }).waitFor();
  await id('back-to-configured').click();
  await id('loosened').waitFor({ state: 'detached' });
  await id('open-menu').click();
  await id('open-policy').filter({ hasText: 'ask' }).waitFor();
});

it('the policy after a restart of the console is the one that is shown, though its version is lower', async () => {
  await open();
  const answer = { configured: 'ask', grants: [] };
  let now: unknown = { ...answer, mode: 'observe', version: 3 };
  await page.route('**/api/session/*/policy', (route) => route.fulfill({ json: now }));
  const look = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await look();
  await page.getByText('policy observe').waitFor();
  now = { ...answer, mode: 'ask', version: 2 };
  await look();
  await page.getByText('policy ask').waitFor();
});

it('an observer sees the question and the policy, and no button', async () => {
  await tell('role?is=observer');
  complaints = [];
  page = await newPage(browser, complaints);
  await signedIn(page, fixture.url);
  await page.goto(fixture.url);
  await tell('ask?kind=command&session=new');
  await id('approval-watch-only').waitFor();
  expect(await id('approval-card').textContent()).toContain('truncate');
  expect(await id('approval-deny').count()).toBe(0);
  expect(await id('approval-hold').count()).toBe(0);
});

it('a link to a session opens its chat with the card', async () => {
  await open();
  await tell('ask?kind=verb&session=new&target=db-1');
  await id('approval-card').waitFor();
  const link = await id('approval-elsewhere').getByRole('link').getAttribute('href');
  await page.goto(`${fixture.url}/${link}`);
  await page.reload();
  await page.getByRole('heading', { name: 'cycle db-1' }).waitFor();
  await id('tool-card').filter({ hasText: 'waits for an answer' }).waitFor();
  expect(await id('approval-elsewhere').count()).toBe(0);
});

it('axe finds nothing on the card, folded, on power, while denying, and on the sheet of the policy', async () => {
  await open();
  await tell('ask?kind=command&observer=false');
  await tell('ask?kind=long&session=new&target=db-1');
  await id('approval-count').waitFor();
  await settled();
  expect(await violations(page)).toEqual([]);
  await id('approval-say').click();
  expect(await violations(page)).toEqual([]);
  await id('approval-fold').click();
  await id('open-power').click();
  expect(await violations(page)).toEqual([]);
  await openPolicy('ask');
  await id('policy-sheet').waitFor();
  expect(await violations(page)).toEqual([]);
});
