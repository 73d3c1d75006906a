// Evidence on our side: what the power host captured, fetched, parsed, kept and found again.
import type { EvidenceRecord, EvidenceStatus, EvidenceSummary } from '../../protocol/evidence.ts';
import type { EvidenceId, OperationId, SessionId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { Verb } from '../../protocol/verbs.ts';
import type { SshSignal } from '../triage/signals.ts';
import type { Counters } from './counters.ts';
import type { BundleSignals } from './signals.ts';

export interface CollectRequest {
  /** Of the host's closing line. */
  readonly id: string;
  readonly verb: Verb;
  readonly by: Actor;
  readonly operation_id?: OperationId | undefined;
  readonly session_id?: SessionId | undefined;
  readonly ssh: SshSignal;
  /** When the capture was asked for, Unix milliseconds: a mutating verb, or a server, that began later makes it history. */
  readonly beganAtMs: number;
  readonly signal?: AbortSignal;
}

export interface Collected {
  readonly status: EvidenceStatus;
  /** Of this bundle, and of the captures of the same process before it that no verb followed: a longer watch. */
  readonly signals: BundleSignals;
  readonly record: EvidenceRecord;
}

export interface Latest {
  readonly signals: BundleSignals;
  /** What it was watched by, oldest first. */
  readonly counters?: readonly Counters[];
  /** As it was when the capture was asked for. */
  readonly ssh: SshSignal;
  readonly atMs: number;
}

export interface Evidence {
  /**
   * Fetches the newest bundle and keeps it, whole or damaged. Never rejects; undefined when nothing came at all, when
   * what came is another bundle, or when nothing could be written: then the bundle is on the power host only.
   */
  collect(request: CollectRequest): Promise<Collected | undefined>;
  /** What the last capture that no verb followed tells. */
  latest(): Latest | undefined;
  /** A mutating verb runs: what was captured before does not describe what comes after. */
  outdated(): void;
  /** Newest first. */
  list(): Promise<readonly EvidenceSummary[]>;
  read(id: EvidenceId): Promise<EvidenceRecord | undefined>;
  picture(id: EvidenceId): Promise<Buffer | undefined>;
  archive(id: EvidenceId): Promise<Buffer | undefined>;
}
