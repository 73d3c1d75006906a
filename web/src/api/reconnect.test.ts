import { describe, expect, it } from 'vitest';
import { DOWN_MS, linkStateAt, QUIET_MS, retryDelayMs } from './reconnect.ts';

describe('retryDelayMs', () => {
  it('tries again within half a second at first and never waits longer than ten', () => {
    expect(retryDelayMs(0, () => 1)).toBeLessThanOrEqual(500);
    for (const attempt of [6, 10, 100, 10_000]) expect(retryDelayMs(attempt, () => 1)).toBe(10_000);
  });

  it('spreads pages apart', () => {
    expect(retryDelayMs(8, () => 0)).toBeLessThan(retryDelayMs(8, () => 1));
  });
});

describe('linkStateAt', () => {
  const lost = { everAttached: true, lostAtMs: 1_000 };

  it('says nothing of a gap under three seconds', () => {
    expect(linkStateAt(lost, 1_000 + QUIET_MS - 1)).toBe('attached');
  });

  it('says reconnecting, then down', () => {
    expect(linkStateAt(lost, 1_000 + QUIET_MS)).toBe('reconnecting');
    expect(linkStateAt(lost, 1_000 + DOWN_MS)).toBe('down');
  });

  it('is connecting, not reconnecting, before the first attach, and down when that takes too long', () => {
    expect(linkStateAt({ everAttached: false, lostAtMs: 0 }, QUIET_MS)).toBe('connecting');
    expect(linkStateAt({ everAttached: false, lostAtMs: 0 }, DOWN_MS)).toBe('down');
    expect(linkStateAt({ everAttached: false, lostAtMs: null }, DOWN_MS)).toBe('connecting');
  });
});
