// The events of a session as they come, over connections that break: each journaled event once, from where it was.
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireEvent } from '../protocol/events.ts';
import { type ConsoleAddress, request } from './console-client.ts';
import { type Frame, frames } from './event-frames.ts';
import { CliError, ConsoleRefusal, NoAnswer } from './failure.ts';
import type { Print } from './surroundings.ts';

export interface Following {
  readonly session: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly talk: Print;
  readonly betweenTriesMs?: number;
  readonly giveUpMs?: number;
}

const BETWEEN_TRIES_MS = 1_000;
const GIVE_UP_MS = 120_000;

/** What had happened before comes first, then one `caught-up`; after a broken connection only what was missed comes. */
export async function* sessionEvents(
  address: ConsoleAddress,
  following: Following,
): AsyncGenerator<WireEvent | 'caught-up'> {
  const { signal, talk } = following;
  let lastId = '0';
  let caughtUp = false;
  while (!signal.aborted) {
    const answer = await attach(address, following, lastId);
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
    await sleep(following.betweenTriesMs ?? BETWEEN_TRIES_MS, undefined, { signal }).catch(() => undefined);
  }
}

const eventOf = ({ data }: Frame): WireEvent => JSON.parse(data) as WireEvent;

/** Undefined: it was ended meanwhile. */
async function attach(
  address: ConsoleAddress,
  { session, signal, betweenTriesMs = BETWEEN_TRIES_MS, giveUpMs = GIVE_UP_MS }: Following,
  lastId: string,
): Promise<Response | undefined> {
  const givenUpAt = performance.now() + giveUpMs;
  while (!signal.aborted) {
    try {
      return await request(address, 'GET', `/api/session/${encodeURIComponent(session)}/stream`, {
        headers: { accept: 'text/event-stream', 'last-event-id': lastId },
        signal,
      });
    } catch (error) {
      if (signal.aborted) return undefined;
      const mayPass =
        error instanceof NoAnswer ||
        (error instanceof ConsoleRefusal && Number(error.problem['status']) >= 429);
      if (!mayPass) throw error;
      if (performance.now() > givenUpAt)
        throw new CliError(`${error.message} The turn may go on: open session ${session} on the page.`);
    }
    await sleep(betweenTriesMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
