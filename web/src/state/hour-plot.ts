// The last hour of what a VM wrote, as paths of a picture of 300 by 60 and as words. Pure. What was not recorded is a gap, never a zero.
import type { DiskWrites } from '../../../protocol/triage.ts';
import { shortTime } from './words.ts';

interface Piece {
  readonly line: string;
  readonly area: string;
}

export interface HourPlot {
  readonly pieces: readonly Piece[];
  /** The zero that it ends with; empty: it does not. */
  readonly flat: string;
  readonly zeroSince: string;
  readonly from: string;
  readonly to: string;
  readonly top: string;
  readonly now: string;
  /** The whole picture, for who does not see it. */
  readonly words: string;
}

const WIDTH = 300;
const BOTTOM = 60;
const TOP = 2;
/** Two zeros in a row may be chance. */
const FLAT_VALUES = 3;

export const rate = (bytesPerS: number): string => {
  if (bytesPerS < 1_000) return `${Math.round(bytesPerS)} B/s`;
  if (bytesPerS < 1_000_000) return `${Math.round(bytesPerS / 1_000)} kB/s`;
  const mega = bytesPerS / 1_000_000;
  return `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB/s`;
};

export const plotOf = ({ from, step_s, bytes_per_s }: DiskWrites): HourPlot => {
  const values = bytes_per_s;
  const peak = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (index: number) => Math.round((index / Math.max(1, values.length - 1)) * WIDTH * 10) / 10;
  const y = (value: number) => Math.round((BOTTOM - (value / peak) * (BOTTOM - TOP)) * 10) / 10;
  const at = (index: number) => shortTime(new Date(Date.parse(from) + index * step_s * 1_000).toISOString());

  let zeros = 0;
  while (zeros < values.length && values[values.length - 1 - zeros] === 0) zeros += 1;
  const flatFrom = zeros >= FLAT_VALUES ? values.length - zeros : values.length;

  const pieces: Piece[] = [];
  let points: string[] = [];
  let first = 0;
  const end = (last: number) => {
    if (points.length > 1)
      pieces.push({
        line: `M${points.join(' ')}`,
        area: `M${points.join(' ')} ${x(last)} ${BOTTOM} ${x(first)} ${BOTTOM}Z`,
      });
    points = [];
  };
  for (const [index, value] of values.entries()) {
    if (index > flatFrom) break;
    if (value === null) {
      end(index - 1);
      continue;
    }
    if (points.length === 0) first = index;
    points.push(`${x(index)} ${y(value)}`);
  }
  end(Math.min(flatFrom, values.length - 1));

  const isFlat = flatFrom < values.length;
  const known = values.filter((value) => value !== null);
  const since = isFlat && flatFrom > 0 ? at(flatFrom) : '';
  const last = known.at(-1);
  return {
    pieces,
    flat: isFlat ? `M${x(flatFrom)} ${BOTTOM}H${WIDTH}` : '',
    zeroSince: since === '' && isFlat ? at(0) : since,
    from: at(0),
    to: at(values.length - 1),
    top: rate(peak),
    now: last === undefined ? 'not recorded' : rate(last),
    words: `Disk writes over the last hour: at most ${rate(peak)}${
      isFlat ? `, exactly 0 since ${at(flatFrom)}` : last === undefined ? '' : `, ${rate(last)} at the end`
    }`,
  };
};
