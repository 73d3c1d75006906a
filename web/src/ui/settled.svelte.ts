// Whether something has stood where it is for long enough to be aimed at. What appears or moves under a thumb takes no press that was
// meant for what was there before.

/** A person needs about this long to see that something has changed, and to stop a movement that has begun. */
const SETTLE_MS = 500;

export class Settled {
  #movedAtMs = performance.now();
  #settled = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** For the eye, and for whoever waits for it. Whether a press counts is said by `isMeant`. */
  get settled(): boolean {
    return this.#settled;
  }

  /** By the time at which the press was made, not at which it was handled: the page may have been busy. */
  readonly isMeant = (event: Event): boolean => event.timeStamp - this.#movedAtMs >= SETTLE_MS;

  /** Watches the element, and the window that it is placed in. */
  readonly attach = (element: HTMLElement): (() => void) => {
    this.moved();
    const observer = new ResizeObserver(() => this.moved());
    observer.observe(element);
    observer.observe(document.documentElement);
    return () => {
      observer.disconnect();
      clearTimeout(this.#timer);
    };
  };

  moved(): void {
    this.#movedAtMs = performance.now();
    this.#settled = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#settled = true;
    }, SETTLE_MS);
  }
}
