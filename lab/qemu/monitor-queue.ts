// Clients that wait at QEMU's monitor: its socket takes so few that a stopped QEMU's queue is soon full, and who comes then hears EAGAIN.
import { connect, type Socket } from 'node:net';
import type { QemuMachine } from './qemu-machine.ts';

/** QEMU listens with a backlog of 1, and Linux lets one more in than that. */
const MORE_THAN_FIT = 16;

const waiting = new WeakMap<QemuMachine, Socket[]>();

/** Fills the queue and keeps it full, until `leaveMonitorQueue` or the end of the process. QEMU must be stopped already. */
export async function fillMonitorQueue(machine: QemuMachine): Promise<void> {
  const clients: Socket[] = [];
  waiting.set(machine, clients);
  for (let tries = 0; tries < MORE_THAN_FIT; tries += 1) {
    const client = await waitAtMonitor(machine.monitorSocket);
    if (client === 'full') return;
    clients.push(client);
  }
  throw new Error(`the queue of ${machine.monitorSocket} is not full after ${MORE_THAN_FIT} clients`);
}

export function leaveMonitorQueue(machine: QemuMachine): void {
  for (const client of waiting.get(machine) ?? []) client.destroy();
  waiting.delete(machine);
}

const waitAtMonitor = (socketPath: string): Promise<Socket | 'full'> =>
  new Promise((resolve, reject) => {
    const client = connect(socketPath);
    client.unref();
    client.once('connect', () => resolve(client));
    // After the connection: QEMU has ended, and that is what a cure does.
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EAGAIN') resolve('full');
      else reject(error);
    });
  });
