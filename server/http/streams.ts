// How many event streams may be open: for one person, and in all. When there is no room, the one that has not been read for longest makes
// way (its client resumes by Last-Event-ID); where everybody reads, the new one is refused.
import type { FastifyReply } from 'fastify';
import { BreakglassError } from '../../protocol/problems.ts';
import { keyOf } from '../access/identity.ts';
import { SseClient } from './sse.ts';

/** Many pages of many people who share one token, and tabs that nobody closed. */
const OF_ONE = 256;
/** Each may hold what its client did not read: with sse.ts this bounds the memory. */
const IN_ALL = 512;

export class Streams {
  readonly #keepaliveMs: number;
  readonly #open = new Map<SseClient, string>();

  constructor(keepaliveMs: number) {
    this.#keepaliveMs = keepaliveMs;
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
      `There are too many open streams (${OF_ONE} for one person, ${IN_ALL} in all), and all of them are read. Close some pages.`,
    );
  }

  #hasRoom(reply: FastifyReply): boolean {
    const owner = ownerOf(reply);
    const own = [...this.#open].filter(([, of]) => of === owner).map(([client]) => client);
    if (own.length >= OF_ONE && !cutOneOf(own)) return false;
    return this.#open.size < IN_ALL || cutOneOf([...this.#open.keys()]);
  }

  #take(reply: FastifyReply): SseClient {
    const owner = ownerOf(reply);
    const client = new SseClient(reply, this.#keepaliveMs);
    this.#open.set(client, owner);
    client.onClose(() => this.#open.delete(client));
    return client;
  }
}

const ownerOf = ({ request: { identity } }: FastifyReply): string =>
  identity === undefined ? '' : keyOf(identity);

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
