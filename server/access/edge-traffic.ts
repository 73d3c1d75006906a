// Whether the edge's identity arrives: what came from a trusted proxy since the start, with a name that was believed, and without anybody
// who could be named.

/** The `user-agent` of doctor's own requests. */
export const DOCTOR_AGENT = 'breakglass-doctor';

export interface EdgeTraffic {
  /** When a person was last named by the edge, Unix milliseconds; undefined: never. */
  readonly namedAtMs: number | undefined;
  /** How many requests came from a trusted proxy for which nobody could be named, in no way. */
  readonly unnamed: number;
}

export class EdgeArrivals {
  #namedAtMs: number | undefined;
  #unnamed = 0;

  named(): void {
    this.#namedAtMs = Date.now();
  }

  unnamed(): void {
    this.#unnamed++;
  }

  seen(): EdgeTraffic {
    return { namedAtMs: this.#namedAtMs, unnamed: this.#unnamed };
  }
}
