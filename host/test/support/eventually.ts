import { setTimeout as delay } from 'node:timers/promises';

/** Tries until the claim holds; after 30 s its last failure is the test's. */
export const eventually = async (claim: () => void): Promise<void> => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      claim();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(50);
  }
};
