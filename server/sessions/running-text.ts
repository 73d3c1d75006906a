// The text that is being written, on its way to those who watch: pieces of the same few milliseconds are shown as one, and a text that is
// recorded meanwhile is not shown twice. While a finished text is on its way to the disk, the next one waits for it.

/** Less than anybody sees. */
const GATHER_MS = 8;

export class RunningText {
  readonly #show: (text: string, snapshot: boolean) => void;
  #waiting: { readonly text: string; readonly snapshot: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Finished texts that are not on disk yet. */
  #unrecorded = 0;

  constructor(show: (text: string, snapshot: boolean) => void) {
    this.#show = show;
  }

  /** `snapshot`: the text takes the place of what was written so far. */
  add(text: string, snapshot: boolean): void {
    this.#waiting =
      snapshot || this.#waiting === undefined
        ? { text, snapshot }
        : { text: this.#waiting.text + text, snapshot: this.#waiting.snapshot };
    this.#showSoon();
  }

  /** The text is finished and is being recorded, so what of it was not shown need not be. To be called when it is on disk. */
  supersede(): () => void {
    this.end();
    this.#unrecorded++;
    return () => {
      this.#unrecorded--;
      this.#showSoon();
    };
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = undefined;
  }

  #showSoon(): void {
    if (this.#waiting === undefined || this.#unrecorded > 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting === undefined || this.#unrecorded > 0) return;
      const { text, snapshot } = this.#waiting;
      this.#waiting = undefined;
      this.#show(text, snapshot);
    }, GATHER_MS);
  }
}
