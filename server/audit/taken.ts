// Whether a peer's TCP stack has taken all that was written to a socket. Node does not tell; Linux does, in the table of connections.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// Our own: beside the processes a unit with ProcSubset=pid sees nothing in /proc.
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const BETWEEN_LOOKS_MS = 10;
/** Where nothing tells: longer than the way there and back. */
const BLIND_MS = 1_000;

/** Resolves when nothing is on its way any more; rejects when the signal aborts before. */
export async function taken({ localPort, remotePort }: Socket, signal: AbortSignal): Promise<void> {
  for (;;) {
    const waiting =
      localPort === undefined || remotePort === undefined
        ? undefined
        : await bytesOnTheirWay(localPort, remotePort);
    if (waiting === undefined) await sleep(BLIND_MS, undefined, { signal });
    if (waiting === undefined || waiting === 0) return;
    await sleep(BETWEEN_LOOKS_MS, undefined, { signal });
  }
}

/** Written and not acknowledged; undefined where that cannot be known. */
async function bytesOnTheirWay(localPort: number, remotePort: number): Promise<number | undefined> {
  for (const table of TABLES) {
    const text = await readFile(table, 'latin1').catch(() => '');
    const waiting = queueIn(text, localPort, remotePort);
    if (waiting !== undefined) return waiting;
  }
  return undefined;
}

/** Of lines such as `0: 0100007F:C350 0100007F:0202 01 0000002A:00000000 …`. https://docs.kernel.org/networking/proc_net_tcp.html */
function queueIn(table: string, localPort: number, remotePort: number): number | undefined {
  for (const line of table.split('\n')) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/);
    if (portOf(local) !== localPort || portOf(remote) !== remotePort) continue;
    const waiting = Number.parseInt(queues, 16); // Up to the colon.
    return Number.isNaN(waiting) ? undefined : waiting;
  }
  return undefined;
}

const portOf = (address: string): number => Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
