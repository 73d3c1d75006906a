// What triage looks at. Undefined means not known: a rule that needs it does not fire. A and B are the two samples of a
// capture, about two seconds apart.

/** From a capture: everything here may be missing, for every file of a bundle may. */
export interface CaptureSignals {
  /** `absent`: there is no QEMU process. */
  readonly process?: 'present' | 'absent';
  /** Of its main thread in B, else in A: R, S, D, T, … */
  readonly processState?: string;
  /** Threads of the QEMU process in D in both samples, at the same place. */
  readonly stuckThreads?: readonly { readonly name: string; readonly wchan: string }[];
  /** The config's `lock:` property. */
  readonly configLock?: string;
  /** A task of the host that works on this VM; `none` where there is surely none. */
  readonly task?: string;
  /** qemu-server's lock file: `free`, or who holds it. */
  readonly flock?: { readonly holder: string; readonly heldS: number | undefined };
  /** Its memory is on disk: start resumes it. */
  readonly suspendedToDisk?: boolean;
  /** The kernel's line about killing this QEMU for want of memory. */
  readonly oomLine?: string;
  readonly noSpace?: boolean;
  /** Queues of virtio disks that hold requests of the guest or moved; undefined where the controller has none. */
  readonly queues?: readonly { readonly name: string; readonly inUse: number; readonly moved: boolean }[];
  readonly guestAgent?: boolean;
  /** What its disks did between A and B. `operations`: undefined where only bytes are told. */
  readonly disk?: {
    readonly read: number;
    readonly written: number;
    readonly operations: number | undefined;
  };
  /** From the host's round-robin history. */
  readonly history?: {
    readonly zeroMinutes: number;
    readonly wroteBefore: boolean;
    readonly samples: number;
  };
  /** Of each vCPU thread between A and B, in per cent. */
  readonly vcpus?: readonly number[];
  /** Pages between A and B, as the balloon's statistics tell. */
  readonly memory?: { readonly swappedIn: number; readonly majorFaults: number };
  /** I/O limits in the configuration, e.g. `scsi0: iops_wr=100`. */
  readonly throttles?: readonly string[];
  readonly quorum?: boolean;
  readonly haManaged?: boolean;
  /** Staged configuration, one change a line, as for a person: `memory: 4096 → 8192`. */
  readonly staged?: readonly string[];
  /** Its id. */
  readonly evidence?: string;
  readonly vmid?: number;
  readonly pid?: number;
}

export interface Signals extends CaptureSignals {
  readonly target: string;
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly powerHost: { readonly reachable: boolean; readonly detail: string };
  /** As qm names it: running, stopped, paused, io-error, … */
  readonly vmState: string | undefined;
  readonly qmp: 'answers' | 'silent' | undefined;
  /** A verb that the host carries out now. */
  readonly busy: string | undefined;
  /** `answers` undefined: not asked yet. */
  readonly ssh: { readonly answers: boolean | undefined; readonly detail: string };
}
