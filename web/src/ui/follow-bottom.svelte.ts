// Keeps a scrolling view at its end while content grows, unless the reader has scrolled up.
// An attachment for the scrolling element; its first child is the content whose size is watched.

// Less than a line: the rest is rubber-banding and fractions of pixels.
const NEAR_PX = 24;

export class FollowBottom {
  #stuck = $state(true);
  #unseen = $state(false);
  #element: HTMLElement | undefined;

  get stuck(): boolean {
    return this.#stuck;
  }
  /** Something new came while the reader was further up. */
  get unseen(): boolean {
    return this.#unseen && !this.#stuck;
  }

  toBottom(): void {
    this.#stuck = true;
    this.#unseen = false;
    this.#element?.scrollTo({ top: this.#element.scrollHeight });
  }

  readonly attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    let height = element.scrollHeight;
    let top = element.scrollTop;
    const onScroll = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      // Only a reader scrolls up. Merely being away from the end can mean that the content grew before this event.
      if (near) this.#stuck = true;
      else if (element.scrollTop < top) this.#stuck = false;
      if (near) this.#unseen = false;
      top = element.scrollTop;
    };
    const observer = new ResizeObserver(() => {
      const grown = element.scrollHeight > height;
      height = element.scrollHeight;
      if (this.#stuck) element.scrollTop = element.scrollHeight;
      else if (grown) this.#unseen = true;
    });
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
    };
  };
}
