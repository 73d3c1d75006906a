// What a scenario says about the guest: everything that differs from a plain Debian 12. Times are seconds before the lab starts.
import type { FileSystem } from './guest/tree.ts';

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

export interface ProcessSeed {
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
  /** At the start of the lab. Default: active. */
  readonly state?: 'active' | 'failed';
  /** When it entered its state. */
  readonly sinceAgoS?: number;
  readonly process?: ProcessSeed;
  readonly children?: readonly ProcessSeed[];
  /** Free space that it needs to start; without it, it writes these lines and fails. */
  readonly needs?: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly failure: readonly string[];
  }[];
  /** Journal lines of a good start. */
  readonly startLines?: readonly string[];
  /** `address:port` it listens on while active. */
  readonly listens?: readonly string[];
  /** Appended to at each good start. */
  readonly writes?: { readonly path: string; readonly text: string };
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
  /** The root filesystem first. */
  readonly filesystems: readonly FileSystem[];
  readonly swapBytes: number;
  /** As the lab finds it, and after a fresh boot. */
  readonly load: LoadSeed;
  readonly loadAfterBoot: LoadSeed;
  readonly files: readonly FileSeed[];
  readonly units: readonly UnitSeed[];
  /** Of the boot that the lab finds. */
  readonly journal: readonly JournalSeed[];
}
