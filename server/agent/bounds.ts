// The times and numbers that bound the agent's processes and turns, and how they relate.

/** Limits on the model API. Together they end every kind of stall inside 60 s; the watchdog of a turn is their backstop. */
export interface ApiBounds {
  /** Until the headers of an answer came. Two attempts of it must stay below the watchdog. */
  readonly apiTimeoutMs: number;
  /** Between two bytes of an answer. */
  readonly byteIdleMs: number;
  readonly maxRetries: number;
}

export interface SessionBounds {
  /** A process without a turn is closed after this; the next prompt resumes the conversation. */
  readonly parkAfterMs: number;
  /** The same when nobody is attached any more: long enough for a phone that was locked and unlocked. */
  readonly parkReleasedAfterMs: number;
  /** Must end a turn below 60 s, and lie above two attempts of the API limits. */
  readonly silence: { readonly ms: number; readonly chars: number };
  /** After a stop: until the process must have answered, else it is killed. */
  readonly interruptGraceMs: number;
  /** After a stop: until the turn must have ended. Below the 1.9 s after which sessions close the agent. */
  readonly stopLimitMs: number;
  /** How long a prompt waits for the process of a turn before it, which was cut off, to be gone. */
  readonly leftoverMs: number;
}

export interface DriverBounds extends SessionBounds, ApiBounds {
  /** A process takes 160 to 210 MB. Must not be below the number of concurrent turns. */
  readonly maxLive: number;
  /**
   * How long a call waits for a verb's end: as long as Claude Code lets a tool take (660 s), since a start that takes its memory
   * from disk needs minutes. The operation goes on after it.
   */
  readonly verbWaitMs: number;
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
  maxLive: 6,
  verbWaitMs: 600_000,
};
