// Whether this device has a network at all, as its browser says. "Yes" proves nothing; "no" is certain.
import { createSubscriber } from 'svelte/reactivity';

const subscribe = createSubscriber((update) => {
  addEventListener('online', update);
  addEventListener('offline', update);
  return () => {
    removeEventListener('online', update);
    removeEventListener('offline', update);
  };
});

export const network = {
  get online(): boolean {
    subscribe();
    return navigator.onLine;
  },
};
