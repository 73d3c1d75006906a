// Lets a person refresh a list by pulling it down at its top, as phones do. An attachment for the scrolling element.

// Too far for a scrolling thumb to reach by accident.
const PULL_PX = 72;

interface PullPorts {
  /** Letting go now would pull. */
  readonly onready: (ready: boolean) => void;
  readonly onpull: () => void;
}

export const pullDown =
  ({ onready, onpull }: PullPorts) =>
  (element: HTMLElement): (() => void) => {
    let fromY: number | undefined;
    let ready = false;
    const become = (next: boolean) => {
      if (next !== ready) onready(next);
      ready = next;
    };
    const undo = new AbortController();
    const options = { passive: true, signal: undo.signal };
    element.addEventListener(
      'touchstart',
      ({ touches: [finger] }) => {
        fromY = element.scrollTop <= 0 ? finger?.clientY : undefined;
      },
      options,
    );
    element.addEventListener(
      'touchmove',
      ({ touches: [finger] }) =>
        become(fromY !== undefined && finger !== undefined && finger.clientY - fromY > PULL_PX),
      options,
    );
    element.addEventListener(
      'touchend',
      () => {
        if (ready) onpull();
        become(false);
      },
      options,
    );
    element.addEventListener('touchcancel', () => become(false), options);
    return () => undo.abort();
  };
