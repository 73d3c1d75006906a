// What the host pays for one capture, this version beside 0.1.0 on the simulated machine; and how long a capture takes on a real QEMU
// that is well, then wedged beside eight busy loops, and what it keeps. Usage: node bench/capture.ts [calls].
import { startBusyLoops } from '../host/test/support/busy-loops.ts';
import { startRealHost, type VerbAnswer, whyNoQemu } from '../host/test/support/wedged-qemu.ts';
import { machineLine, type Ratio, ratioRow } from './figures.ts';
import { compareVersions, costRows, REAL_QM_S } from './host-cost.ts';

const calls = Number(process.argv[2] ?? 5);
const comparison = await compareVersions('forensics', calls);
const { now, old, bashS } = comparison;
const withQm = (cost: typeof now): number => cost.cpuS + cost.qmStarts * REAL_QM_S;
const ratios: readonly Ratio[] = [
  { name: 'starts of qm in a capture', value: now.qmStarts, asked: 2 },
  { name: 'CPU beside 0.1.0, with a real qm', value: withQm(now) / withQm(old), asked: 0.5 },
];

const why = await whyNoQemu();
const rows: string[] = [];
if (why === undefined) {
  const host = await startRealHost();
  try {
    const row = (name: string, { result, stdout }: VerbAnswer): string => {
      const steps = host
        .manifest(result.evidence ?? '')
        .steps.filter((step) => !step.name.startsWith('background/'));
      const lost = steps.filter((step) => step.status === 'timeout').map((step) => step.name);
      const silent = /^qmp: silent/m.test(stdout);
      // What a silent QEMU cannot tell is not lost by the capture.
      const ours = lost.filter((step) => !silent || !/^(?:qmp-|screendump)/.test(step));
      return `| ${name} | ${((result.durations_ms['forensics'] ?? Number.NaN) / 1_000).toFixed(1)} | ${ours.join(', ') || 'nothing'} |`;
    };
    rows.push(row('well', await host.verb('forensics')));
    await host.wedge('hung');
    const loops = startBusyLoops(8);
    rows.push(row('wedged, beside eight busy loops', await host.verb('forensics')));
    await loops.end();
  } finally {
    await host.close();
  }
}

console.log(`# The cost of a capture on the power host, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; ${calls} captures of each version; a bare bash costs ${(bashS * 1_000).toFixed(1)} ms here.

| figure | 0.1.0 | now |
|---|---|---|
${costRows(comparison)}

| goal | seen | at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}

| real QEMU | seconds | lost by time |
|---|---|---|
${why === undefined ? rows.join('\n') : `| not measured: ${why} | | |`}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
