// The events of a session as they come, over connections that break: each journaled event once, from where it was.
import type { WireEvent } from '../protocol/events.ts';
import { type Attempts, attach, pause } from './attach.ts';
import type { ConsoleAddress } from './console-client.ts';
import { type Frame, frames } from './event-frames.ts';
import { NoAnswer } from './failure.ts';
import type { Print } from './surroundings.ts';

export interface Following extends Attempts {
  readonly session: string;
  readonly talk: Print;
}

/** What had happened before comes first, then one `caught-up`; after a broken connection only what was missed comes. */
export async function* sessionEvents(
  address: ConsoleAddress,
  following: Following,
): AsyncGenerator<WireEvent | 'caught-up'> {
  const { session, signal, talk } = following;
  let lastId = '0';
  let caughtUp = false;
  while (!signal.aborted) {
    const answer = await attach(address, {
      ...following,
      path: `/api/session/${encodeURIComponent(session)}/stream`,
      headers: { 'last-event-id': lastId },
      goesOn: `The turn may go on: open session ${session} on the page.`,
    });
    if (answer === undefined) return;
    try {
      for await (const frame of frames(answer)) {
        lastId = frame.id ?? lastId;
        if (frame.event === 'caught-up') {
          if (!caughtUp) yield 'caught-up';
          caughtUp = true;
        } else if (frame.event === undefined) yield eventOf(frame);
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    if (signal.aborted) return;
    talk('The connection was lost. The turn goes on at the console; attaching again.');
    await pause(following);
  }
}

const eventOf = ({ data }: Frame): WireEvent => JSON.parse(data) as WireEvent;
