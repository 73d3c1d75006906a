import { describe, expect, it } from 'vitest';
import { residentMb, tooMuch } from './memory.ts';

const of = (name: string, mb: number, lastUsed: number, isBusy = false) => ({ name, mb, lastUsed, isBusy });
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe('live agents within their memory', () => {
  it('lets the longest idle go, and no more than must', () => {
    const live = [of('b', 200, 2), of('a', 150, 1), of('c', 100, 3)];
    expect(names(tooMuch(live, 0, 512))).toEqual([]);
    expect(names(tooMuch(live, 200, 512))).toEqual(['a']);
    expect(names(tooMuch(live, 200, 400))).toEqual(['a', 'b']);
  });

  it('never takes one that works, nor waits for room that is not there', () => {
    const live = [of('a', 300, 1, true), of('b', 300, 2, true), of('c', 10, 3)];
    expect(names(tooMuch(live, 200, 512))).toEqual(['c']);
  });

  it('measures this process, and says when there is none', () => {
    expect(residentMb(process.pid)).toBeGreaterThan(20);
    expect(residentMb(undefined)).toBeUndefined();
    expect(residentMb(2 ** 22 + 1)).toBeUndefined();
  });
});
