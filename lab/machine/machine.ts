// The simulated machine as both sides of the lab see it: the power host's stand-ins (bash, in files below `dir`) change it,
// the simulated guest (TypeScript) reads it. The files are the one truth; this is their typed view.

/** `block-stall`: the QEMU process's block path is frozen. Bound to that process: a fresh one does not have it. */
export type MachineFault = 'none' | 'block-stall';

export interface MachineSeed {
  readonly vmid: number;
  readonly name: string;
  readonly status: 'running' | 'stopped';
  readonly fault: MachineFault;
  /** Applied configuration, as `qm config` prints it, e.g. { memory: '8192' }. */
  readonly config: Readonly<Record<string, string>>;
  /** Staged configuration: only a fresh QEMU process applies it. */
  readonly pending: Readonly<Record<string, string>>;
}

export interface Boot {
  /** Rises with every start and every reset. */
  readonly number: number;
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly cause: 'start' | 'reset';
}

/** Read afresh at every call. */
export interface Machine {
  readonly dir: string;
  status(): 'running' | 'stopped';
  boot(): Boot;
  fault(): MachineFault;
  /** Applied configuration of the running process. */
  config(): Readonly<Record<string, string>>;
  /** Called soon (under 200 ms) after any of the above changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}
