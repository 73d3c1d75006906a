// Two targets on one power host and one on another that is dead: a person finds their way on the page, and a verb reaches the VM that
// the screen names and no other. Real SSH, the lab's machines, the real forced command, Chromium.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { labKeys } from '../../lab/keys.ts';
import { createMachine, type Machine } from '../../lab/machine/machine.ts';
import { startPowerHost } from '../../lab/power-host/power-host.ts';
import { diskFull } from '../../lab/scenarios/disk-full.ts';
import { healthy } from '../../lab/scenarios/healthy.ts';
import { startVm } from '../../lab/vm/start.ts';
import { launchBrowser } from '../../web/dev/chromium.ts';
import { signIn } from '../support/browser.ts';
import { type Console, makeConsole } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { hold } from '../support/hold.ts';

const LIMIT = { timeout: 900_000 };
const ACCOUNTS = { repair: 'breakglass', observer: 'breakglass-observer' };

let browser: Browser;
let dir: string;
let console_: Console;
let devvm: Machine;
let web: Machine;
const parts: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  dir = mkdtempSync(path.join(tmpdir(), 'bg-targets-'));
  const keys = labKeys(path.join(dir, 'keys'), undefined);
  const [ill, well] = [diskFull(), healthy()];
  const places = { devvm: path.join(dir, 'host-102'), web: path.join(dir, 'host-103') };
  devvm = createMachine(places.devvm, ill.machine);
  web = createMachine(places.web, well.machine);
  const host = await startPowerHost({
    dir: places.devvm,
    vmid: 102,
    accounts: { 'breakglass-103': { dir: places.web, vmid: 103 } },
    publicKey: keys.clientPublic,
    hostKey: keys.powerHostKey,
  });
  const inside = { accounts: ACCOUNTS, publicKey: keys.clientPublic };
  const [first, second] = await Promise.all([
    startVm({ ...inside, machine: devvm, scenario: ill.guest, hostKey: keys.vmKey }),
    startVm({ ...inside, machine: web, scenario: well.guest, hostKey: keys.otherVmKey }),
  ]);
  parts.push(host, first, second);
  const targetsFile = path.join(dir, 'targets.yaml');
  const target = (vmPort: number, hostPort: number, user: string, vmid: number): string =>
    `{ vm: { host: 127.0.0.1, port: ${vmPort}, observer_user: breakglass-observer }, power: { host: 127.0.0.1, port: ${hostPort}, user: ${user}, vmid: ${vmid} } }`;
  writeFileSync(
    targetsFile,
    `default: devvm
targets:
  devvm: ${target(first.port, host.port, 'breakglass', 102)}
  web: ${target(second.port, host.port, 'breakglass-103', 103)}
  far: ${target(await freePort(), await freePort(), 'breakglass', 104)}
  # The operator mixed up the accounts: what the host says of its VM is what counts.
  swapped: ${target(second.port, host.port, 'root', 103)}
`,
  );
  console_ = await makeConsole({
    dir,
    hostPort: host.port,
    hostUser: 'breakglass',
    vmPort: first.port,
    keyPath: keys.clientKeyPath,
    modelUrl: 'http://127.0.0.1:9',
    targetsFile,
  });
  await console_.start();
}, 300_000);

afterAll(async () => {
  await console_?.close();
  await Promise.allSettled(parts.map((part) => part.close()));
  await browser.close();
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

const list = (page: Page) => page.getByTestId('target-list');
const switchTo = async (page: Page, name: string): Promise<void> => {
  await page.getByTestId('open-targets').click();
  await page.getByTestId(`target-${name}`).click();
  await page.getByTestId('power-panel').getByText(`Power: ${name}`).waitFor({ state: 'attached' });
};

test(
  'a cycle on the second target reaches that VM alone, a dead host spoils nothing, and a swapped account is refused',
  LIMIT,
  async () => {
    const { page, context, troubles } = await signIn(browser, console_.base);
    try {
      await page.getByTestId('open-targets').click();
      await list(page).getByTestId('target-far').filter({ hasText: 'not known' }).waitFor();
      await list(page).getByTestId('target-swapped').filter({ hasText: 'not known' }).waitFor();
      await list(page).getByTestId('target-devvm').filter({ hasText: 'SSH answers' }).waitFor();
      await page.keyboard.press('Escape');

      await switchTo(page, 'web');
      const boots = { devvm: devvm.boot().number, web: web.boot().number };
      await page.getByTestId('open-power').click();
      await page.getByTestId('verb-cycle').click();
      await page.getByTestId('confirm-sheet').getByText('Cycle web?').waitFor();
      await hold(page.getByTestId('confirm-sheet').getByTestId('confirm-verb'));
      // The VM answers SSH, so triage knows no reason for a cycle: a second press.
      await hold(page.getByTestId('contradiction').getByTestId('confirm-verb'));
      await page
        .getByTestId('power-panel')
        .getByTestId('operation-outcome')
        .filter({ hasText: /new QEMU process|VM 103/ })
        .waitFor();
      expect(web.boot().number).toBe(boots.web + 1);
      expect(devvm.boot().number).toBe(boots.devvm);

      await switchTo(page, 'swapped');
      await page.getByTestId('verb-forensics').click();
      await page
        .getByTestId('operation')
        .getByText(/answers for VM 102, not for VM 103/)
        .first()
        .waitFor();
      expect(devvm.boot().number).toBe(boots.devvm);

      await switchTo(page, 'far');
      await page
        .getByText(/refused the connection/)
        .first()
        .waitFor();
      await page.reload();
      await page.getByTestId('power-panel').getByText('Power: far').waitFor({ state: 'attached' });
      await page.goBack();
      await page.getByTestId('power-panel').getByText('Power: swapped').waitFor({ state: 'attached' });
      // The 409 asked for the second press.
      expect(troubles.filter((line) => !line.includes('status of 409'))).toEqual([]);
    } finally {
      await context.close();
    }
  },
);
