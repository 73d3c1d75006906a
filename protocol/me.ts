// What the page asks for at load and every few seconds: who am I, what can this console do, how is the target.
import type { PolicyMode } from './events.ts';
import type { TargetName } from './ids.ts';
import type { Operation } from './operations.ts';
import type { SshReading } from './ssh-reading.ts';

/** `GET /api/me`. */
export interface Me {
  readonly name: string;
  readonly how: 'proxy' | 'token';
  /** `power-only`: the journal could not be opened, so there are no sessions and no agent. `why` says it. */
  readonly mode: 'full' | 'power-only';
  readonly why?: string;
  /** Not null: a rehearsal. Nothing it shows is real. */
  readonly lab: { readonly scenario: string; readonly title: string; readonly brief: string } | null;
  /** `ask_pending`: asking is wanted but not built yet, so `mode` is what really applies. */
  readonly policy: { readonly mode: PolicyMode; readonly ask_pending: boolean };
  readonly agent: { readonly available: boolean; readonly why?: string; readonly model: string };
  /** The default target, for addresses, sessions and fixed routes that name none. */
  readonly target: { readonly name: TargetName };
  /** All targets, in the order of the configuration; the default one is among them. */
  readonly targets: readonly { readonly name: TargetName; readonly title?: string }[];
  readonly warnings: readonly string[];
  /** Whether the console holds the SSH key that opens the VM and the power host. */
  readonly keys: { readonly present: boolean };
}

/** `GET /api/targets/{target}`. Each reading tells when it was taken (UTC, ISO 8601), null where it never was. */
export interface TargetState {
  readonly name: TargetName;
  /** For people, where the configuration gives one. */
  readonly title?: string;
  /** `state`: `running`, `stopped`, … as the power host says it, or `unknown`. */
  readonly vm: { readonly state: string; readonly at: string | null; readonly detail?: string };
  /** `answers`: null where it is not known. */
  readonly ssh: {
    readonly answers: boolean | null;
    readonly reading: SshReading;
    readonly at: string | null;
    readonly detail?: string;
  };
  readonly qmp: { readonly answers: boolean | null; readonly at: string | null };
  /** From the host's status where it tells, else from the latest evidence. */
  readonly guest_agent: {
    readonly answers: boolean | null;
    readonly at: string | null;
    readonly detail?: string;
  };
  /** What is wrong with the readings' source, e.g. another version of the host's script. */
  readonly warnings: readonly string[];
  /** The one that runs now, whoever started it. */
  readonly operation: Operation | null;
}

/** `GET /api/targets`: answers within 2 s with what is known by then. A page that shows it asks again every 5 s. */
export interface TargetsAnswer {
  readonly default: TargetName;
  /** In the order of the configuration. */
  readonly targets: readonly TargetState[];
}

/** One frame of `GET /api/operations/{id}/stream`: the state first, the output so far, then both as they come. */
export type OperationFrame =
  | { readonly kind: 'operation'; readonly operation: Operation }
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string };
