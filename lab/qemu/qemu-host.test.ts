// One real boot: the qm front, the guest's accounts, and faults that are really there. Skipped, with the reason, where QEMU
// is not and cannot be installed. Block stalls and a wedged QEMU are drilled through the console: test/drills.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PidLine, saysStopped, stopCommand, wrapCommand } from '../../server/guest/far-side.ts';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { labKeys } from '../keys.ts';
import { markedProcesses } from '../power-host/leftovers.ts';
import { buildGuest } from './build-guest.ts';
import { MissingPackagesError } from './packages.ts';
import { type QemuHost, startQemuHost } from './qemu-host.ts';
import { sshExec } from './ssh-exec.fixture.ts';

const why = await buildGuest('virtio', console.log).then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof MissingPackagesError) return error.message;
    throw error;
  },
);

describe.skipIf(why !== undefined)(`a real QEMU behind the lab’s qm${skippedBecause(why)}`, () => {
  let root: string;
  let dir: string;
  let host: QemuHost;
  let privateKey: string;

  const observer = (command: string) =>
    sshExec({ port: host.vmPort, username: 'breakglass-observer', privateKey, command });
  const vm = (command: string, withinMs?: number, onStderr?: (text: string) => void) =>
    sshExec({ port: host.vmPort, username: 'breakglass', privateKey, command, withinMs, onStderr });
  const qm = (...argv: string[]) => host.machine.qm(...argv);
  // The limits of this qm are a real one's, 3 and 5 s: on a busy machine QEMU, and more so the guest, may need more than one.
  const status = (wanted: string) =>
    expect.poll(async () => (await qm('status', '102')).stdout).toBe(`status: ${wanted}`);
  const ping = () => expect.poll(async () => (await qm('guest', 'cmd', '102', 'ping')).exitCode).toBe(0);
  const booted = async () => expect(await host.bannerAnswers(300_000)).toBe(true);

  beforeAll(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'bg-qemu-'));
    dir = path.join(root, 'host');
    const keys = labKeys(path.join(root, 'keys'), undefined);
    privateKey = readFileSync(keys.clientKeyPath, 'utf8');
    host = await startQemuHost({
      dir,
      publicKey: keys.clientPublic,
      hostKey: keys.powerHostKey,
      vmKey: keys.vmKey,
      machine: 'virtio',
      delayDivisor: 20,
      favoured: true,
    });
    console.log(`booted in ${host.bootMs} ms`);
  }, 600_000);
  afterAll(async () => {
    await host?.close();
    rmSync(root, { recursive: true, force: true });
  });

  test('status says what QMP knows, and both accounts answer', async () => {
    expect(await qm('status', '102')).toEqual({ exitCode: 0, stdout: 'status: running', stderr: '' });
    let stdout = '';
    await expect
      .poll(async () => (stdout = (await qm('status', '102', '--verbose')).stdout))
      .toMatch(/^running-qemu: \d+\.\d+/m);
    expect(stdout).toMatch(/^blockstat:\n\tvirtio0:\n(\t\t.*\n)*\t\twr_bytes: \d+$/m);
    expect(stdout).toMatch(/^status: running$/m);
    await ping();
    expect((await vm('id -u')).stdout).toBe('0\n');
    expect((await observer('id -u; sudo id')).stdout).toBe('1001\n');
    expect((await qm('pending', '102')).stdout).toMatch(/^new memory: 288$/m);
  });

  test('the console’s wrapper and stopper work in the guest', async () => {
    const said = await vm(wrapCommand('echo out; exit 7', 5_000));
    expect(new PidLine().feed(said.stderr)).toBe('');
    expect(said).toMatchObject({ code: 7, stdout: 'out\n' });

    // The child of a child, in the session that sshd made: all of it ends.
    const mark = new PidLine();
    const running = vm(wrapCommand('sleep 300 & wait', 600_000), undefined, (text) => mark.feed(text));
    await expect.poll(() => mark.pid).toBeGreaterThan(1);
    expect((await vm(stopCommand(mark.pid ?? 0, true))).stdout).toSatisfy(saysStopped);
    await running;
  });

  test('qm says what Proxmox says', async () => {
    expect(await qm('start', '102')).toMatchObject({ exitCode: 255, stderr: 'VM 102 already running' });
    expect((await qm('status', '103')).stderr).toBe(
      "Configuration file 'nodes/lab/qemu-server/103.conf' does not exist",
    );
    expect((await qm('destroy', '102')).exitCode).toBe(255);
    // A lock is a person's to take away: see host/lib/startable.bash.
    expect(await qm('unlock', '102')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('a full pool pauses the VM with "nospace", and space and a resume bring it back', async () => {
    await host.inject('io-error-nospace');
    await status('io-error');
    const [blocks] = await host.machine.qmp([{ execute: 'query-block' }]);
    expect(JSON.stringify(blocks)).toContain('"io-status":"nospace"');
    await host.heal();
    await status('running');
    expect((await vm('echo back')).stdout).toBe('back\n');
  });

  test('dead agent, dead sshd, full disk: each shows, and the soft fix is enough', async () => {
    await host.inject('dead-guest-agent');
    expect((await qm('guest', 'cmd', '102', 'ping')).stderr).toBe('QEMU guest agent is not running');
    await host.heal();
    await ping();
    await host.inject('dead-sshd');
    expect(await host.bannerAnswers(500)).toBe(false);
    await ping();
    await host.heal();
    await host.inject('disk-full');
    await expect.poll(async () => (await vm('cat /run/app.state')).stdout).toBe('failed\n');
    expect((await vm('rm /data/log/debug.log')).code).toBe(0);
    await expect.poll(async () => (await vm('cat /run/app.state')).stdout).toBe('ok\n');
  });

  test('a panicked guest stays down after a reset: Proxmox does not resume it', async () => {
    await host.inject('kernel-panic');
    await status('guest-panicked');
    await expect.poll(async () => (await qm('reset', '102')).exitCode).toBe(0);
    await status('prelaunch');
    await expect.poll(async () => (await qm('resume', '102')).exitCode).toBe(0);
    await booted();
  });

  test('nothing is left behind', async () => {
    const pid = host.machine.pid();
    await host.close();
    expect(markedProcesses(dir)).toEqual([]);
    expect(pid !== undefined && existsSync(`/proc/${pid}/task/${pid}/fd/0`)).toBe(false);
  });
});
