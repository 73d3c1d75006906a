// What triage looks at. Every signal is a reading: an absent one was not asked, and an unknown one never counts as none, as zero
// or as now. A and B are the two samples of a capture, about two seconds apart; several captures of one process make a longer
// watch. What moves is told per device, never summed.
import type { SshReached, SshReading, SshRefusal } from '../../protocol/ssh-reading.ts';
import type { DiskWrites } from '../../protocol/triage.ts';
import type { Reading } from './reading.ts';

/** One look at SSH: a value of its own for what else would be a reading. */
export interface SshSignal {
  readonly reading: SshReading;
  readonly refusal?: SshRefusal;
  readonly reached?: SshReached;
  /** How long it took, where it works. */
  readonly tookMs?: number;
  /** A sentence for a person. */
  readonly detail: string;
}

/**
 * `slow`: it was reached, and its answer did not come in time. `lost`: it was being asked when the connection went. `refused`: it
 * lives, and does not let us in.
 */
export interface PowerHostSignal {
  readonly reading: 'answers' | 'slow' | 'lost' | 'refused' | 'unreachable' | 'unknown';
  readonly detail: string;
}

export interface QueueSignal {
  /** The disk, or the controller where several disks share it: `virtio0`, `virtioscsi1`. */
  readonly device: string;
  /** For a person: `virtio0 queue 2`. */
  readonly name: string;
  /** Requests of the guest that it held in every sample of the latest capture. */
  readonly inUse: number;
  /** It completed something between the last two samples. */
  readonly moved: boolean;
  /** How long, up to the last sample, it was seen to hold requests and to complete none. */
  readonly stuckForS: number;
}

export interface Queues {
  /** False: this QEMU tells of no queue of any disk (before 7.2, or no virtio disk). */
  readonly told: boolean;
  readonly list: readonly QueueSignal[];
  /** Devices that were asked only in part, or not at all. */
  readonly unasked: readonly string[];
}

export interface DiskSignal {
  readonly device: string;
  /** Between the first and the last sample of the latest capture. */
  readonly read: number;
  readonly written: number;
  /** Undefined where only bytes are told. */
  readonly operations: number | undefined;
  /** How long, up to the last sample, all its counters stood still. 0: it moved between the last two. */
  readonly stillForS: number;
}

export interface VcpuSignal {
  /** Between A and B. */
  readonly percent: number;
  /** How long, up to the last sample, it was busy all the time; and how long it did not work at all. */
  readonly spunForS: number;
  readonly haltedForS: number;
}

export interface MemorySignal {
  /** Between the last two samples: bytes a second that were swapped in and out, and major faults. */
  readonly swapInPerS: number;
  readonly swapOutPerS: number;
  readonly faultsPerS: number;
  /** Of its memory, 0 to 1; undefined where the guest does not tell. */
  readonly freeShare: number | undefined;
  /** How long, up to the last sample, it had no memory left and swapped in and out all the while. */
  readonly thrashedForS: number;
}

export interface DiskHistory {
  /** To be drawn; the rules read what follows. */
  readonly hour?: DiskWrites;
  /** Whole minutes, up to the newest value, in which exactly nothing was written. */
  readonly quietMinutes: number;
  /** The longest such pause before, between two writes. */
  readonly longestPauseMinutes: number;
  /** Minutes in which something was written. */
  readonly wroteMinutes: number;
  /** Mean load of all vCPUs (0 to 1) while it wrote, and in the quiet since. Undefined where not told. */
  readonly cpuBefore: number | undefined;
  readonly cpuSince: number | undefined;
}

/** `elsewhere`: the host has no configuration of this VM; the rest is what it said about that. */
export type Placement = 'here' | { readonly elsewhere: string };

/** A task of the host that lives. */
export interface LiveTask {
  /** Its UPID, or what the host says of it. */
  readonly said: string;
  /** It names no VM, and the host found ours in its log. */
  readonly ours?: boolean;
}

export interface LockFile {
  /** `free`, or who holds it, as the host says it. */
  readonly holder: string;
  /** How long the same holder was *seen* to hold it: the age of its task is another thing. Undefined: seen once. */
  readonly seenForS: number | undefined;
}

/** From a capture: everything here may be missing, for every file of a bundle may. */
export interface CaptureSignals {
  readonly process?: Reading<'present' | 'absent'>;
  /** Of its main thread: R, S, D, T, … */
  readonly processState?: Reading<string>;
  /** Threads of the QEMU process in D in both samples, at the same place. */
  readonly stuckThreads?: Reading<readonly { readonly name: string; readonly wchan: string }[]>;
  /** Recent lines of the host's kernel that speak of its own storage. */
  readonly hostStorage?: Reading<readonly string[]>;
  /** The config's `lock:` property, or `none`. */
  readonly configLock?: Reading<string>;
  /** Living tasks of the host that were named beside it. A script before 0.2 names one, of any type. */
  readonly tasks?: Reading<readonly LiveTask[]>;
  readonly lockFile?: Reading<LockFile>;
  /** The kernel's line about killing *this* VM's QEMU, recently; `none`. */
  readonly outOfMemory?: Reading<string>;
  /** Who stopped the VM last, as far back as the journal reaches; `nobody`. */
  readonly stoppedBy?: Reading<string>;
  /** Drives whose io-status is not ok: `scsi1: nospace`. */
  readonly ioErrors?: Reading<readonly { readonly device: string; readonly status: string }[]>;
  readonly queues?: Reading<Queues>;
  readonly disks?: Reading<readonly DiskSignal[]>;
  /** How long, and in how many samples, movement was watched. */
  readonly watched?: Reading<{ readonly seconds: number; readonly samples: number }>;
  readonly history?: Reading<DiskHistory>;
  readonly vcpus?: Reading<readonly VcpuSignal[]>;
  readonly memory?: Reading<MemorySignal>;
  /** Bytes that the guest sent between the last two samples. */
  readonly networkOut?: Reading<number>;
  readonly guestAgent?: Reading<'answers' | 'silent' | 'not-configured'>;
  readonly fileSystems?: Reading<'thawed' | 'frozen'>;
  /** I/O limits in the configuration, e.g. `scsi0: iops_wr=100`. */
  readonly throttles?: Reading<readonly string[]>;
  readonly quorum?: Reading<boolean>;
  /** `frozen`: managed, and its manager is disarmed and carries out no request. */
  readonly ha?: Reading<'no' | 'managed' | 'frozen'>;
  /** Staged configuration, one change a line, as for a person: `memory: 4096 → 8192`. */
  readonly staged?: Reading<readonly string[]>;
  /** Age of the QEMU process. */
  readonly uptimeS?: Reading<number>;
  /** Its id. */
  readonly evidence?: string;
  readonly vmid?: number;
  readonly pid?: number;
}

export interface Signals extends CaptureSignals {
  readonly target: string;
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly powerHost: PowerHostSignal;
  readonly placement?: Reading<Placement>;
  /** As qm names it: running, stopped, paused, io-error, … */
  readonly vmState?: Reading<string>;
  /** `silentLooks`: separate looks, seconds apart, in which the monitor said nothing. 0: it answers. */
  readonly qmp?: Reading<{ readonly silentLooks: number }>;
  /** A verb that the host carries out now, or `none`. */
  readonly busy?: Reading<string>;
  readonly ssh: SshSignal;
}
