// A console as a process of its own, in front of the lab on a real QEMU.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { labKeys } from '../../lab/keys.ts';
import type { MachineKind } from '../../lab/qemu/kernel.ts';
import { type QemuHost, startQemuHost } from '../../lab/qemu/qemu-host.ts';
import { type Console, makeConsole } from './console.ts';

export interface QemuHouse extends Console {
  readonly kind: MachineKind;
  readonly host: QemuHost;
  readonly privateKey: string;
}

/** No model: everything that is drilled here has to work without one. */
const NO_MODEL = 'http://127.0.0.1:9';

export async function startQemuHouse(kind: MachineKind, say?: (line: string) => void): Promise<QemuHouse> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-qh-')); // short: sockets are made below it
  const keys = labKeys(path.join(dir, 'keys'), undefined);
  const host = await startQemuHost({
    dir: path.join(dir, 'host'),
    publicKey: keys.clientPublic,
    hostKey: keys.powerHostKey,
    vmKey: keys.vmKey,
    machine: kind,
    favoured: true,
    ...(say === undefined ? {} : { say }),
  });
  const server = await makeConsole({
    dir,
    hostPort: host.powerHostPort,
    hostUser: 'breakglass',
    vmPort: host.vmPort,
    keyPath: keys.clientKeyPath,
    modelUrl: NO_MODEL,
    // A cycle has 120 s on a real host; here a machine with eight other things to do emulates it.
    env: { BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS: '900' },
  });
  const house: QemuHouse = {
    ...server,
    kind,
    host,
    privateKey: readFileSync(keys.clientKeyPath, 'utf8'),
    async close() {
      await server.close();
      await host.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
  try {
    await house.start();
  } catch (error) {
    await house.close();
    throw error;
  }
  return house;
}
