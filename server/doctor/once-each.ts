// What one examination asks of a place once, however many targets are there. sshd refuses an address for a while that connects again and again
// without logging in (PerSourcePenalties in sshd_config(5), since OpenSSH 9.8: one second each, from fifteen on): the looks at ten targets on
// one power host would keep the console out of it.
import type { Seen } from './link.ts';
import type { Place } from './reach.ts';

export type OnceEach = (what: string, place: Place, look: () => Promise<Seen>) => Promise<Seen>;

export function onceEach(): OnceEach {
  const seen = new Map<string, Promise<Seen>>();
  return (what, { host, port }, look) => {
    const key = JSON.stringify([what, host, port]);
    const before = seen.get(key);
    if (before !== undefined) return before;
    const now = look();
    seen.set(key, now);
    return now;
  };
}
