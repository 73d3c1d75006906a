// What a drill is made of: a machine as the power host sees it and a guest as one sees it from inside.
import type { MachineSeed } from '../machine/machine.ts';
import type { GuestSeed } from '../vm/seed.ts';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** For the operator: what is broken and what to try. */
  readonly brief: string;
  /** What only a person may do, as one types it on the power host. The lab prints how to do it here. */
  readonly byHand?: string;
  readonly machine: MachineSeed;
  readonly guest: GuestSeed;
}

export const GIB = 1024 ** 3;
export const MIB = 1024 ** 2;
export const VMID = 102;
export const HOSTNAME = 'devvm';
/** What mkfs.ext4 keeps for root. */
const RESERVED_SHARE = 0.05;

/** The one disk of these machines, as Debian's installer leaves it. */
export const rootFilesystem = (sizeBytes: number): GuestSeed['filesystems'][number] => ({
  source: '/dev/sda1',
  mount: '/',
  type: 'ext4',
  sizeBytes,
  reservedBytes: Math.floor(sizeBytes * RESERVED_SHARE),
});
