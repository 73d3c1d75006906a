// What a freshly installed console reaches: the lab's power host with a machine behind it, and a real sshd as the VM. One key opens both.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeKey } from '../../lab/keys.ts';
import { createMachine } from '../../lab/machine/machine.ts';
import { startPowerHost } from '../../lab/power-host/power-host.ts';
import { healthy } from '../../lab/scenarios/healthy.ts';
import { startSshd } from './sshd.ts';

export interface RescueGround {
  readonly keyPath: string;
  /** Lines of an environment file that lead to it. */
  readonly settings: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startRescueGround(): Promise<RescueGround> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-ground-'));
  const root = path.join(dir, 'power-host');
  mkdirSync(root);
  const vm = await startSshd();
  const { machine } = healthy();
  createMachine(root, machine);
  const powerHost = await startPowerHost({
    dir: root,
    vmid: machine.vmid,
    publicKey: readFileSync(`${vm.keyPath}.pub`, 'utf8'),
    hostKey: makeKey(),
  });
  return {
    keyPath: vm.keyPath,
    settings: {
      BREAKGLASS_DEVVM_HOST: vm.host,
      BREAKGLASS_DEVVM_PORT: String(vm.port),
      BREAKGLASS_DEVVM_USER: vm.user,
      BREAKGLASS_PVE_HOST: '127.0.0.1',
      BREAKGLASS_PVE_PORT: String(powerHost.port),
      BREAKGLASS_PVE_USER: 'breakglass',
      BREAKGLASS_PVE_VMID: String(machine.vmid),
    },
    async close() {
      await Promise.allSettled([powerHost.close(), vm.stop()]);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}
