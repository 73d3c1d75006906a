import { describe, expect, it } from 'vitest';
import { plotOf, rate } from './hour-plot.ts';

const from = '2026-01-01T02:00:00.000Z';

describe('the plot of the last hour', () => {
  it('says since when exactly nothing was written, and draws that apart', () => {
    const plot = plotOf({ from, step_s: 60, bytes_per_s: [5e6, 20e6, 3e6, 0, 0, 0, 0] });
    expect(plot.zeroSince).not.toBe('');
    expect(plot.flat).toBe('M150 60H300');
    expect(plot.words).toContain('exactly 0 since');
    expect(plot.top).toBe('20 MB/s');
  });

  it('never draws what was not recorded as zero', () => {
    const plot = plotOf({ from, step_s: 60, bytes_per_s: [5e6, 4e6, null, null, 3e6, 2e6] });
    expect(plot.pieces).toHaveLength(2);
    expect(plot.flat).toBe('');
    expect(plot.zeroSince).toBe('');
    expect(plotOf({ from, step_s: 60, bytes_per_s: [1, null, null, null] }).zeroSince).toBe('');
  });

  it('does not call two idle minutes a stall', () => {
    expect(plotOf({ from, step_s: 60, bytes_per_s: [5e6, 1e6, 0, 0] }).zeroSince).toBe('');
  });

  it('has no number that is none, whatever it gets', () => {
    for (const bytes_per_s of [[], [null], [0], [7], [0, 0, 0]])
      expect(JSON.stringify(plotOf({ from, step_s: 60, bytes_per_s }))).not.toMatch(/NaN|Infinity/);
  });

  it('gives sizes for people', () => {
    expect([0, 999, 12_345, 1_500_000, 25_000_000].map(rate)).toEqual([
      '0 B/s',
      '999 B/s',
      '12 kB/s',
      '1.5 MB/s',
      '25 MB/s',
    ]);
  });
});
