// Whether the end of something that scrolls has come into sight. Once seen it stays seen.

// A fraction of a pixel is left over on screens with scaled pixels.
const SLACK_PX = 2;

export class EndSeen {
  #seen = $state(false);
  #element: HTMLElement | undefined;

  get seen(): boolean {
    return this.#seen;
  }

  readonly attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    const look = () => {
      const last = element.lastElementChild?.getBoundingClientRect();
      if (last === undefined || element.clientHeight === 0) return;
      if (last.bottom <= element.getBoundingClientRect().bottom + SLACK_PX) this.#seen = true;
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
