// The hard cap on Claude Code processes. A process has its seat from before it is started until the kernel says that it is gone: one
// that is parked, ending, or stuck after SIGKILL still holds memory.

export interface Seats {
  readonly taken: number;
  readonly isFree: boolean;
  /** Waits for a free seat. Undefined when there is none in time. Whoever got one gives it back by calling it, once or more. */
  take(limitMs: number): Promise<GiveBack | undefined>;
}
export type GiveBack = () => void;

export function createSeats(count: number): Seats {
  const waiting = new Set<(seat: GiveBack) => void>();
  let taken = 0;
  const seat = (): GiveBack => {
    let mine = true;
    taken++;
    return () => {
      if (!mine) return;
      mine = false;
      taken--;
      const [next] = waiting;
      if (next === undefined) return;
      waiting.delete(next);
      next(seat());
    };
  };
  return {
    get taken() {
      return taken;
    },
    get isFree() {
      return taken < count;
    },
    take(limitMs) {
      if (taken < count) return Promise.resolve(seat());
      return new Promise((resolve) => {
        const overdue = setTimeout(() => {
          waiting.delete(sit);
          resolve(undefined);
        }, limitMs);
        const sit = (given: GiveBack): void => {
          clearTimeout(overdue);
          resolve(given);
        };
        waiting.add(sit);
      });
    },
  };
}
