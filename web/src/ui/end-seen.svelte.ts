// Whether the end of something that scrolls has come into sight. Once seen it stays seen.

// A fraction of a pixel is left over on screens with scaled pixels.
const SLACK_PX = 4;

export class EndSeen {
  #seen = $state(false);
  #hidden = $state(false);
  #element: HTMLElement | undefined;

  get seen(): boolean {
    return this.#seen;
  }
  /** There is something below that has not been seen yet. */
  get hidden(): boolean {
    return this.#hidden && !this.#seen;
  }

  readonly attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    const look = () => {
      const below = element.scrollHeight - element.clientHeight - element.scrollTop;
      this.#hidden = below > SLACK_PX;
      if (!this.#hidden && element.clientHeight > 0) this.#seen = true;
    };
    // Its content may grow too, so each part of it is watched.
    const observer = new ResizeObserver(look);
    observer.observe(element);
    for (const part of element.children) observer.observe(part);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
      this.#element = undefined;
    };
  };

  /** One screenful on. */
  show(): void {
    const element = this.#element;
    element?.scrollBy({ top: Math.max(40, element.clientHeight - 40) });
  }
}
