// A limit that stands still while nobody but a person could go on.

export class RunningLimit {
  readonly #reached: () => void;
  #leftMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, reached: () => void) {
    this.#leftMs = limitMs;
    this.#reached = reached;
    this.goOn();
  }

  goOn(): void {
    clearTimeout(this.#timer);
    this.#since = performance.now();
    this.#timer = setTimeout(this.#reached, this.#leftMs);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#since));
  }
}
