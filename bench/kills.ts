// A long series of SIGKILLs in live turns (CI runs a slice: test/faults). Usage: node bench/kills.ts [kills] [seed].
import { killSeries } from '../test/faults/kills.ts';
import { machineLine, median } from './figures.ts';

const kills = Number(process.argv[2] ?? 200);
const seed = Number(process.argv[3] ?? 1);
const { readyMs, ...report } = await killSeries(kills, seed);
console.log(`# Kills, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; seed ${seed}.

| figure | value |
|---|---|
${Object.entries(report)
  .map(([name, value]) => `| ${name} | ${value} |`)
  .join('\n')}
| ready again, median ms | ${median(readyMs).toFixed(0)} |
| ready again, worst ms | ${Math.max(...readyMs).toFixed(0)} |`);
process.exitCode =
  report.lost + report.changed + report.doubled + report.badEnds + report.orphans === 0 ? 0 : 1;
