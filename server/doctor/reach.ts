// How far one comes with plain TCP: the port, the first line of an SSH server, and the address that one comes from there.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { broken, doubtful, reasonOf, type Seen, works } from './link.ts';

const CONNECT_LIMIT_MS = 6_000;

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Resolves with the open connection; the caller destroys it. Rejects with a sentence. */
export async function reach({ host, port }: Place, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)]);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const late = (): void => reject(new Error(`no answer within ${CONNECT_LIMIT_MS / 1_000} s`));
  limit.addEventListener('abort', late, { once: true });
  socket.once('connect', () => resolve(socket)).once('error', reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    limit.removeEventListener('abort', late);
    // From here on an error only ends it.
    socket.on('error', () => undefined);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the machine is up, and nothing listens there',
  EHOSTUNREACH: 'there is no route to it, or the machine is down',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'it closed the connection at once',
};

export const whyNotReached = (error: unknown): string => {
  const code = (error as { readonly code?: string }).code ?? '';
  return WORDS[code] ?? reasonOf(error);
};

/** @param whose for a person: `the VM` @param what to do where nothing is there */
export async function lookAtRoute(
  place: Place,
  whose: string,
  what: string,
  signal: AbortSignal,
): Promise<Seen> {
  const at = `${place.host} port ${place.port}`;
  const isName = isIP(place.host) === 0;
  let socket: Socket;
  try {
    socket = await reach(place, signal);
  } catch (error) {
    return broken(`${whose} is not reached at ${at}: ${whyNotReached(error)}.`, what);
  }
  socket.destroy();
  if (!isName) return works(`${at} accepts connections.`);
  const address = await lookup(place.host).then(
    (found) => found.address,
    () => 'ADDRESS',
  );
  return doubtful(
    `${at} accepts connections, and is a name: when DNS is down, ${whose} cannot be found.`,
    `Write its address in place of the name: ${address}`,
  );
}

/** Where this console comes from, as the kernel chooses it for a way to there; undefined: there is none. Nothing is sent for it. */
export async function ownAddressFor({ host, port }: Place): Promise<string | undefined> {
  const there = await lookup(host).catch(() => undefined);
  if (there === undefined) return undefined;
  const socket = createSocket(there.family === 6 ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, there.address, resolve);
    });
    return socket.address().address.replace(/^::ffff:/, '');
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

const BANNER_LIMIT_MS = 8_000;
/** RFC 4253, 4.2: other lines may come before it. */
const MOST_BYTES = 8_192;

/** The identification of the SSH server there; undefined: it connects, and says nothing or something else. */
export async function bannerOf(place: Place, signal: AbortSignal): Promise<string | undefined> {
  const socket = await reach(place, signal);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(BANNER_LIMIT_MS)]);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let said = '';
  const nothing = (): void => resolve(undefined);
  limit.addEventListener('abort', nothing, { once: true });
  socket
    .on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('latin1')).slice(0, MOST_BYTES);
      const line = /^SSH-[\x20-\x7e]+/m.exec(said)?.[0];
      if (line !== undefined && /[\r\n]/.test(said.slice(said.indexOf(line)))) resolve(line.trim());
      else if (said.length >= MOST_BYTES) resolve(undefined);
    })
    .once('close', nothing);
  try {
    return await promise;
  } finally {
    limit.removeEventListener('abort', nothing);
    socket.destroy();
  }
}
