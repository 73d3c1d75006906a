// Whether the edge's identity arrives: what came from a trusted proxy since the start, with a name that was believed, without one from a
// browser that somebody signed in here, and from strangers. Only the first two say something about the edge: whoever reaches it can send a
// request that nobody could be named for, and what a script brings with a token needs no name.

/** The `user-agent` of doctor's own requests. */
export const DOCTOR_AGENT = 'breakglass-doctor';

export interface EdgeTraffic {
  /** When a person was last named by the edge, Unix milliseconds; undefined: never. */
  readonly namedAtMs: number | undefined;
  /** How many requests of signed-in browsers the edge has named nobody in, since it last named somebody. */
  readonly unnamedPeople: number;
  /** How many requests came for which nobody could be named, in no way. */
  readonly strangers: number;
}

export class EdgeArrivals {
  #namedAtMs: number | undefined;
  #unnamedPeople = 0;
  #strangers = 0;

  named(): void {
    this.#namedAtMs = Date.now();
    this.#unnamedPeople = 0;
  }

  unnamedPerson(): void {
    this.#unnamedPeople++;
  }

  stranger(): void {
    this.#strangers++;
  }

  seen(): EdgeTraffic {
    return {
      namedAtMs: this.#namedAtMs,
      unnamedPeople: this.#unnamedPeople,
      strangers: this.#strangers,
    };
  }
}
