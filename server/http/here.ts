// Who is there: whoever is attached to a session of a target, or has its page open, which asks for the state again and again. Names and
// times only, in memory: it is a courtesy among people and proves nothing.
import type { TargetName } from '../../protocol/ids.ts';
import type { Present } from '../../protocol/recent.ts';
import { type Identity, keyOf } from '../access/identity.ts';

/** A page asks every ten seconds; one that was not heard for longer is closed, or its phone is in a pocket. */
const POLL_COUNTS_MS = 30_000;
const MOST_SHOWN = 20;
const MOST_KEPT = 200;

interface Entry {
  readonly name: string;
  readonly sinceMs: number;
  polledMs: number;
  attached: number;
}

export class Here {
  readonly #nowMs: () => number;
  readonly #byTarget = new Map<TargetName, Map<string, Entry>>();

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Their page has asked for the state of the target. */
  polls(target: TargetName, identity: Identity): void {
    const entry = this.#entry(target, identity);
    if (entry !== undefined) entry.polledMs = this.#nowMs();
  }

  /** -> ends it, once */
  attach(target: TargetName, identity: Identity): () => void {
    const entry = this.#entry(target, identity);
    if (entry === undefined) return () => undefined;
    entry.attached += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      entry.attached -= 1;
      // Whoever leaves a session is still there for a moment: a phone that reconnects did not go away.
      entry.polledMs = this.#nowMs();
    };
  }

  /** Each name once, who came first at the front. */
  at(target: TargetName): readonly Present[] {
    const since = new Map<string, number>();
    for (const { name, sinceMs } of this.#living(target).values())
      since.set(name, Math.min(sinceMs, since.get(name) ?? sinceMs));
    return [...since]
      .toSorted(([, a], [, b]) => a - b)
      .slice(0, MOST_SHOWN)
      .map(([name, ms]) => ({ name, since: new Date(ms).toISOString() }));
  }

  /** Undefined where there is no room: nobody who is there makes way. */
  #entry(target: TargetName, identity: Identity): Entry | undefined {
    const entries = this.#living(target);
    const key = keyOf(identity);
    const known = entries.get(key);
    if (known !== undefined || entries.size >= MOST_KEPT) return known;
    const nowMs = this.#nowMs();
    const entry: Entry = { name: identity.name, sinceMs: nowMs, polledMs: nowMs, attached: 0 };
    entries.set(key, entry);
    return entry;
  }

  #living(target: TargetName): Map<string, Entry> {
    const entries = this.#byTarget.get(target) ?? new Map<string, Entry>();
    this.#byTarget.set(target, entries);
    const nowMs = this.#nowMs();
    for (const [key, { attached, polledMs }] of entries)
      if (attached === 0 && nowMs - polledMs > POLL_COUNTS_MS) entries.delete(key);
    return entries;
  }
}
