// Decides when to try again and what to tell the operator until then. Pure; times in milliseconds.

/** `reconnecting` and `down` are shown to the operator; a gap shorter than QUIET_MS is not. */
export type LinkState = 'connecting' | 'attached' | 'reconnecting' | 'down';

// A phone that changes cells is back by then; a banner would only alarm.
export const QUIET_MS = 3_000;
// By then waiting is no longer the best advice, and the page says that power still works.
export const DOWN_MS = 15_000;
// The server writes a comment every 20 s by default: two missed and a margin.
export const SILENCE_MS = 45_000;
// On return to the page one missed comment is enough: phones drop sockets without telling.
export const SILENCE_ON_RETURN_MS = 25_000;
// How long to wait for the headers of the stream.
export const OPEN_TIMEOUT_MS = 15_000;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;

/** Doubles each time, with jitter so that several pages do not return at the same moment. `attempt` counts from 0. */
export const retryDelayMs = (attempt: number, random: () => number = Math.random): number => {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return Math.round(full / 2 + (full / 2) * random());
};

export interface LinkFacts {
  /** The replay was complete at least once. */
  readonly everAttached: boolean;
  /** When the link was lost or first tried; null while it is open. */
  readonly lostAtMs: number | null;
}

export const linkStateAt = ({ everAttached, lostAtMs }: LinkFacts, nowMs: number): LinkState => {
  if (lostAtMs === null) return everAttached ? 'attached' : 'connecting';
  const gap = nowMs - lostAtMs;
  if (gap >= DOWN_MS) return 'down';
  if (!everAttached) return 'connecting';
  return gap >= QUIET_MS ? 'reconnecting' : 'attached';
};
