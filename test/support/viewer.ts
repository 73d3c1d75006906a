// A client attached to a session: collects every event with an id, as a page does, and what is ephemeral apart.
import { AUTH } from './console.ts';
import type { House } from './house.ts';
import { frames, type SeenEvent } from './sse-reader.ts';

export class Viewer {
  readonly events: SeenEvent[] = [];
  readonly ephemeral: SeenEvent[] = [];
  caughtUp = false;
  closed = false;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(house: House, session: string, lastEventId?: number) {
    this.#done = this.#read(house, session, lastEventId);
  }

  async #read(house: House, session: string, lastEventId: number | undefined): Promise<void> {
    try {
      const headers = {
        ...AUTH,
        ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
      };
      const answer = await fetch(`${house.base}/api/session/${session}/stream`, {
        headers,
        signal: this.#abort.signal,
      });
      for await (const { event, data, id } of frames(answer)) {
        if (event === 'caught-up') this.caughtUp = true;
        else if (data !== undefined)
          (id === undefined ? this.ephemeral : this.events).push(JSON.parse(data) as SeenEvent);
        this.#wake();
      }
    } catch {
      // The console was killed, or the test is done with us.
    }
    this.closed = true;
    this.#wake();
  }

  count(kind: string): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** True once it holds; false when the stream ended or the time is over first. */
  async until(holds: (viewer: Viewer) => boolean, limitMs = 60_000): Promise<boolean> {
    const end = Date.now() + limitMs;
    while (!holds(this)) {
      if (this.closed || Date.now() > end) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}

/** Everything that the server knows of a session now. */
export async function replay(house: House, session: string): Promise<SeenEvent[]> {
  const viewer = new Viewer(house, session);
  const complete = await viewer.until(({ caughtUp }) => caughtUp, 20_000);
  await viewer.close();
  if (!complete) throw new Error(`no replay of ${session}`);
  return viewer.events;
}
