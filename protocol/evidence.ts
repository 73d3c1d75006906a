// An evidence bundle as the console keeps it: what the power host captured around a verb, parsed, and how whole it is.
import { z } from 'zod';
import { DiskWrites, TriageReport, Word } from './triage.ts';
import { evidenceId, operationId, sessionId, targetName, type Wire } from './wire.ts';

export const EvidenceStatus = z
  .enum(['complete', 'damaged'])
  .describe(
    '`damaged`: something of it is missing or could not be read; `why` says what. It is kept all the same',
  );
export type EvidenceStatus = Wire<typeof EvidenceStatus>;

const EvidenceStep = z
  .object({
    name: z.string(),
    status: z.enum(['ok', 'timeout', 'error', 'skipped']),
    ms: z.number().exactOptional(),
    why: z.string().exactOptional(),
    file: z.string().exactOptional(),
    bytes: z.number().exactOptional(),
    truncated: z.boolean().exactOptional(),
  })
  .meta({ id: 'EvidenceStep', description: 'One step of a capture.' });
export type EvidenceStep = Wire<typeof EvidenceStep>;

const EvidenceManifest = z
  .object({
    id: z.string(),
    verb: z.string().exactOptional(),
    vmid: z.number().exactOptional(),
    version: z.string().exactOptional(),
    caller: z.string().exactOptional(),
    key: z.string().exactOptional(),
    pid: z.number().exactOptional(),
    start_time: z.number().exactOptional(),
    began_at: z.string().exactOptional(),
    ended_at: z.string().exactOptional(),
    steps: z.array(EvidenceStep),
  })
  .meta({
    id: 'EvidenceManifest',
    description: '`manifest.json`, as the host wrote it; what it did not say is absent.',
  });
export type EvidenceManifest = Wire<typeof EvidenceManifest>;

export const EvidenceSummary = z
  .object({
    id: evidenceId.describe('made by the power host'),
    target: targetName,
    verb: z.string(),
    at: z.string().describe('when it was kept here; UTC, ISO 8601'),
    status: EvidenceStatus,
    why: z.string().exactOptional(),
    bytes: z.number().describe('of the tar.gz'),
    screen: z.boolean().describe("it holds a picture of the VM's console"),
    operation_id: operationId.exactOptional(),
    session_id: sessionId.exactOptional(),
    summary: z.string().describe('one sentence: what triage reads out of it'),
    word: Word.exactOptional().describe('one word for the state that it shows; absent in old records'),
  })
  .meta({ id: 'EvidenceSummary' });
export type EvidenceSummary = Wire<typeof EvidenceSummary>;

const SamplePair = z
  .object({
    name: z.string(),
    a: z.string(),
    b: z.string(),
    still: z.boolean().describe('it is one of the things that ought to move, and it did not'),
  })
  .meta({ id: 'SamplePair', description: 'One value in both samples of a capture, side by side.' });
export type SamplePair = Wire<typeof SamplePair>;

const EvidenceSection = z
  .object({
    name: z.string().describe('its file in the bundle'),
    text: z.string(),
    truncated: z.boolean(),
  })
  .meta({ id: 'EvidenceSection' });
export type EvidenceSection = Wire<typeof EvidenceSection>;

export const EvidenceRecord = EvidenceSummary.extend({
  manifest: EvidenceManifest.nullable(),
  report: TriageReport.describe(
    'what triage concludes from the bundle alone, and from what was known of SSH then',
  ),
  samples: z.array(SamplePair),
  apart_s: z
    .number()
    .exactOptional()
    .describe('seconds between the two samples, by the clock of the host; absent where it did not tell'),
  screen_at: z
    .string()
    .exactOptional()
    .describe('when QEMU drew the picture; UTC, ISO 8601; absent where the host did not tell'),
  hour: DiskWrites.exactOptional().describe('up to the capture; absent where the host told no history'),
  sections: z.array(EvidenceSection),
}).meta({ id: 'EvidenceRecord', description: 'One bundle with all that could be read of it.' });
export type EvidenceRecord = Wire<typeof EvidenceRecord>;

export const EvidenceList = z
  .object({ evidence: z.array(EvidenceSummary).describe('newest first') })
  .meta({ id: 'EvidenceList' });
export type EvidenceList = Wire<typeof EvidenceList>;
