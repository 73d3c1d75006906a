// Bounds on connections. Whoever has shown no identity yet shares a fixed room: when it is full, the oldest of them makes way for the
// newest. So a thousand connections that say nothing, or say it slowly, keep nobody out: a request that comes whole is served long before
// it is the oldest. Connections that carried a request with an identity are not in that room.
import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';

export interface ConnectionBounds {
  /** Connections without an identity, in all. */
  readonly strangers: number;
  /** Of these from one address. */
  readonly strangersOfOne: number;
}

export interface Connections {
  /** A request on this connection came with an identity. */
  admit(socket: Socket): void;
  /** A request or its headers did not come in time, and its connection was closed. */
  noteSlow(socket: Socket): void;
}

interface Stranger {
  readonly socket: Socket;
  readonly address: string;
  readonly sinceMs: number;
}

/** A browser opens six, and people come through one address. */
const STRANGERS_OF_ONE = 500;
const STRANGERS = 1_000;
/** Descriptors for SSH, agents, the journal and those who have an identity. */
const RESERVED_DESCRIPTORS = 500;
/** Whoever came just now may have sent a request that this process has not read yet: it makes way only when the room is full twice over. */
const JUST_CAME_MS = 3_000;
/** One line in the log for all that was closed meanwhile. */
const TELL_EVERY_MS = 10_000;

/** At most half of the descriptors that this process may have goes to strangers. */
function boundsFor(descriptors: number): ConnectionBounds {
  const strangers = Math.max(
    32,
    Math.min(STRANGERS, descriptors - RESERVED_DESCRIPTORS, Math.floor(descriptors / 2)),
  );
  return { strangers, strangersOfOne: Math.min(STRANGERS_OF_ONE, strangers) };
}

/** How many descriptors this process may have. Source: proc_pid_limits(5). */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? 1_024 : Number(soft);
  } catch {
    return 1_024;
  }
}

/** @param addressOf the network of an address: whoever has one IPv6 address has many */
export function boundConnections(
  server: Server,
  addressOf: (peer: string) => string,
  logger: FastifyBaseLogger,
  bounds = boundsFor(descriptorLimit()),
): Connections {
  // In the order in which they came. Over TLS a request has another socket than its connection, but the same two ends.
  const strangers = new Map<string, Stranger>();
  const ofOne = new Map<string, number>();
  const told = { evicted: 0, slow: 0, last: '', timer: undefined as NodeJS.Timeout | undefined };

  const tell = (what: 'evicted' | 'slow', address: string): void => {
    told[what] += 1;
    told.last = address;
    told.timer ??= setTimeout(() => {
      logger.warn(
        { evicted: told.evicted, slow: told.slow, open: strangers.size, address: told.last },
        `closed ${told.evicted} connections without an identity to make room for newer ones, and ${told.slow} whose request did not come in time; the last was from ${told.last}`,
      );
      Object.assign(told, { evicted: 0, slow: 0, timer: undefined });
    }, TELL_EVERY_MS).unref();
  };
  const remove = (key: string): void => {
    const entry = strangers.get(key);
    if (entry === undefined) return;
    strangers.delete(key);
    const left = (ofOne.get(entry.address) ?? 1) - 1;
    if (left === 0) ofOne.delete(entry.address);
    else ofOne.set(entry.address, left);
  };
  const evict = (full: boolean, isIt: (address: string) => boolean): void => {
    for (const [key, { socket, address, sinceMs }] of strangers) {
      if (!full && performance.now() - sinceMs < JUST_CAME_MS) return;
      if (!isIt(address)) continue;
      remove(key);
      tell('evicted', address);
      socket.resetAndDestroy();
      return;
    }
  };

  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    const address = addressOf(socket.remoteAddress ?? '');
    strangers.set(key, { socket, address, sinceMs: performance.now() });
    const count = (ofOne.get(address) ?? 0) + 1;
    ofOne.set(address, count);
    socket.once('close', () => remove(key));
    const { strangers: all, strangersOfOne: ofThis } = bounds;
    if (count > ofThis) evict(count > 2 * ofThis, (other) => other === address);
    else if (strangers.size > all) evict(strangers.size > 1.5 * all, () => true);
  });
  return {
    admit: (socket) => remove(keyOf(socket)),
    noteSlow: (socket) => tell('slow', addressOf(socket.remoteAddress ?? '')),
  };
}

const keyOf = ({ remoteAddress, remotePort, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localPort}`;
