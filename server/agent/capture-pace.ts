// How often the agent may have the power host capture: later captures push earlier evidence out, and each takes the host some work.

const EVERY_MS = 60_000;

export class CapturePace {
  #last: number | undefined;
  readonly #everyMs: number;

  constructor(everyMs: number = EVERY_MS) {
    this.#everyMs = everyMs;
  }

  /** Undefined when it may begin, and then it has; else how many seconds ago the last one began. */
  begin(): number | undefined {
    const now = performance.now();
    if (this.#last !== undefined && now - this.#last < this.#everyMs)
      return Math.round((now - this.#last) / 1_000);
    this.#last = now;
    return undefined;
  }
}

/** The agent's on one target, in all its sessions. `triage` captures where SSH is silent, a longer look captures twice wherever it looks. */
export interface CapturePaces {
  readonly forensics: CapturePace;
  readonly triage: CapturePace;
  readonly longerLook: CapturePace;
}

export const capturePaces = (): CapturePaces => ({
  forensics: new CapturePace(),
  triage: new CapturePace(),
  longerLook: new CapturePace(),
});
