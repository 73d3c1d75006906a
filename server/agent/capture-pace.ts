// How often the agent may have the power host capture: later captures push earlier evidence out, and each takes the host some work.
import type { Operation } from '../../protocol/operations.ts';

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

interface Capture {
  readonly operation: Promise<Operation>;
  readonly beganAt: number;
}

/** As CapturePace, but it knows what came of the last one: who comes too soon is told that, and one that kept nothing does not count. */
export class ForensicsPace {
  #last: Capture | undefined;
  readonly #everyMs: number;

  constructor(everyMs: number = EVERY_MS) {
    this.#everyMs = everyMs;
  }

  /** The one after which another would be too soon. */
  lately(): Capture | undefined {
    const isRecent = this.#last !== undefined && performance.now() - this.#last.beganAt < this.#everyMs;
    return isRecent ? this.#last : undefined;
  }

  begin(start: () => Promise<Operation>): Promise<Operation> {
    const capture = { operation: start(), beganAt: performance.now() };
    this.#last = capture;
    capture.operation.catch(() => this.forget(capture));
    return capture.operation;
  }

  /** It kept nothing. */
  forget(capture: Capture): void {
    if (this.#last === capture) this.#last = undefined;
  }
}

/** The agent's on one target, in all its sessions. `triage` captures where SSH is silent, a longer look captures twice wherever it looks. */
export interface CapturePaces {
  readonly forensics: ForensicsPace;
  readonly triage: CapturePace;
  readonly longerLook: CapturePace;
}

export const capturePaces = (): CapturePaces => ({
  forensics: new ForensicsPace(),
  triage: new CapturePace(),
  longerLook: new CapturePace(),
});
