// The times that bound a session's turns and its process, and how they relate.
export interface SessionBounds {
  /** A process without a turn is closed after this; the next prompt resumes the conversation. */
  readonly parkAfterMs: number;
  /** Must end a turn below 60 s, and lie above two attempts of the API limits. */
  readonly silence: { readonly ms: number; readonly chars: number };
  /** After a stop: until the process must have answered, else it is killed. */
  readonly interruptGraceMs: number;
  /** After a stop: until the turn must have ended. Below the 1.9 s after which sessions close the agent. */
  readonly stopLimitMs: number;
}
export const SESSION_BOUNDS: SessionBounds = {
  parkAfterMs: 10 * 60_000,
  silence: { ms: 50_000, chars: 20 },
  interruptGraceMs: 1_000,
  stopLimitMs: 1_600,
};
