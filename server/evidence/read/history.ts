// The last hour as the host kept it, one value a minute. Pure.
import { fieldsOf, listOf, numberOf, parseJson } from './json.ts';

export interface DiskHistory {
  /** How long, up to the newest value, diskwrite was exactly 0. */
  readonly zeroMinutes: number;
  readonly wroteBefore: boolean;
  readonly samples: number;
}

const MOST_ROWS = 5_000;
const DEFAULT_STEP_S = 60;

export function readHistory(json: string | undefined): DiskHistory | undefined {
  const rows = listOf(parseJson(json))
    .slice(0, MOST_ROWS)
    .flatMap((row) => {
      const fields = fieldsOf(row);
      const [time, written] = [numberOf(fields?.['time']), numberOf(fields?.['diskwrite'])];
      // The newest rows are often still empty; a row of a stopped VM has no values either.
      return time === undefined || written === undefined ? [] : [{ time, written }];
    })
    .sort((a, b) => a.time - b.time);
  if (rows.length === 0) return undefined;
  const steps = rows.slice(1).map(({ time }, n) => time - (rows[n]?.time ?? time));
  const step = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] || DEFAULT_STEP_S;
  const lastWrite = rows.findLastIndex(({ written }) => written > 0);
  return {
    zeroMinutes: Math.floor(((rows.length - 1 - lastWrite) * step) / 60),
    wroteBefore: lastWrite !== -1,
    samples: rows.length,
  };
}
