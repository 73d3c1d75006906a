// A part that is not needed at once: it is fetched when it is first wanted, once, and from then on is there without waiting. If it does not
// come, what stands in for it stays, and the next one that wants it asks again. A stand-in is marked `data-stand-in`, so that a test can
// tell it from the part.
import type { Component } from 'svelte';

export class Later<Props extends Record<string, unknown>> {
  readonly #fetch: () => Promise<{ readonly default: Component<Props> }>;
  #part = $state.raw<Component<Props>>();
  #asked = false;

  constructor(fetch: () => Promise<{ readonly default: Component<Props> }>) {
    this.#fetch = fetch;
  }

  get part(): Component<Props> | undefined {
    return this.#part;
  }

  want(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#fetch().then(
      ({ default: part }) => {
        this.#part = part;
      },
      (error: unknown) => {
        console.warn('A part of the page did not come', error);
        this.#asked = false;
      },
    );
  }
}
