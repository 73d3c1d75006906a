// A hostile model, thousands of tool calls through the real CLI against a person's yes (CI runs a slice: test/faults). Usage:
// node bench/hostile-approvals.ts [calls] [seed].
import { hostileSeries } from '../test/faults/hostile-approvals.ts';
import { machineLine } from './figures.ts';

const calls = Number(process.argv[2] ?? 2_000);
const seed = Number(process.argv[3] ?? 1);
const report = await hostileSeries(calls, seed);
console.log(`# A hostile model, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; seed ${seed}. Questions end by themselves after 0.25 s (commands) and 0.15 s (verbs).

| figure | value |
|---|---|
${Object.entries(report)
  .map(([name, value]) => `| ${name} | ${value} |`)
  .join('\n')}`);
process.exitCode = report.unapprovedChanges + report.unapprovedVerbs === 0 ? 0 : 1;
