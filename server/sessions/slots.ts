// Limits how many turns run at once. A turn that finds no free slot waits, first come first served, and can be stopped while it waits.

export class Slots {
  #free: number;
  readonly #waiting: { readonly take: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Whether the next `take` would have to wait. */
  get full(): boolean {
    return this.#free <= 0;
  }

  /** Resolves with a function that gives the slot back, or with undefined when the signal was aborted first. */
  take(signal: AbortSignal): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      if (this.#free > 0) {
        this.#free--;
        return resolve(this.#giveBackOnce());
      }
      const waiter = {
        take: () => {
          signal.removeEventListener('abort', leave);
          resolve(this.#giveBackOnce());
        },
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(undefined);
      };
      this.#waiting.push(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Whoever gave their slot back to wait for a person goes on at once, also beyond the limit: then the next ones wait longer. */
  takeAtOnce(): () => void {
    this.#free--;
    return this.#giveBackOnce();
  }

  #giveBackOnce(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#free < 0 ? undefined : this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.take();
    };
  }
}
