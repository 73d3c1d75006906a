// Numbers that are the same for the same seed (mulberry32), so that a series that failed can be played again.

export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const oneOf = <T>(next: () => number, all: readonly T[]): T => {
  const one = all[Math.floor(next() * all.length)];
  if (one === undefined) throw new Error('nothing to choose from');
  return one;
};
