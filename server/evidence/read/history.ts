// The last hour as the host kept it, one value a minute. Pure.
import type { DiskWrites } from '../../../protocol/triage.ts';
import { known, type Reading, unreadable } from '../../triage/reading.ts';
import type { DiskHistory } from '../../triage/signals.ts';
import { fieldsOf, listOf, numberOf, parseJson } from './json.ts';

const MOST_ROWS = 5_000;
const DEFAULT_STEP_S = 60;
/** The newest value comes up to a step late, and pvestatd takes its turn: later than this it has stopped telling. */
const LATE_S = 180;
const HOUR_S = 3_600;
/** Of the hour's curve: enough for one value a minute, and small enough for every answer about a target. */
const MOST_POINTS = 70;

interface Row {
  readonly time: number;
  readonly written: number;
  readonly cpu: number | undefined;
}

/** @param nowMs when it was asked for, by the host's clock: without that its age is not known */
export function readHistory(json: string, nowMs: number | undefined): Reading<DiskHistory> {
  const rows = listOf(parseJson(json))
    .slice(0, MOST_ROWS)
    .flatMap((row): Row[] => {
      const fields = fieldsOf(row);
      const [time, written] = [numberOf(fields?.['time']), numberOf(fields?.['diskwrite'])];
      // The newest rows are often still empty; a row of a stopped VM has no values either.
      return time === undefined || written === undefined
        ? []
        : [{ time, written, cpu: numberOf(fields?.['cpu']) }];
    })
    .sort((a, b) => a.time - b.time);
  const newest = rows.at(-1);
  if (newest === undefined) return unreadable('rrd: no value at all');
  if (nowMs === undefined) return unreadable('rrd: without its manifest its age is not known');
  const steps = rows.slice(1).map(({ time }, n) => time - (rows[n]?.time ?? time));
  const step = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] || DEFAULT_STEP_S;
  const hour = curveOf(rows, newest.time, step);
  const value = { ...describe(sinceLastGap(rows, step), step / 60), ...(hour === undefined ? {} : { hour }) };
  const ageS = Math.round(nowMs / 1_000 - newest.time);
  return ageS > LATE_S + step ? { is: 'stale', value, ageS } : known(value);
}

/** Where values are missing the VM was off, or nobody counted: what was before is another story. */
function sinceLastGap(rows: readonly Row[], step: number): readonly Row[] {
  const gap = rows.findLastIndex((row, n) => row.time - (rows[n - 1]?.time ?? row.time) > 2.5 * step);
  return gap === -1 ? rows : rows.slice(gap);
}

function describe(rows: readonly Row[], minutesARow: number): DiskHistory {
  const lastWrite = rows.findLastIndex(({ written }) => written > 0);
  const [before, since] = [rows.slice(0, lastWrite + 1), rows.slice(lastWrite + 1)];
  let [pause, longest] = [0, 0];
  const firstWrite = before.findIndex(({ written }) => written > 0);
  for (const { written } of before.slice(Math.max(0, firstWrite))) {
    pause = written > 0 ? 0 : pause + 1;
    longest = Math.max(longest, pause);
  }
  return {
    quietMinutes: Math.floor(since.length * minutesARow),
    longestPauseMinutes: Math.ceil(longest * minutesARow),
    wroteMinutes: Math.floor(before.filter(({ written }) => written > 0).length * minutesARow),
    cpuBefore: mean(before),
    cpuSince: mean(since),
  };
}

/** Undefined where its times are no times. */
function curveOf(rows: readonly Row[], end: number, step: number): DiskWrites | undefined {
  const points = Math.min(MOST_POINTS, Math.floor(HOUR_S / step) + 1);
  const from = end - (points - 1) * step;
  if ([from, end].some((seconds) => Number.isNaN(new Date(seconds * 1_000).getTime()))) return undefined;
  const values = Array.from({ length: points }, (): number | null => null);
  for (const { time, written } of rows) {
    const n = Math.round((time - from) / step);
    if (n >= 0 && n < points) values[n] = Math.max(0, Math.round(written));
  }
  const told = values.findIndex((value) => value !== null);
  return {
    from: new Date((from + told * step) * 1_000).toISOString(),
    step_s: step,
    bytes_per_s: values.slice(told),
  };
}

function mean(rows: readonly Row[]): number | undefined {
  const values = rows.flatMap(({ cpu }) => cpu ?? []);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
