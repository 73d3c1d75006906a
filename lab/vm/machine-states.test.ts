// SSH follows the machine: stopped, booting, stalled, and the drill of the stall to its end.
import { afterEach, expect, test } from 'vitest';
import { diskFull } from '../scenarios/disk-full.ts';
import { ioStall } from '../scenarios/io-stall.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
afterEach(() => t.close());
const start = async (scenario: Scenario, bootMs?: number): Promise<void> => {
  t = await startTestVm(scenario, bootMs);
};
/** A client that was still waiting when its time was over. */
const hangs = async (command = 'echo here'): Promise<boolean> =>
  (await t.ssh(command, { timeoutMs: 1_500 })).code === undefined;

test('a stopped machine never answers, a booting one refuses, a booted one works', async () => {
  await start(diskFull(), 1_500);
  t.machine.stop();
  expect(await hangs()).toBe(true);
  t.machine.start();
  const early = await t.ssh('echo here', { timeoutMs: 1_000 });
  expect(early).toMatchObject({ code: 255, out: '' });
  await expect.poll(async () => (await t.ssh('echo here')).out, { timeout: 15_000 }).toBe('here\n');
});

test('stopping drops what is connected', async () => {
  await start(diskFull());
  const client = t.open('echo here; sleep 300');
  await new Promise((resolve) => client.stdout.once('data', resolve));
  const closed = new Promise((resolve) => client.once('close', resolve));
  t.machine.stop();
  expect(await closed).toBe(255);
});

test('a stall hangs new connections and running commands, and neither ends', async () => {
  await start(diskFull());
  const client = t.open('while :; do echo tick; sleep 0.1; done');
  let heard = '';
  client.stdout.on('data', (data: Buffer) => {
    heard += data.toString();
  });
  await expect.poll(() => heard).toContain('tick');
  t.machine.stall();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const then = heard;
  expect(await hangs()).toBe(true);
  expect(heard).toBe(then);
  expect(client.exitCode).toBeNull();
  const closed = new Promise((resolve) => client.once('close', resolve));
  t.machine.reset();
  expect(await closed).toBe(255);
});

test('io-stall: a reset does not help, a cycle does and applies the staged configuration', async () => {
  await start(ioStall());
  expect(await hangs()).toBe(true);
  t.machine.reset();
  expect(await hangs()).toBe(true);
  t.machine.stop();
  t.machine.start();
  await expect
    .poll(async () => (await t.ssh('uptime -p', { timeoutMs: 4_000 })).out, { timeout: 20_000 })
    .toBe('up 0 minutes\n');
  const kb = Number((await t.ssh("awk '/MemTotal/ {print $2}' /proc/meminfo")).out);
  expect(kb).toBeGreaterThan(11.5 * 1024 * 1024);
  expect((await t.ssh('free -h')).out).toMatch(/Mem: +12Gi/);
  expect((await t.ssh('systemctl is-system-running; systemctl is-active nginx')).out).toBe(
    'running\nactive\n',
  );
  // The gap: the last words of the boot before are traffic, 26 minutes old, and the kernel said nothing at the end.
  const before = (await t.ssh('journalctl -b -1 -n 3 --no-pager')).out;
  expect(before).toContain('nginx');
  expect((await t.ssh('journalctl -b -1 -k --since "1 hour ago" --no-pager')).out).toBe('-- No entries --\n');
  expect((await t.ssh('journalctl -b -1 --since "20 minutes ago" --no-pager')).out).toBe(
    '-- No entries --\n',
  );
});
