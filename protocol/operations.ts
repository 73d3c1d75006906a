// An operation: one run of a verb. It has an id and steps and outlives the request that started it.
import type { EvidenceId, OperationId, SessionId, TargetName } from './ids.ts';
import type { TriageReport } from './triage.ts';
import type { Verb } from './verbs.ts';

export type ActorType = 'operator' | 'agent' | 'server';
export interface Actor {
  readonly type: ActorType;
  readonly name: string;
}

/** `unknown`: the connection was lost or the limit passed; the host is being, or must be, asked. */
export type OperationState = 'running' | 'succeeded' | 'failed' | 'unknown';

export interface OperationStep {
  readonly name: string;
  /** UTC, ISO 8601 with milliseconds. */
  readonly at: string;
  /** Duration in milliseconds; absent while the step runs. */
  readonly ms?: number;
  /** Absent while the step runs or where the outcome is not known. */
  readonly ok?: boolean;
}

/** The fixed shape of `POST /api/pve/{verb}`. */
export interface VerbResult {
  readonly verb: string;
  /** null on a timeout or a rejection. */
  readonly exit_code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly rejected: boolean;
}

/** What is true of the VM after a mutating verb, as far as it was checked. */
export interface Outcome {
  /** One sentence for a person. */
  readonly summary: string;
  /** It was not begun: the host carries out another verb, or the power path is for another VM. */
  readonly refused?: 'busy' | 'other-vm';
  /** `running`, `stopped`, …; absent where the host could not be asked. */
  readonly vm_state?: string;
  /** A different QEMU process than before the verb. */
  readonly new_process?: boolean;
  readonly ssh_answers?: boolean;
  /** Seconds from the end of the verb until SSH answered. */
  readonly ssh_after_s?: number;
  /** What the operator should know besides, e.g. that the host's script has another version. */
  readonly warnings?: readonly string[];
}

export interface Operation {
  readonly id: OperationId;
  readonly target: TargetName;
  readonly verb: Verb;
  readonly by: Actor;
  readonly session_id?: SessionId;
  readonly started_at: string;
  readonly finished_at?: string;
  readonly state: OperationState;
  readonly steps: readonly OperationStep[];
  readonly result?: VerbResult;
  readonly outcome?: Outcome;
  /** What triage said right before a mutating verb, from the latest signals. */
  readonly finding?: TriageReport;
  /** The bundle that the host captured for it; kept here as soon as it was fetched. */
  readonly evidence_id?: EvidenceId;
}
