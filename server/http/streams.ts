// How many event streams may be open: for one person, and in all. Guests have a small part of it, so that a link which many have does not keep
// those out who act. Whoever is put out loses their streams at once. When there is no room, the one that has not been read for longest makes
// way (its client resumes by Last-Event-ID); where everybody reads, the new one is refused.
import type { FastifyReply } from 'fastify';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Door } from '../access/door.ts';
import { type Identity, keyOf } from '../access/identity.ts';
import { identityOf } from './guard.ts';
import { SseClient } from './sse.ts';

/** Many pages of many people who share one token, and tabs that nobody closed. */
const OF_ONE = 256;
/** Each may hold what its client did not read: with sse.ts this bounds the memory. */
const IN_ALL = 512;

/** Of all guests of one share link, and of all guests. */
const OF_ONE_SHARE = 32;
const OF_GUESTS = 64;
/** Tokens and devices that are over by the clock lose their streams this late at most. */
const LOOK_FOR_OVER_MS = 10_000;

export class Streams {
  readonly #keepaliveMs: number;
  readonly #door: Pick<Door, 'access' | 'whenEnded'>;
  readonly #open = new Map<SseClient, Identity>();
  readonly #looking: NodeJS.Timeout;

  constructor(keepaliveMs: number, door: Pick<Door, 'access' | 'whenEnded'>) {
    this.#keepaliveMs = keepaliveMs;
    this.#door = door;
    door.whenEnded(() => this.#endVoid());
    this.#looking = setInterval(() => this.#endVoid(), LOOK_FOR_OVER_MS).unref();
  }

  close(): void {
    clearInterval(this.#looking);
  }

  /** Takes the reply. Throws as `makeRoom`. */
  open(reply: FastifyReply): SseClient {
    this.makeRoom(reply);
    return this.#take(reply);
  }

  /** Undefined, and the reply is free, when there is no room. */
  openIfRoom(reply: FastifyReply): SseClient | undefined {
    return this.#hasRoom(reply) ? this.#take(reply) : undefined;
  }

  /** Before something is done whose outcome is then streamed. Throws `too-many-requests`. */
  makeRoom(reply: FastifyReply): void {
    if (this.#hasRoom(reply)) return;
    throw new BreakglassError(
      'too-many-requests',
      identityOf(reply.request).role === 'guest'
        ? `Too many are watching by share links (${OF_ONE_SHARE} pages by one, ${OF_GUESTS} by all). Close some pages.`
        : `There are too many open streams (${OF_ONE} for one person, ${IN_ALL} in all), and all of them are read. Close some pages.`,
    );
  }

  #hasRoom({ request }: FastifyReply): boolean {
    const identity = identityOf(request);
    const owner = keyOf(identity);
    const isGuest = identity.role === 'guest';
    if (!this.#hasRoomAmong((of) => keyOf(of) === owner, isGuest ? OF_ONE_SHARE : OF_ONE)) return false;
    if (isGuest && !this.#hasRoomAmong((of) => of.role === 'guest', OF_GUESTS)) return false;
    return this.#hasRoomAmong(() => true, IN_ALL);
  }

  #hasRoomAmong(which: (of: Identity) => boolean, atMost: number): boolean {
    const those = [...this.#open].filter(([, of]) => which(of)).map(([client]) => client);
    return those.length < atMost || cutOneOf(those);
  }

  #take(reply: FastifyReply): SseClient {
    const identity = identityOf(reply.request);
    const client = new SseClient(reply, this.#keepaliveMs);
    this.#open.set(client, identity);
    client.onClose(() => this.#open.delete(client));
    // Put out since the request came.
    if (!this.#door.access.holds(identity)) client.hangUp();
    return client;
  }

  #endVoid(): void {
    for (const [client, identity] of this.#open) if (!this.#door.access.holds(identity)) client.hangUp();
  }
}

/** A phone in a bad network may need some seconds for what it was sent. */
const SLOW_MS = 5_000;

/** Cuts the client that has not read for longest. False when all of them read. */
function cutOneOf(clients: readonly SseClient[]): boolean {
  const now = performance.now();
  const since = ({ unreadSince }: SseClient): number => unreadSince ?? now;
  const slow = clients.filter((client) => now - since(client) > SLOW_MS);
  const [slowest] = slow.toSorted((a, b) => since(a) - since(b));
  slowest?.cut();
  return slowest !== undefined;
}
