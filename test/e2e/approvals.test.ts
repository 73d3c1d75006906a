// The agent asks, a person answers: a phone, the page, the real CLI with the rehearsal model, the lab behind real SSH.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SessionPolicy } from '../../protocol/approvals.ts';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { presetTurn, signIn } from '../support/browser.ts';
import { approve, cardOf, readCard, settled } from '../support/card.ts';
import { type House, startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';

const LIMIT = { timeout: 900_000 };
/** What the drill fills the disk with, and the unit that fails for want of space. */
const CULPRIT = '/var/log/orders-api/debug.log';
const UNIT = 'orders-api.service';

let browser: Browser;
let house: House;
let contexts: BrowserContext[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const enter = async (): Promise<void> => {
  house = await startHouse({ scenario: 'disk-full', env: { BREAKGLASS_POLICY: 'ask' } });
};
const leave = async (): Promise<void> => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  await house.close();
};

const phone = async (hash = ''): Promise<Page> => {
  const { page, context } = await signIn(browser, `${house.base}/${hash}`);
  contexts.push(context);
  return page;
};
/** The disk is found to be full. */
const triage = async (page: Page): Promise<void> => {
  await presetTurn(page, 'preset-triage');
};
const askForRepair = async (page: Page): Promise<void> => {
  await page.getByTestId('prompt').fill('Fix it.');
  await page.getByTestId('send').click();
};
const answer = (page: Page, words: string) => page.getByTestId('tool-answer').filter({ hasText: words });
const ended = (page: Page) => page.getByTestId('stop').waitFor({ state: 'detached' });
const isFull = async () => (await inVm(house, 'df --output=pcent / | tail -1')) === '100%';
const sessionOf = (page: Page): string => new URL(page.url()).hash.replace('#/s/', '');

describe('a repair that is held', () => {
  beforeEach(enter, 120_000);
  afterEach(leave);

  test(
    'a hold on a phone runs the command: not a press that is too short, and also after a reload',
    LIMIT,
    async () => {
      const page = await phone();
      await triage(page);
      await askForRepair(page);
      let card = await readCard(page, CULPRIT);
      expect(await card.textContent()).toContain('Repair account on devvm: root');
      await page.getByTestId('tool-card').filter({ hasText: 'waits for an answer' }).waitFor();

      await page.reload();
      card = await readCard(page, CULPRIT);
      await card.getByTestId('approval-hold').click();
      await card.getByTestId('approval-hold').filter({ hasText: 'Too short' }).waitFor();
      expect(await isFull()).toBe(true);

      await page.getByTestId('open-power').first().click();
      await approve(page, CULPRIT);
      await page.getByTestId('open-chat').click();
      await approve(page, UNIT);
      await ended(page);
      expect(await isFull()).toBe(false);
      expect(await inVm(house, `systemctl is-active ${UNIT}`)).toBe('active');
      expect(await page.getByTestId('tool-answer').allTextContents()).toEqual([
        'Approved by operator.',
        'Approved by operator.',
      ]);
    },
  );

  test('a grant lets the next repair run, shows its clock, and ends by one tap', LIMIT, async () => {
    const page = await phone();
    await triage(page);
    await askForRepair(page);
    const card = await readCard(page, CULPRIT);
    await card.getByTestId('approval-grant').click();
    await card.getByTestId('approval-hold').filter({ hasText: 'with 15 minutes' }).waitFor();
    await approve(page, CULPRIT);
    await page
      .getByTestId('grant')
      .filter({ hasText: /1[45]:\d\d left/ })
      .waitFor();
    await ended(page);
    // The second repair had no card.
    expect(await page.getByTestId('tool-answer').count()).toBe(1);
    expect(await inVm(house, `systemctl is-active ${UNIT}`)).toBe('active');
    const session = sessionOf(page);
    const policy = async () =>
      (await (await house.call('GET', `/api/session/${session}/policy`)).json()) as SessionPolicy;
    expect((await policy()).grants).toHaveLength(1);
    await page.getByTestId('open-power').first().click();
    await page.getByTestId('end-grant').click();
    await page.getByTestId('grant').waitFor({ state: 'detached' });
    expect((await policy()).grants).toEqual([]);
  });
});

// Nothing is changed here, so one house, one session and one triage serve all of them. The policy is tightened last.
describe('the disk stays full', () => {
  let page: Page;
  beforeAll(async () => {
    await enter();
    page = await phone();
    await triage(page);
  }, LIMIT.timeout);
  afterAll(leave);

  test('a denial with a sentence runs nothing, and the agent reads the sentence', LIMIT, async () => {
    await askForRepair(page);
    const card = await cardOf(page, CULPRIT);
    await card.getByTestId('approval-say').click();
    await card.getByTestId('approval-reason').fill('Copy the log elsewhere first.');
    await settled(page);
    await card.getByTestId('approval-deny-said').click();
    await ended(page);
    expect(await page.getByTestId('assistant-text').last().textContent()).toContain(
      'Copy the log elsewhere first.',
    );
    await answer(page, 'Denied by operator: Copy').waitFor();
    expect(await isFull()).toBe(true);
  });

  test('of two phones that answer at once one wins, and the other is told', LIMIT, async () => {
    await askForRepair(page);
    await readCard(page, CULPRIT);
    // The other phone follows the link of a notification.
    const other = await phone(`#/s/${sessionOf(page)}`);
    await cardOf(other, CULPRIT);
    // The first one's answer is on its way when the other one's arrives.
    const late = Promise.withResolvers<void>();
    await page.route('**/approvals/*', async (route) => {
      await other.getByTestId('approval-deny').click();
      await other.getByTestId('approval-card').waitFor({ state: 'detached' });
      await route.continue();
      late.resolve();
    });
    await approve(page, CULPRIT);
    await late.promise;
    await page
      .getByTestId('notice')
      .filter({ hasText: /operator has denied this at/ })
      .waitFor();
    await answer(page, 'Denied by operator.').waitFor();
    await answer(other, 'Denied by operator.').waitFor();
    await ended(page);
    expect(await isFull()).toBe(true);
    await page.unroute('**/approvals/*');
    await other.context().close();
  });

  test(
    'a policy that is tightened while a question waits takes it away, and nothing runs',
    LIMIT,
    async () => {
      await askForRepair(page);
      await cardOf(page, CULPRIT);
      await page.getByTestId('open-menu').click();
      await page.getByTestId('open-policy').click();
      await page.getByTestId('policy-observe').click();
      await page.getByTestId('approval-card').waitFor({ state: 'detached' });
      await answer(page, 'The policy was tightened').waitFor();
      await ended(page);
      expect(await isFull()).toBe(true);
    },
  );
});
