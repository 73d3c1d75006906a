// What the parts of the guest know of each other: the guest as they see it, so that none of them needs the whole.
import type { GuestSeed, LoadSeed } from '../seed.ts';
import type { Group, User } from './credentials.ts';
import type { Journal } from './journal.ts';
import type { Processes } from './processes.ts';
import type { Tree } from './tree.ts';

/** Before there is a disk. */
export interface GuestFacts {
  readonly seed: GuestSeed;
  readonly users: readonly User[];
  readonly groups: readonly Group[];
  readonly now: () => number;
  user(name: string): User | undefined;
}

export interface GuestView extends GuestFacts {
  readonly tree: Tree;
  readonly processes: Processes;
  readonly journal: Journal;
  /** Memory of the running machine in MiB, read afresh. */
  readonly memoryMib: () => number;
  readonly cores: () => number;
  readonly bootNumber: number;
  uptimeS(): number;
  load(): LoadSeed;
}
