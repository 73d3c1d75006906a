// An event stream of the console, asked for until it is there: a console that starts again is away for a moment.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConsoleAddress, request } from './console-client.ts';
import { CliError, ConsoleRefusal, NoAnswer } from './failure.ts';

export interface Attempts {
  /** Ends them. */
  readonly signal: AbortSignal;
  readonly betweenTriesMs?: number;
  readonly giveUpMs?: number;
}

export interface Attaching extends Attempts {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A sentence for whoever has to give up: what goes on without them, and how to look again. */
  readonly goesOn: string;
  /** Told once, when the first try has failed. */
  readonly onWait?: (why: string) => void;
}

/** A console that restarts is back by then. */
const GIVE_UP_MS = 120_000;
const BETWEEN_TRIES_MS = 1_000;

/** Undefined: the signal came first. Throws what the console refuses for good, and a CliError where it stays away. */
export async function attach(address: ConsoleAddress, attaching: Attaching): Promise<Response | undefined> {
  const { path, headers = {}, signal, giveUpMs = GIVE_UP_MS } = attaching;
  const givenUpAt = performance.now() + giveUpMs;
  for (let told = false; !signal.aborted; told = true) {
    try {
      return await request(address, 'GET', path, {
        headers: { accept: 'text/event-stream', ...headers },
        signal,
      });
    } catch (error) {
      if (signal.aborted) break;
      if (!mayPass(error)) throw error;
      if (performance.now() > givenUpAt) throw new CliError(`${error.message} ${attaching.goesOn}`);
      if (!told) attaching.onWait?.(error.message);
    }
    await pause(attaching);
  }
  return undefined;
}

/** Between two tries; ends with the signal. */
export const pause = ({ signal, betweenTriesMs = BETWEEN_TRIES_MS }: Attempts): Promise<unknown> =>
  sleep(betweenTriesMs, undefined, { signal }).catch(() => undefined);

/** A console that starts again refuses for a moment, or is not there. */
const mayPass = (error: unknown): error is NoAnswer | ConsoleRefusal =>
  error instanceof NoAnswer || (error instanceof ConsoleRefusal && Number(error.problem['status']) >= 429);
