// The times and numbers that bound the agent's processes and turns, and how they relate.

/** Limits on the model API. Together they end every kind of stall inside 60 s; the watchdog of a turn is their backstop. */
export interface ApiBounds {
  /** How long the headers of an answer may take. Two attempts together must stay below the watchdog. */
  readonly apiTimeoutMs: number;
  /** Between two bytes of an answer. */
  readonly byteIdleMs: number;
  readonly maxRetries: number;
}

export interface SessionBounds {
  /** A process without a turn is closed after this; the next prompt resumes the conversation. */
  readonly parkAfterMs: number;
  /** The same limit once nobody is attached: long enough for a phone that is locked and unlocked again. */
  readonly parkReleasedAfterMs: number;
  /** Must end a turn within 60 s, and must be longer than two attempts at the API. */
  readonly silence: { readonly ms: number; readonly chars: number };
  /** How long the process has to answer a stop before it is killed. */
  readonly interruptGraceMs: number;
  /** How long a turn may take to end after a stop. Below the 1.9 s after which sessions close the agent. */
  readonly stopLimitMs: number;
  /** How long a prompt waits for one of the processes that may live at once. Above the 3.5 s that parking an idle one takes at most. */
  readonly seatWaitMs: number;
  /** How long a prompt waits until the process of an earlier turn that was cut off is gone. */
  readonly leftoverMs: number;
}

export interface DriverBounds extends SessionBounds, ApiBounds {
  /** What the live processes may hold together, in MB; above that, idle ones are parked. Those that work, and one more, always live. */
  readonly memoryMb: number;
  /** How many processes may live at once, those that are ending included. */
  readonly maxProcesses: number;
  /** What one process may hold, in MB; a larger one is ended, so that not the server is. */
  readonly processLimitMb: number;
  /** How often that is looked at. */
  readonly watchEveryMs: number;
  /** What a process is counted with that cannot be measured yet: 160 to 210 MB were seen at work. */
  readonly processMb: number;
  /**
   * How long a call waits for the end of a verb: about as long as Claude Code lets a tool run (660 s), because the start of a VM
   * that was suspended to disk takes minutes. The operation goes on after that.
   */
  readonly verbWaitMs: number;
  /** How long one small question may take (one-question.ts), the start of the program on a busy machine included. */
  readonly questionMs: number;
}

export const BOUNDS: DriverBounds = {
  apiTimeoutMs: 20_000,
  byteIdleMs: 15_000,
  maxRetries: 1,
  parkAfterMs: 10 * 60_000,
  parkReleasedAfterMs: 60_000,
  silence: { ms: 50_000, chars: 20 },
  interruptGraceMs: 1_000,
  stopLimitMs: 1_600,
  leftoverMs: 10_000,
  seatWaitMs: 10_000,
  memoryMb: 512,
  maxProcesses: 3,
  processLimitMb: 1_024,
  watchEveryMs: 1_000,
  processMb: 200,
  verbWaitMs: 600_000,
  questionMs: 40_000,
};
