// Every fault of the real lab, drilled through the real console, and a cycle whose connection is cut (CI runs a slice:
// test/drills). Usage: node bench/faults.ts [cuts] [seed] [fault…]; without a name: all.
import { loadavg } from 'node:os';
import { FAULT_NAMES, isFaultName, machineFor } from '../lab/qemu/faults.ts';
import { cutQemuCycles } from '../test/drills/cut-cycles.ts';
import { type DrillRow, runDrill } from '../test/drills/fault-drills.ts';
import { startQemuHouse } from '../test/support/qemu-house.ts';
import { machineLine } from './figures.ts';

const cuts = Number(process.argv[2] ?? 3);
const seed = Number(process.argv[3] ?? 1);
const say = (line: string): void => console.error(line);

const named = process.argv.slice(4);
const unknown = named.find((name) => !isFaultName(name));
if (unknown !== undefined) throw new Error(`${unknown}: expected ${FAULT_NAMES.join(', ')}`);
const wanted = named.length === 0 ? FAULT_NAMES : named.filter(isFaultName);
const loadBefore = loadavg()[0];

const rows: DrillRow[] = [];
const failures: string[] = [];
const boots: string[] = [];
let cutLines: readonly string[] = [];
let halfDone = 0;

for (const kind of ['virtio', 'two-disks', 'lsi'] as const) {
  const faults = wanted.filter((name) => machineFor(name) === kind);
  if (faults.length === 0) continue;
  let house = await startQemuHouse(kind, say);
  boots.push(`${kind} ${(house.host.bootMs / 1000).toFixed(1)} s`);
  try {
    for (const fault of faults) {
      try {
        rows.push(await runDrill(house, fault, say));
      } catch (error) {
        failures.push(`${fault}: ${error instanceof Error ? error.message : String(error)}`);
        say(failures.at(-1) ?? '');
        // The next fault wants a VM that is well.
        await house.close();
        house = await startQemuHouse(kind, say);
      }
    }
    if (kind === 'virtio' && cuts > 0) {
      const report = await cutQemuCycles(house, cuts, seed, say);
      cutLines = report.lines;
      halfDone = report.halfDone;
    }
  } finally {
    await house.close();
  }
}

const percent = (confidence: number): string => `${Math.round(confidence * 100)} %`;
const cells = (row: DrillRow): readonly (string | number)[] => [
  row.fault,
  `\`${row.finding}\`, ${percent(row.confidence)}`,
  row.advised,
  row.warned.length === 0
    ? 'none'
    : `${row.warned.join(', ')}: ${row.refused} of ${row.warned.length} refused`,
  row.cure,
  row.outcome,
  row.namedS,
  row.answersS,
];

const cutSection = (): string => `## Connections cut in a cycle

Seed ${seed}. ${cutLines.length} cut, ${halfDone} left stopped or half-done.

${cutLines.map((line) => `- ${line}`).join('\n')}
`;

console.log(`# Faults on real QEMU, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; software emulation; booted in ${boots.join(', ')}; ${rows.length} of ${wanted.length} drilled as the table of rules says. Load (one minute) ${loadBefore?.toFixed(1)} at the begin, ${loadavg()[0]?.toFixed(1)} at the end.

Each fault is done to the real thing and named by \`POST /api/targets/devvm/triage\`. Every verb that the finding warns of is then asked for and must be answered 409
\`contradicts-finding\`, naming the finding, without reaching the host. After that the advised verb, or the soft fix where none is advised, must bring SSH back. \`none\` in the fourth column: the table warns of no verb there. A panic is cycled, not reset: docs/decisions/0006-a-panic-is-cycled.md.

| fault | finding | advised | warned of | cure | outcome | s until named | s from the cure until SSH answers |
|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${cells(row).join(' | ')} |`).join('\n')}

## Evidence of the cycles that cured a stall or a wedged QEMU

${rows
  .filter(({ evidence }) => evidence !== '')
  .map(({ fault, evidence }) => `- ${fault}: ${evidence}`)
  .join('\n')}

${cuts === 0 ? '' : cutSection()}${failures.length === 0 ? '' : `\n## Failed\n\n${failures.map((failure) => `- ${failure}`).join('\n')}\n`}`);
process.exitCode = failures.length + halfDone === 0 ? 0 : 1;
