// The SSH connection is cut at random moments of a cycle (CI runs a slice: host/test/fuzz.test.ts).
// Usage: node bench/cut-cycles.ts [cuts] [seed].
import { cutCycles } from '../host/test/support/cut-cycles.ts';
import { machineLine } from './figures.ts';

const cuts = Number(process.argv[2] ?? 47);
const seed = Number(process.argv[3] ?? 1);
const report = await cutCycles(cuts, seed);
console.log(`# Cut connections, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; seed ${seed}.

| figure | value |
|---|---|
| cycles cut | ${report.cuts} |
| completed behind the dead connection | ${report.completed} |
| ended before anything was begun | ${report.untouched} |
| VM stopped or half-done | ${report.halfDone} |`);
for (const detail of report.details) console.log(`\n${detail}`);
process.exitCode = report.halfDone === 0 ? 0 : 1;
