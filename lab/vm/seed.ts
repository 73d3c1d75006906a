// What a scenario says about the guest: everything that differs from a plain Debian 12. Times are seconds before the lab starts.

export interface FileSystemSeed {
  readonly source: string;
  readonly mount: string;
  readonly type: string;
  readonly options?: string;
  readonly sizeBytes: number;
  readonly reservedBytes?: number;
}

export interface FileSeed {
  readonly path: string;
  /** Real bytes. With a larger `size` they are the end of the file. */
  readonly content?: string;
  /** Logical size in bytes. `rest`: whatever ordinary users could still write on that filesystem. */
  readonly size?: number | 'rest';
  readonly mode?: number;
  readonly owner?: string;
  readonly group?: string;
  readonly agoS?: number;
  readonly directory?: boolean;
}

/** A unit needs this to start; without it, it writes these lines and fails. `{free}` and the like are not replaced. */
export interface NeedSeed {
  readonly kind: 'free-space';
  readonly path: string;
  readonly bytes: number;
  readonly failure: readonly string[];
}

export interface ProcessSeed {
  readonly user: string;
  readonly comm: string;
  readonly args: string;
  readonly rssKb?: number;
  readonly vszKb?: number;
  readonly cpuPercent?: number;
  readonly cpuSeconds?: number;
  readonly stat?: string;
}

export interface UnitSeed {
  readonly name: string;
  readonly description: string;
  readonly user?: string;
  readonly execStart?: string;
  readonly enabled?: boolean;
  readonly type?: 'simple' | 'notify' | 'oneshot';
  readonly documentation?: string;
  /** At the start of the lab. Default: active. */
  readonly state?: 'active' | 'failed' | 'inactive';
  readonly exitStatus?: number;
  /** When it entered its state. */
  readonly sinceAgoS?: number;
  readonly process?: Omit<ProcessSeed, 'user'>;
  readonly children?: readonly Omit<ProcessSeed, 'user'>[];
  readonly needs?: readonly NeedSeed[];
  /** Journal lines of a good start. */
  readonly startLines?: readonly string[];
  /** `address:port` it listens on while active. */
  readonly listens?: readonly string[];
  /** Appended to at each good start. */
  readonly writes?: { readonly path: string; readonly text: string };
  readonly dropIn?: string;
}

export interface JournalSeed {
  readonly agoS: number;
  readonly ident: string;
  readonly message: string;
  readonly unit?: string;
  readonly pid?: number;
  readonly priority?: number;
  readonly kernel?: boolean;
}

export interface LoadSeed {
  /** Load averages over 1, 5 and 15 minutes. */
  readonly load: readonly [number, number, number];
  /** Memory in use by processes, and by buffers and cache, in MiB. */
  readonly usedMib: number;
  readonly cacheMib: number;
  readonly swapUsedMib: number;
}

export interface GuestSeed {
  readonly hostname: string;
  /** Time since the boot that the lab finds, in seconds. */
  readonly uptimeS: number;
  readonly address: string;
  /** `answers`, or `refuses`: the port is closed because sshd is dead. */
  readonly sshd: 'answers' | 'refuses';
  readonly filesystems: readonly FileSystemSeed[];
  readonly swapBytes: number;
  /** As the lab finds it, and after a fresh boot. */
  readonly load: LoadSeed;
  readonly loadAfterBoot: LoadSeed;
  readonly files: readonly FileSeed[];
  readonly units: readonly UnitSeed[];
  readonly processes: readonly ProcessSeed[];
  /** Of the boot that the lab finds. */
  readonly journal: readonly JournalSeed[];
}
