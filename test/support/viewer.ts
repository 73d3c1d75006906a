// A client that is attached to a session. Like a page it collects every event with an id, and apart from those the ephemeral ones.
import { AUTH } from './console.ts';
import { OffContract } from './contract.ts';
import type { House } from './house.ts';
import { frames, readEvent, type SeenEvent } from './sse-reader.ts';
import { within } from './wait-for.ts';

export class Viewer {
  readonly events: SeenEvent[] = [];
  readonly ephemeral: SeenEvent[] = [];
  caughtUp = false;
  closed = false;
  /** The event that broke the contract, and with it the stream. */
  #broken: OffContract | undefined;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  /** Resolved when something has come, to wake whoever waits. */
  #came = Promise.withResolvers<void>();

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
        else (id === undefined ? this.ephemeral : this.events).push(readEvent(data));
        this.#tell();
      }
    } catch (error) {
      // Any other error means that the console was killed, or that the test is over.
      if (error instanceof OffContract) this.#broken = error;
    }
    this.closed = true;
    this.#tell();
  }

  #tell(): void {
    this.#came.resolve();
    this.#came = Promise.withResolvers();
  }

  /** Everything so far, ephemeral or not. */
  get seen(): number {
    return this.events.length + this.ephemeral.length;
  }

  count(kind: string): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** Waits until the condition holds. Throws when the stream ends before that, or when it takes too long. */
  async until(what: string, holds: (viewer: Viewer) => boolean): Promise<void> {
    const seen = async (): Promise<void> => {
      while (!holds(this)) {
        if (this.#broken !== undefined) throw this.#broken;
        if (this.closed) throw new Error(`the stream ended before ${what} came`);
        await this.#came.promise;
      }
    };
    await within(what, seen());
  }

  /** Waits for the end of so many turns. */
  turnsEnded(count = 1): Promise<void> {
    return this.until('the end of the turn', () => this.count('turn_end') >= count);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}

/** Everything that the server knows of a session now. */
export async function replay(house: House, session: string): Promise<SeenEvent[]> {
  const viewer = new Viewer(house, session);
  await viewer.until('the replay', ({ caughtUp }) => caughtUp);
  await viewer.close();
  return viewer.events;
}
