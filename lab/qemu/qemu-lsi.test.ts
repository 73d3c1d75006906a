// The founding incident on a real QEMU: the disk of an lsi controller stalls, and a cycle both cures it and applies the
// controller that was staged.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { labKeys } from '../keys.ts';
import { buildGuest } from './build-guest.ts';
import { MissingPackagesError } from './packages.ts';
import { startQemuHost } from './qemu-host.ts';
import { sshExec } from './ssh-exec.fixture.ts';

const why = await buildGuest('lsi', console.log).then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof MissingPackagesError) return error.message;
    throw error;
  },
);
if (why !== undefined) console.log(`skipped: ${why}`);

test.skipIf(why !== undefined)(
  'a stalled lsi disk is cured by a cycle, on the staged controller',
  async () => {
    const root = mkdtempSync(path.join(tmpdir(), 'bg-lsi-'));
    const keys = labKeys(path.join(root, 'keys'), undefined);
    const privateKey = readFileSync(keys.clientKeyPath, 'utf8');
    const host = await startQemuHost({
      dir: path.join(root, 'host'),
      publicKey: keys.clientPublic,
      hostKey: keys.powerHostKey,
      vmKey: keys.vmKey,
      machine: 'lsi',
      delayDivisor: 20,
    });
    const vm = (command: string, withinMs?: number) =>
      sshExec({ port: host.vmPort, username: 'breakglass', privateKey, command, withinMs });
    const written = async () =>
      /^diskwrite: (\d+)$/m.exec((await host.machine.qm('status', '102', '--verbose')).stdout)?.[1];
    try {
      expect((await vm('lsmod | grep -c ^sym53c8xx; df /data | grep -c /dev/sda')).stdout).toBe('1\n1\n');
      await host.inject('block-stall-lsi');
      await sleep(1_500); // what QEMU had in hand is done; the next write of the guest hangs
      const before = await written();
      await sleep(2_500);
      expect(before).toMatch(/^\d+$/);
      expect(await written()).toBe(before);
      await expect(vm('true', 3_000)).rejects.toThrow();

      const began = performance.now();
      const { code } = await sshExec({
        port: host.powerHostPort,
        username: 'breakglass',
        privateKey,
        command: 'cycle',
        withinMs: 120_000,
      });
      expect(code).toBe(0);
      expect(await host.bannerAnswers(90_000)).toBe(true);
      console.log(
        `booted in ${host.bootMs} ms; answers ${Math.round(performance.now() - began)} ms after cycle`,
      );
      const { stdout } = await vm('cat /sys/class/scsi_host/host*/proc_name; df /data');
      expect(stdout).toContain('/dev/sda');
      expect(stdout).not.toContain('sym53c8xx');
      expect((await host.machine.qm('config', '102', '--current', '1')).stdout).toMatch(
        /^scsihw: virtio-scsi-single$/m,
      );
    } finally {
      await host.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
  240_000,
);
