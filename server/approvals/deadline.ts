// A moment after which something no longer counts. It is reached by the monotonic clock, so a clock that is set back prolongs nothing;
// and by the wall clock too, which goes on while a machine sleeps.
const LOOK_EVERY_MS = 2_000;

export class Deadline {
  /** When it is, for people: UTC, ISO 8601. */
  readonly at: string;
  readonly lifeMs: number;
  readonly #until: number;
  readonly #wall: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(lifeMs: number) {
    this.lifeMs = lifeMs;
    this.#until = performance.now() + lifeMs;
    this.#wall = Date.now() + lifeMs;
    this.at = new Date(this.#wall).toISOString();
  }

  get isPast(): boolean {
    return performance.now() >= this.#until || Date.now() >= this.#wall;
  }

  /** Calls it once, when the time has come. */
  onPast(call: () => void): void {
    this.cancel();
    // A timer may be called a moment early; and it stands still with a machine that sleeps, so the clock is looked at again and again.
    const leftMs = Math.max(1, Math.ceil(this.#until - performance.now()) + 1);
    this.#timer = setTimeout(
      () => (this.isPast ? call() : this.onPast(call)),
      Math.min(leftMs, LOOK_EVERY_MS),
    );
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
