// What the benchmarks share: medians, a table, and the machine they ran on.
import { cpus } from 'node:os';

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

export interface Ratio {
  readonly name: string;
  readonly value: number;
  readonly asked: number;
}

export const machineLine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;

export const row = (name: string, values: readonly number[]): string =>
  `| ${name} | ${median(values).toFixed(1)} | ${Math.min(...values).toFixed(1)} | ${Math.max(...values).toFixed(1)} | ${values.length} |`;

export const ratioRow = ({ name, value, asked }: Ratio): string =>
  `| ${name} | ${value.toFixed(3)} | ${asked} | ${value <= asked ? 'met' : 'NOT MET'} |`;
