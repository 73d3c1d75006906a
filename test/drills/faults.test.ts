// Five drills on real QEMU through the real console: both block stalls, a wedged QEMU, one soft fix, a network that is down. The rest, and the
// dated table: bench/faults.ts. Skipped, with the reason, where QEMU is not and cannot be installed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGuest } from '../../lab/qemu/build-guest.ts';
import type { FaultName } from '../../lab/qemu/faults.ts';
import type { MachineKind } from '../../lab/qemu/kernel.ts';
import { MissingPackagesError } from '../../lab/qemu/packages.ts';
import { type QemuHouse, startQemuHouse } from '../support/qemu-house.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { runDrill } from './fault-drills.ts';

const why = await buildGuest('virtio', console.log).then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof MissingPackagesError) return error.message;
    throw error;
  },
);

/** Above the sum of the drill's own waits, each of which names what did not come. */
const LIMIT = { timeout: 2_000_000 };

describe.skipIf(why !== undefined).each<[MachineKind, readonly FaultName[]]>([
  ['virtio', ['disk-full', 'guest-network-down', 'wedged-qemu', 'block-stall-virtio']],
  ['lsi', ['block-stall-lsi']],
])(`faults of a real QEMU with a disk on %s${skippedBecause(why)}`, (kind, faults) => {
  let house: QemuHouse;
  beforeAll(async () => {
    house = await startQemuHouse(kind);
  }, 600_000);
  afterAll(async () => house?.close());

  test.each(faults)('%s is named, the wrong verb warned of, and cured', LIMIT, async (fault) => {
    const row = await runDrill(house, fault, console.log);
    console.log(`${fault}: ${row.cure}, SSH ${row.answersS} s after it began. ${row.evidence}`);
    expect(row.refused).toBe(row.warned.length);
    if (fault !== 'block-stall-lsi') return;
    // The founding incident: the cycle that cures the stall also applies the controller that was staged.
    const { stdout } = await house.host.machine.qm('config', '102', '--current', '1');
    expect(stdout).toMatch(/^scsihw: virtio-scsi-single$/m);
    expect(await house.host.machine.inGuest('df /data')).toContain('/dev/sda');
    expect(await house.host.machine.inGuest('cat /sys/class/scsi_host/host*/proc_name')).not.toContain(
      'sym53c8xx',
    );
  });
});
