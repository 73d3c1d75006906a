// A long series of SIGKILLs while questions wait, are answered and run (CI runs a slice: test/faults). Usage:
// node bench/approval-kills.ts [kills] [seed].
import { approvalKillSeries } from '../test/faults/approval-kills.ts';
import { machineLine } from './figures.ts';

const kills = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? 1);
const report = await approvalKillSeries(kills, seed);
console.log(`# Kills while approvals wait, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; seed ${seed}.

| figure | value |
|---|---|
${Object.entries(report)
  .map(([name, value]) => `| ${name} | ${value} |`)
  .join('\n')}`);
process.exitCode = report.withoutYes + report.twice + report.lostAnswers + report.badEnds === 0 ? 0 : 1;
