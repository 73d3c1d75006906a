// Memory as the kernel counts it: the total follows the machine's configuration, the use follows the scenario.
import type { GuestView } from './guest-view.ts';

/** The kernel keeps about this share for itself. */
const KERNEL_SHARE = 0.026;

export interface Memory {
  readonly totalKb: number;
  readonly usedKb: number;
  readonly freeKb: number;
  readonly buffersKb: number;
  readonly cachedKb: number;
  readonly availableKb: number;
  readonly swapTotalKb: number;
  readonly swapFreeKb: number;
}

export const memoryOf = (guest: GuestView): Memory => {
  const { usedMib, cacheMib, swapUsedMib } = guest.load();
  const totalKb = Math.round(guest.memoryMib() * 1024 * (1 - KERNEL_SHARE));
  const usedKb = Math.min(usedMib * 1024, totalKb - 64 * 1024);
  const cacheKb = Math.min(cacheMib * 1024, totalKb - usedKb - 32 * 1024);
  const buffersKb = Math.round(cacheKb * 0.06);
  const swapTotalKb = Math.round(guest.seed.swapBytes / 1024);
  return {
    totalKb,
    usedKb,
    freeKb: totalKb - usedKb - cacheKb,
    buffersKb,
    cachedKb: cacheKb - buffersKb,
    availableKb: Math.round(totalKb - usedKb - cacheKb * 0.12),
    swapTotalKb,
    swapFreeKb: Math.max(0, swapTotalKb - swapUsedMib * 1024),
  };
};
