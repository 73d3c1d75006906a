// What a drill demands of the evidence that a cycle took before the stop.
import type { EvidenceRecord } from '../../protocol/evidence.ts';
import type { Operation } from '../../protocol/operations.ts';

export class DrillError extends Error {}

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new DrillError(otherwise);
}

/** Whole, and older than the stop. */
export function capturedBeforeStop(record: EvidenceRecord, operation: Operation): string {
  demand(record.status === 'complete', `the evidence is ${record.status}: ${record.why}`);
  const stop = operation.steps.find(({ name }) => name === 'stop');
  const [began, ended] = [record.manifest?.began_at ?? '', record.manifest?.ended_at ?? ''];
  demand(
    stop !== undefined && Date.parse(began) < Date.parse(ended) && Date.parse(ended) <= Date.parse(stop.at),
    `captured ${began} to ${ended}, stopped ${stop?.at}`,
  );
  return `complete, ended ${Date.parse(stop.at) - Date.parse(ended)} ms before the stop; ${record.report.finding.code}`;
}

/** With what the rule saw, the screen and the backtrace. */
export function stalledEvidence(record: EvidenceRecord, stood: readonly RegExp[], screen: Buffer): string {
  // A QEMU that gets no processor for seconds does not answer the second sample, and the evidence says so. Then all that can be asked for is
  // that nothing was seen to move.
  const silent = record.samples.some(({ name, b }) => name === 'QMP' && b === 'silent');
  for (const pattern of stood) {
    const counters = record.samples.filter(({ name }) => pattern.test(name));
    demand(
      silent
        ? counters.length > 0 && counters.every(({ still, b }) => still || b === 'not read')
        : counters.some(({ still }) => still),
      `nothing that stands still is ${pattern}: ${JSON.stringify(record.samples)}`,
    );
  }
  const inUse = record.samples.filter(({ name }) => /^virtio\d+ queue \d+: requests in use$/.test(name));
  demand(
    inUse.length === 0 || inUse.some(({ a, b }) => Number(a) > 0 && Number(b) > 0),
    'no request of the queue is in use in both samples',
  );
  const backtrace = sectionOf(record, 'gdb.txt');
  // gdb has what is left of the capture's time: on a machine that is busy it is cut off, and the manifest says so.
  const gdb = record.manifest?.steps.find(({ name }) => name === 'gdb');
  const cutOff = gdb?.status === 'timeout';
  demand(cutOff || /^Thread \d+ [\s\S]*^#0 /m.test(backtrace), `no backtrace: ${backtrace.slice(0, 500)}`);
  const { width, height } = pngSize(screen);
  demand(width >= 320 && height >= 200 && width <= 4_096, `a picture of ${width} × ${height}`);
  return `screen ${width} × ${height}; ${cutOff ? 'gdb was cut off' : `${framesOf(backtrace)} frames of backtrace`}`;
}

/** With all that does not need QEMU's answer. */
export function wedgedEvidence(record: EvidenceRecord, kept: Readonly<Record<string, RegExp>>): string {
  for (const [name, text] of Object.entries(kept)) {
    const step = record.manifest?.steps.find((one) => one.name === name);
    demand(step?.status === 'ok', `${name} is ${step?.status}: ${step?.why}`);
    const said = sectionOf(record, `${name}.txt`);
    demand(text.test(said), `${name}.txt is not ${text}: ${said.slice(0, 500)}`);
  }
  return `${Object.keys(kept).join(', ')} kept; ${framesOf(sectionOf(record, 'gdb.txt'))} frames of backtrace`;
}

const sectionOf = (record: EvidenceRecord, file: string): string =>
  record.sections.find(({ name }) => name === file)?.text ?? '';

const framesOf = (backtrace: string): number => backtrace.match(/^#\d+ /gm)?.length ?? 0;

/** https://www.w3.org/TR/png-3/#11IHDR */
function pngSize(png: Buffer): { width: number; height: number } {
  demand(png.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n', 'the picture is no PNG');
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
