// Memory as the kernel counts it (the total follows the machine's configuration, the use follows the scenario), and the files
// below /proc that people read: made at reading, from the same numbers as free and uptime.
import type { GuestSeed, LoadSeed } from '../seed.ts';
import type { Tree } from './tree.ts';

/** The guest, as far as its numbers come from it. */
interface Guest {
  readonly seed: GuestSeed;
  readonly tree: Tree;
  readonly memoryMib: () => number;
  readonly cores: () => number;
  load(): LoadSeed;
  uptimeS(): number;
}

/** The kernel keeps about this share for itself. */
const KERNEL_SHARE = 0.026;
export const SHARED_KB = 9_800;

export const memoryOf = (guest: Guest) => {
  const { usedMib, cacheMib, swapUsedMib } = guest.load();
  const totalKb = Math.round(guest.memoryMib() * 1024 * (1 - KERNEL_SHARE));
  const usedKb = Math.min(usedMib * 1024, totalKb - 64 * 1024);
  const cacheKb = Math.min(cacheMib * 1024, totalKb - usedKb - 32 * 1024);
  const buffersKb = Math.round(cacheKb * 0.06);
  const swapTotalKb = Math.round(guest.seed.swapBytes / 1024);
  return {
    totalKb,
    freeKb: totalKb - usedKb - cacheKb,
    buffersKb,
    cachedKb: cacheKb - buffersKb,
    availableKb: Math.round(totalKb - usedKb - cacheKb * 0.12),
    swapTotalKb,
    swapUsedKb: swapUsedMib * 1024,
  };
};

export const loadText = (guest: Guest, between: string): string =>
  guest
    .load()
    .load.map((value) => value.toFixed(2))
    .join(between);

const meminfo = (guest: Guest): string => {
  const memory = memoryOf(guest);
  const rows = {
    MemTotal: memory.totalKb,
    MemFree: memory.freeKb,
    MemAvailable: memory.availableKb,
    Buffers: memory.buffersKb,
    Cached: memory.cachedKb,
    SwapTotal: memory.swapTotalKb,
    SwapFree: memory.swapTotalKb - memory.swapUsedKb,
    Dirty: 312,
    Shmem: SHARED_KB,
  };
  const line = (name: string, kb: number): string => `${`${name}:`.padEnd(16)}${String(kb).padStart(8)} kB\n`;
  return Object.entries(rows)
    .map(([name, kb]) => line(name, kb))
    .join('');
};

export const pressure = (): string =>
  'some avg10=0.00 avg60=0.00 avg300=0.00 total=81234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=70112\n';

const mounts = ({ tree }: Guest): string =>
  tree.mounts.map(({ source, mount, type }) => `${source} ${mount} ${type} rw,relatime 0 0\n`).join('');

export const PROC: Readonly<Record<string, (guest: Guest) => string>> = {
  '/proc/meminfo': meminfo,
  '/proc/loadavg': (guest) => `${loadText(guest, ' ')} 1/118 26608\n`,
  '/proc/uptime': (guest) => `${guest.uptimeS().toFixed(2)} ${(guest.uptimeS() * 3.7).toFixed(2)}\n`,
  '/proc/mounts': mounts,
  '/proc/pressure/cpu': pressure,
  '/proc/pressure/io': pressure,
  '/proc/pressure/memory': pressure,
};
