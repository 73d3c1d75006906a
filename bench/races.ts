// Many mutating requests at once, for long (CI runs a slice: test/faults). Usage: node bench/races.ts [rounds] [requests].
import { raceSeries } from '../test/faults/races.ts';
import { machineLine } from './figures.ts';

const report = await raceSeries(Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 50));
console.log(`# Races, ${new Date().toISOString().slice(0, 10)}

${machineLine()}

| figure | value |
|---|---|
${Object.entries({ ...report, unexplained: report.unexplained.length })
  .map(([name, value]) => `| ${name} | ${value} |`)
  .join('\n')}`);
for (const said of report.unexplained) console.log(`\n${said}`);
process.exitCode = report.overlaps + report.unexplained.length === 0 ? 0 : 1;
