// Delivers bytes to a receiver that acknowledges nothing, and knows whether they arrived. Each delivery is a connection of its own:
// all is written, the peer's TCP stack takes it, we close our side, and the receiver closes its own. A receiver that died before it read
// everything resets the connection instead (RFC 1122, 4.2.2.13; Linux does it for a killed process too), and one that closed before we
// did had died or refused: then nothing counts as arrived, and all of it is sent again.
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { taken } from './taken.ts';

export interface Receiver {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly ca: string | undefined } | undefined;
}

/** From the connection to the receiver's end. */
const LIMIT_MS = 30_000;
/** A receiver that dies with the data read and not yet written down is noticed within this. */
const SETTLE_MS = 100;

/** Resolves when the receiver's program has taken everything. Rejects with a sentence otherwise: it must be sent again. */
export async function deliver(
  receiver: Receiver,
  bytes: Buffer,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<void> {
  const socket = open(receiver);
  const failed = new AbortController();
  const fail = (why: string): void => {
    failed.abort(new Error(why));
    socket.destroy();
  };
  const place = `${receiver.host}:${receiver.port}`;
  let ours = false;
  let step = 'did not accept a connection';
  const timer = setTimeout(() => fail(`${place} ${step} within ${limitMs / 1_000} s`), limitMs);
  const cut = (): void => fail('cut off: the console is closing');
  signal.addEventListener('abort', cut, { once: true });
  socket.on('error', (error) => fail(`${place}: ${error.message}`));
  socket.once('end', () => {
    if (!ours) fail(`${place} closed the connection before it had everything`);
  });
  socket.resume();
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  try {
    signal.throwIfAborted();
    await once(socket, receiver.tls === undefined ? 'connect' : 'secureConnect', { signal: failed.signal });
    step = 'did not take the data';
    const written = new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    await Promise.race([written, gone]);
    await taken(socket, failed.signal);
    await sleep(SETTLE_MS, undefined, { signal: failed.signal });
    failed.signal.throwIfAborted();
    ours = true;
    step = 'took the data but did not close its side of the connection after ours';
    socket.end();
    await gone;
    failed.signal.throwIfAborted();
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cut);
    socket.destroy();
  }
}

function open({ host, port, tls }: Receiver): Socket {
  if (tls === undefined) return connectTcp({ host, port });
  return connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  });
}
