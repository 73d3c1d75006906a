// SSH follows the machine: stopped, booting, stalled, and the drill of the stall to its end.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { within } from '../../test/support/wait-for.ts';
import { diskFull } from '../scenarios/disk-full.ts';
import { ioStall } from '../scenarios/io-stall.ts';
import { startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
afterEach(() => t.close());

/** Connects, and gives what was heard on the connection until it ended. */
const listen = async (): Promise<{ heard(): Promise<string> }> => {
  const socket = connect(t.vm.port, '127.0.0.1');
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString();
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(() => text);
  await within('a connection', Promise.race([once(socket, 'connect'), closed]));
  return { heard: () => within('the end of a connection', closed) };
};

test('a stopped machine says nothing, a booting one closes the port, a booted one answers', async () => {
  const booted = Promise.withResolvers<void>();
  t = await startTestVm(diskFull(), () => booted.promise);
  t.machine.stop();
  const stopped = await listen();
  t.machine.start();
  expect(await (await listen()).heard()).toBe('');
  expect(await t.ssh('echo here')).toMatchObject({ code: 255, out: '' });
  booted.resolve();
  await booted.promise;
  expect((await t.ssh('echo here')).out).toBe('here\n');
  await t.close();
  expect(await stopped.heard()).toBe('');
});

test('stopping ends what is connected, without a word', async () => {
  t = await startTestVm(diskFull());
  const client = t.open('echo ready; sleep 600');
  await client.heard(/ready/);
  t.machine.stop();
  expect(await client.ended()).toMatchObject({ code: 255, out: 'ready\n' });
});

test('a stall hangs new connections and running commands, and neither ends before the machine is reset', async () => {
  t = await startTestVm(diskFull());
  const { tree, accounts } = t.vm.guest;
  const wait = 'echo ready; until test -e /run/go; do sleep 0.01; done; echo on';
  const free = t.open(wait);
  await free.heard(/ready/);
  tree.open('/run/go', accounts.byUid(0));
  expect((await free.ended()).out).toBe('ready\non\n'); // What it waits for lets it go on …
  tree.remove('/run/go', accounts.byUid(0));
  const stuck = t.open(wait);
  await stuck.heard(/ready/);
  t.machine.stall();
  tree.open('/run/go', accounts.byUid(0));
  const late = await listen();
  t.machine.reset();
  expect(await stuck.ended()).toMatchObject({ code: 255, out: 'ready\n' }); // … but not in a stall.
  await t.close();
  expect(await late.heard()).toBe('');
});

test('io-stall: a reset does not help, a cycle does and applies the staged configuration', async () => {
  t = await startTestVm(ioStall());
  const found = await listen();
  t.machine.reset();
  const reset = await listen();
  t.machine.stop();
  t.machine.start();
  expect((await t.ssh('uptime -p; systemctl is-system-running; systemctl is-active nginx')).out).toBe(
    'up 0 minutes\nrunning\nactive\n',
  );
  expect((await t.ssh('free -h')).out).toMatch(/Mem: +12Gi/);
  // The gap: the last words of the boot before are traffic, 26 minutes old, and the kernel said nothing at the end.
  expect((await t.ssh('journalctl -b -1 -n 3 --no-pager')).out).toContain('nginx');
  for (const since of ['-k --since "1 hour ago"', '--since "20 minutes ago"'])
    expect((await t.ssh(`journalctl -b -1 ${since} --no-pager`)).out).toBe('-- No entries --\n');
  await t.close();
  expect([await found.heard(), await reset.heard()]).toEqual(['', '']);
});
