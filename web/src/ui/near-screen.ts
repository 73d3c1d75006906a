// Tells elements of one scrolling box whether they are near the part of it that is seen. One observer for all of them: each one
// costs time with every frame.

export class NearScreen {
  readonly #tell = new WeakMap<Element, (near: boolean) => void>();
  #observer: IntersectionObserver | undefined;

  /** Returns how to end it. The box is the nearest one around the element that is `data-tall`; else the screen. */
  watch(element: HTMLElement, tell: (near: boolean) => void): () => void {
    this.#tell.set(element, tell);
    this.#observer ??= new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) this.#tell.get(target)?.(isIntersecting);
      },
      // A screen ahead, so that nothing is drawn only when it is looked at.
      { root: element.closest('[data-tall="true"]'), rootMargin: '100% 0px' },
    );
    this.#observer.observe(element);
    return () => this.#observer?.unobserve(element);
  }
}
