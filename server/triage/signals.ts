// What triage looks at. Undefined means not known: a rule that needs it does not fire.

export interface Signals {
  readonly target: string;
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly powerHost: { readonly reachable: boolean; readonly detail: string };
  /** As qm names it: running, stopped, paused, io-error, … */
  readonly vmState: string | undefined;
  readonly qmp: 'answers' | 'silent' | undefined;
  /** A verb that the host carries out now. */
  readonly busy: string | undefined;
  readonly ssh: { readonly answers: boolean; readonly detail: string };
  readonly guestAgent: boolean | undefined;
  /** Bytes that the guest's disks moved between two samples 2 s apart. */
  readonly disk: { readonly read: number; readonly written: number } | undefined;
  /** Staged configuration, one change a line, as for a person: `memory: 4096 → 8192`. */
  readonly staged: readonly string[];
  /** Where the samples are kept on the host. */
  readonly evidence: string | undefined;
}
