// What the host pays for one `status`, which a page that is open asks every ten seconds. Usage: node bench/status.ts [calls].
import { machineLine, type Ratio, ratioRow } from './figures.ts';
import { compareVersions, costRows, REAL_QM_S } from './host-cost.ts';

const calls = Number(process.argv[2] ?? 50);
const comparison = await compareVersions('status', calls);
const { now, old, bashS } = comparison;
const withQm = (cost: typeof now): number => cost.cpuS + cost.qmStarts * REAL_QM_S;
const ratios: readonly Ratio[] = [
  { name: 'CPU of a status, s', value: withQm(now), asked: 0.12 },
  { name: 'beside 0.1.0', value: withQm(now) / withQm(old), asked: 0.1 },
];
console.log(`# The cost of \`status\` on the power host, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; ${calls} calls of each version; a bare bash costs ${(bashS * 1_000).toFixed(1)} ms here.

| figure | 0.1.0 | now |
|---|---|---|
${costRows(comparison)}

| goal | seen | at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
