// The server's time of day, by which questions, grants and loosened policies end. A phone's own clock may be minutes off.
import { clock } from './clock.svelte.ts';

// The server tells its time in whole seconds, cut off.
const HALF_A_SECOND_MS = 500;

let aheadMs = $state(0);

export const serverClock = {
  /** Ticks once a second. */
  get nowMs(): number {
    return clock.nowMs + aheadMs;
  },
  /** For what is decided now and shows nothing. */
  get exactMs(): number {
    return Date.now() + aheadMs;
  },
  note(serverMs: number): void {
    const ahead = serverMs + HALF_A_SECOND_MS - Date.now();
    // What the rounding explains is no news: a running clock would jump.
    if (Math.abs(ahead - aheadMs) > 2 * HALF_A_SECOND_MS) aheadMs = ahead;
  },
};
