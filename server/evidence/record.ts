// A bundle as it is shown: parsed once when it comes, kept as JSON beside the archive. Never throws on what a bundle holds.
import type { EvidenceRecord, EvidenceSection } from '../../protocol/evidence.ts';
import type { EvidenceId, OperationId, SessionId, TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { known, knownOrOld } from '../triage/reading.ts';
import type { SshSignal } from '../triage/signals.ts';
import { triage } from '../triage/triage.ts';
import { pngFromPpm } from './picture.ts';
import { READ_CHARACTERS } from './read/files.ts';
import { parseManifest } from './read/manifest.ts';
import { pairSamples, sampleTimes } from './samples.ts';
import { type ReadBundle, readBundle } from './signals.ts';
import type { Unpacked } from './unpack.ts';

export interface Cause {
  readonly id: EvidenceId;
  readonly target: TargetName;
  readonly verb: string;
  readonly operation_id?: OperationId | undefined;
  readonly session_id?: SessionId | undefined;
  /** As it was known when the bundle was asked for. */
  readonly ssh: SshSignal;
}

export interface Made {
  readonly record: EvidenceRecord;
  readonly png: Buffer | undefined;
  readonly read: ReadBundle;
  /** Of the bundle that came, as it names itself; undefined where it does not. */
  readonly named: string | undefined;
}

const PICTURE = 'screendump.ppm';
/** Of one section. The archive holds all of it. */
const SECTION_CHARACTERS = 512 * 1024;
/** Of all sections: a page has to load them. */
const ALL_CHARACTERS = 8 * 1024 * 1024;

export async function makeRecord(
  cause: Cause,
  unpacked: Unpacked,
  bytes: number,
  problems: readonly string[],
  at: Date,
  /** What the host printed before the bundle came: shown, and read for nothing. */
  before = '',
): Promise<Made> {
  const why = [...problems];
  const texts = new Map(
    [...unpacked.files]
      .filter(([path]) => path !== PICTURE)
      .map(([path, data]) => [path, data.subarray(0, READ_CHARACTERS).toString('utf8')] as const),
  );
  why.push(...unpacked.problems);
  const manifest = parseManifest(texts.get('manifest.json'));
  if (manifest === undefined && unpacked.files.size > 0) why.push('Its manifest is missing or is no JSON.');
  const named = manifest?.id ?? unpacked.id;
  const dump = unpacked.files.get(PICTURE);
  const picture = dump === undefined || dump.length === 0 ? undefined : await pngFromPpm(dump);
  if (picture?.png === undefined ? picture !== undefined : picture.partial)
    why.push(`The console's picture is incomplete. ${picture?.png === undefined ? picture?.why : ''}`.trim());

  const read = readBundle(texts);
  const { ssh, ...linked } = cause;
  const report: TriageReport = triage({
    ...read.signals,
    target: cause.target,
    at: manifest?.ended_at ?? at.toISOString(),
    // What it was captured for is all that ran.
    busy: known('none'),
    ssh,
    powerHost: { reading: 'answers', detail: '' },
    evidence: cause.id,
  });
  const { word } = report.finding;
  const hour = knownOrOld(read.signals.history)?.hour;
  return {
    read,
    named,
    png: picture?.png,
    record: {
      id: linked.id,
      target: linked.target,
      verb: manifest?.verb ?? linked.verb,
      at: at.toISOString(),
      ...(linked.operation_id === undefined ? {} : { operation_id: linked.operation_id }),
      ...(linked.session_id === undefined ? {} : { session_id: linked.session_id }),
      status: why.length === 0 ? 'complete' : 'damaged',
      bytes,
      screen: picture?.png !== undefined,
      ...(why.length === 0 ? {} : { why: why.join(' ').slice(0, 2_000) }),
      summary: report.finding.summary,
      ...(word === undefined ? {} : { word }),
      manifest: manifest ?? null,
      report,
      samples: pairSamples(texts),
      ...sampleTimes(texts),
      ...(hour === undefined ? {} : { hour }),
      sections: sectionsOf(
        before === '' ? texts : new Map([...texts, ['printed before the bundle', before]]),
      ),
    },
  };
}

function sectionsOf(texts: ReadonlyMap<string, string>): readonly EvidenceSection[] {
  let room = ALL_CHARACTERS;
  return [...texts].map(([name, text]) => {
    const shown = text.slice(0, Math.min(SECTION_CHARACTERS, room));
    room -= shown.length;
    return { name, text: shown, truncated: shown.length < text.length };
  });
}

/** The whole as one text, to read in a terminal or to paste into a mail. */
export function recordText(record: EvidenceRecord): string {
  const { report, manifest } = record;
  const rows = record.samples.map(
    ({ name, a, b, still }) => `${name}: ${a} -> ${b}${still ? '  (did not move)' : ''}`,
  );
  const steps = manifest?.steps.map(
    ({ name, status, ms, why }) =>
      `${name}: ${status}${ms === undefined ? '' : `, ${ms} ms`}${why ? `, ${why}` : ''}`,
  );
  const block = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `--- ${title} ---\n${lines.join('\n')}\n\n`;
  return [
    `Evidence ${record.id}: ${record.verb} of ${record.target}, kept ${record.at}\n`,
    `${record.status}${record.why === undefined ? '' : `: ${record.why}`}\n\n`,
    block('finding', [
      `${report.finding.code} (${Math.round(report.finding.confidence * 100)} %): ${report.finding.summary}`,
      report.finding.advice,
      ...(report.finding.withheld?.because.map(
        (why) => `  stands in the way of ${report.finding.withheld?.verb}: ${why}`,
      ) ?? []),
      ...report.cautions.map(({ text }) => `Caution: ${text}`),
      ...report.finding.inputs.map(({ name, value }) => `  ${name}: ${value}`),
    ]),
    block('the two samples', rows),
    block('steps', steps ?? []),
    ...record.sections.map(({ name, text, truncated }) =>
      block(name, [truncated ? `${text}\n[cut; the archive holds the rest]` : text]),
    ),
  ].join('');
}
