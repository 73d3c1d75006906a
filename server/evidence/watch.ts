// A longer watch: what the captures of one process tell together. Pure.

import { known, knownValue } from '../triage/reading.ts';
import type { CaptureSignals } from '../triage/signals.ts';
import type { Counters } from './counters.ts';
import { lockSeenForS, movementOf } from './movement.ts';
import type { BundleSignals, ReadBundle } from './signals.ts';

/** Ten captures, and nothing that is older than the longest pause between two looks of one incident. */
const MOST_SAMPLES = 20;
const MEMORY_MS = 10 * 60_000;

/** @param before samples of earlier captures, oldest first */
export function watchOver(before: readonly Counters[], { signals, counters }: ReadBundle): ReadBundle {
  const latest = counters.at(-1);
  if (latest === undefined) return { signals, counters: before };
  const recent = before.filter(
    (each) =>
      each.capture !== latest.capture && each.atMs < latest.atMs && latest.atMs - each.atMs <= MEMORY_MS,
  );
  const all = [...recent, ...counters].slice(-MOST_SAMPLES);
  return { counters: all, signals: { ...signals, ...movementOf(all), ...lockFileOver(signals, all) } };
}

function lockFileOver(signals: BundleSignals, all: readonly Counters[]): Pick<CaptureSignals, 'lockFile'> {
  const file = knownValue(signals.lockFile);
  if (file === undefined || file.holder === 'free') return {};
  // Within one capture the host may have waited for it itself.
  const seen = [lockSeenForS(all, file.holder), file.seenForS].filter((s) => s !== undefined);
  return {
    lockFile: known({ holder: file.holder, seenForS: seen.length === 0 ? undefined : Math.max(...seen) }),
  };
}
