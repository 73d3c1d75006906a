// Both drills as an operator lives them: a phone, the page, the real CLI with the rehearsal model, the lab behind real SSH.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DiskFullOptions, diskFull } from '../../lab/scenarios/disk-full.ts';
import type { TargetState } from '../../protocol/me.ts';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { presetTurn, signIn } from '../support/browser.ts';
import { approve } from '../support/card.ts';
import { TOKEN } from '../support/console.ts';
import { hold } from '../support/hold.ts';
import { startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';
import { until } from '../support/wait-for.ts';

const LIMIT = { timeout: 900_000 };
let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

// The first is the drill as it ships; the second has another culprit: the repair must follow what was found.
test.each<[string, DiskFullOptions]>([
  ['as it ships', {}],
  ['with another path and unit', { path: '/srv/ledger/spool/import.trace', unit: 'ledger-sync.service' }],
])(
  'disk-full %s: Triage finds the full disk, and when asked to the agent frees it',
  LIMIT,
  async (_name, disguise) => {
    const scenario = diskFull(disguise);
    const house = await startHouse({ scenario, env: { BREAKGLASS_POLICY: 'ask' } });
    const { page, context, troubles } = await signIn(browser, house.base);
    try {
      expect(await inVm(house, 'df --output=pcent / | tail -1')).toBe('100%');
      const path = disguise.path ?? '/var/log/orders-api/debug.log';
      const unit = disguise.unit ?? 'orders-api.service';
      await presetTurn(page, 'preset-triage');
      const summary = await page.getByTestId('assistant-text').last().textContent();
      expect(summary).toContain(path);
      expect(summary).toContain(unit);
      expect(await inVm(house, 'df --output=pcent / | tail -1')).toBe('100%'); // Looking changed nothing.

      await page.getByTestId('prompt').fill('Fix it.');
      await page.getByTestId('send').click();
      await approve(page, path);
      await approve(page, unit);
      await page.getByTestId('stop').waitFor({ state: 'detached' });
      expect(await inVm(house, `systemctl is-active ${unit}`)).toBe('active');
      expect(Number.parseInt(await inVm(house, 'df --output=pcent / | tail -1'), 10)).toBeLessThan(90);
      expect(await page.getByTestId('tool-card').filter({ hasText: path }).count()).toBeGreaterThan(0);

      // Locking the phone and coming back shows the same, nothing twice.
      const cards = await page.getByTestId('tool-card').count();
      await page.reload();
      await page
        .getByTestId('tool-card')
        .nth(cards - 1)
        .waitFor();
      expect(await page.getByTestId('tool-card').count()).toBe(cards);
      expect(troubles).toEqual([]);
    } finally {
      await context.close();
      await house.close();
    }
  },
);

test(
  'io-stall: the page leads to cycle, forensics come before the stop, and the VM answers SSH again with its staged memory',
  LIMIT,
  async () => {
    const house = await startHouse({ scenario: 'io-stall' });
    const { page, context, troubles } = await signIn(browser, house.base);
    try {
      const pidBefore = house.machine.boot().number;
      await expect(inVm(house, 'true')).rejects.toThrow();
      await presetTurn(page, 'preset-qemu');
      expect(await page.getByTestId('assistant-text').last().textContent()).toMatch(/cycle/i);

      // Two touches from here to a running cycle: open Power, hold. Triage has run by itself, because SSH is silent.
      await page.getByTestId('open-power').first().click();
      const advised = page.getByTestId('hold-advised');
      await advised.waitFor();
      expect(await advised.textContent()).toContain('Hold to cycle devvm');
      expect(await page.getByTestId('finding').textContent()).toMatch(/cycle/i);
      await hold(advised);
      const operation = page
        .getByTestId('power-panel')
        .getByTestId('operation')
        .filter({ hasText: /cycle/i })
        .first();
      await operation.getByTestId('operation-outcome').waitFor({ timeout: 300_000 });
      const steps = (await operation.getByTestId('operation-step').allTextContents()).join('\n');
      expect(steps).toMatch(/Evidence saved[\s\S]*Stop asked[\s\S]*Old process gone[\s\S]*New process/);
      expect(await operation.getByTestId('operation-outcome').textContent()).toMatch(/new QEMU process/i);

      // The evidence from before the stop is here, and whole.
      await operation.getByTestId('operation-evidence').click();
      await page.getByTestId('evidence-view').getByTestId('finding').waitFor();
      expect(await page.getByTestId('evidence-section').count()).toBeGreaterThan(5);
      expect(await page.getByTestId('evidence-damaged').count()).toBe(0);
      await page.getByTestId('evidence-close').click();

      // The finding from before the cycle is past: it advises nothing any more, also on a page that was not loaded anew.
      const panel = page.getByTestId('power-panel');
      await panel.getByTestId('hold-advised').waitFor({ state: 'detached' });
      // What can do nothing now is not pressable and says why.
      await panel.getByText('The VM runs already: start would change nothing.').waitFor();
      expect(await panel.getByTestId('verb-start').isDisabled()).toBe(true);

      // What the head of the page says agrees with the outcome below it.
      await page.getByText('SSH answers', { exact: true }).first().waitFor();
      expect(house.machine.boot().number).toBeGreaterThan(pidBefore);
      const memoryMib = Number(await inVm(house, "free -m | awk '/Mem:/ {print $2}'"));
      expect(memoryMib).toBeGreaterThan(11_000); // 12288 were staged, 8192 were running.
      expect(troubles).toEqual([]);
    } finally {
      await context.close();
      await house.close();
    }
  },
);

test('the power page works while the agent, the model and the stream are broken', LIMIT, async () => {
  const house = await startHouse({
    scenario: 'disk-full',
    modelUrl: 'http://127.0.0.1:9',
    env: { BREAKGLASS_AGENT: 'missing-on-purpose' },
  });
  const { page, context } = await signIn(browser, house.base);
  try {
    await page.route('**/api/session/**', (route) => route.abort());
    await page.getByTestId('open-power').first().click();
    await page.getByTestId('verb-stop').click();
    // A press does not wait for triage, so it has to know by then.
    await until('a fresh reading of SSH', async () => {
      const { ssh } = (await (await house.call('GET', '/api/targets/devvm')).json()) as TargetState;
      return ssh.answers === true && Date.now() - Date.parse(ssh.at ?? '') < 3_000;
    });
    await hold(page.getByTestId('confirm-sheet').getByTestId('confirm-verb'));
    // The VM answers SSH, so triage knows no reason for a stop: it is asked for a second time.
    await page.getByTestId('contradiction').waitFor();
    expect(await page.getByTestId('contradiction').textContent()).toContain('nothing-wrong-found');
    expect(house.machine.status()).toBe('running');
    await hold(page.getByTestId('contradiction').getByTestId('confirm-verb'));
    await page.getByTestId('operation-outcome').first().waitFor({ timeout: 300_000 });
    expect(house.machine.status()).toBe('stopped');
  } finally {
    await context.close();
    await house.close();
  }
});

test('the emergency page stops the VM in a browser without JavaScript', LIMIT, async () => {
  const house = await startHouse({ scenario: 'disk-full', modelUrl: 'http://127.0.0.1:9' });
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  try {
    await page.goto(`${house.base}/emergency`);
    await page.fill('input[name=token]', TOKEN);
    await page.click('button');
    await until('the state of the VM', async () => {
      await page.goto(`${house.base}/emergency`);
      return page.getByText('VM: running', { exact: true }).isVisible();
    });
    await page.click('button:text-is("Stop devvm")');
    await page.click('button:has-text("Yes, stop now")');
    await page.getByText('succeeded').waitFor({ timeout: 300_000 });
    expect(house.machine.status()).toBe('stopped');
  } finally {
    await context.close();
    await house.close();
  }
});
