// The time of day for running clocks. It ticks once a second, and only while something on the page reads it.
import { createSubscriber } from 'svelte/reactivity';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1_000);
  return () => clearInterval(timer);
});

export const clock = {
  get nowMs(): number {
    subscribe();
    return Date.now();
  },
};
