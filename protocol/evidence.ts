// An evidence bundle as the console keeps it: what the power host captured around a verb, parsed, and how whole it is.
import type { EvidenceId, OperationId, SessionId, TargetName } from './ids.ts';
import type { TriageReport } from './triage.ts';

/** `damaged`: something of it is missing or could not be read; `why` says what. It is kept all the same. */
export type EvidenceStatus = 'complete' | 'damaged';

export interface EvidenceStep {
  readonly name: string;
  readonly status: 'ok' | 'timeout' | 'error' | 'skipped';
  readonly ms?: number;
  readonly why?: string;
  readonly file?: string;
  readonly bytes?: number;
  readonly truncated?: boolean;
}

/** `manifest.json`, as the host wrote it; what it did not say is absent. */
export interface EvidenceManifest {
  readonly id: string;
  readonly verb?: string;
  readonly vmid?: number;
  readonly version?: string;
  readonly caller?: string;
  readonly key?: string;
  readonly pid?: number;
  readonly start_time?: number;
  readonly began_at?: string;
  readonly ended_at?: string;
  readonly steps: readonly EvidenceStep[];
}

/** One line of `GET /api/evidence`, newest first. */
export interface EvidenceSummary {
  readonly id: EvidenceId;
  readonly target: TargetName;
  readonly verb: string;
  /** When it was kept here (UTC). */
  readonly at: string;
  readonly status: EvidenceStatus;
  readonly why?: string;
  /** Of the tar.gz. */
  readonly bytes: number;
  readonly screen: boolean;
  readonly operation_id?: OperationId;
  readonly session_id?: SessionId;
  /** One sentence: what triage reads out of it. */
  readonly summary: string;
}

/** One value in both samples, side by side. */
export interface SamplePair {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  /** It is one of the things that ought to move, and it did not. */
  readonly still: boolean;
}

export interface EvidenceSection {
  /** Its file in the bundle. */
  readonly name: string;
  readonly text: string;
  readonly truncated: boolean;
}

/** `GET /api/evidence/{id}`. */
export interface EvidenceRecord extends EvidenceSummary {
  readonly manifest: EvidenceManifest | null;
  /** What triage concludes from the bundle alone, and from what was known of SSH then. */
  readonly report: TriageReport;
  readonly samples: readonly SamplePair[];
  readonly sections: readonly EvidenceSection[];
}

export interface EvidenceList {
  readonly evidence: readonly EvidenceSummary[];
}
