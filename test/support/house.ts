// A console with its lab around it, for tests that kill, restart and look from outside: the lab's power host, VM and a model
// live in this process, the console is the real server as a process of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { labKeys } from '../../lab/keys.ts';
import { createMachine, injectFault, type Machine } from '../../lab/machine/machine.ts';
import { startRehearsalModel } from '../../lab/model/rehearsal.ts';
import { prepareHostRoot } from '../../lab/power-host/host-root.ts';
import { endMarkedProcesses } from '../../lab/power-host/leftovers.ts';
import { startPowerHost } from '../../lab/power-host/power-host.ts';
import { startQmp } from '../../lab/power-host/qmp.ts';
import { findScenario } from '../../lab/scenarios/catalog.ts';
import type { Scenario } from '../../lab/scenarios/scenario.ts';
import { startVm } from '../../lab/vm/start.ts';
import { BUNDLE, type Console, type ConsoleOptions, makeConsole } from './console.ts';
import { startSshd } from './sshd.ts';
import { within } from './wait-for.ts';

export interface House extends Console {
  readonly machine: Machine;
  /** Stalls the block path of the VM's QEMU process. Resolves when the lab has seen it. */
  stall(): Promise<void>;
}

export interface HouseOptions {
  readonly scenario?: string | Scenario;
  /** A Messages endpoint; by default the rehearsal model. */
  readonly modelUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The console runs from the bundle in dist/ in any case (`npm run build` makes it). */
  readonly bundle?: boolean;
  /** `sshd`: a real OpenSSH server with the forced command in front of the lab's host, as a deployment has it. */
  readonly powerHost?: 'lab' | 'sshd';
  /** Starts the console in another way. */
  readonly launch?: ConsoleOptions['launch'];
}

const FORCED_COMMAND = path.resolve(import.meta.dirname, '../../host/breakglass-pve');

export async function startHouse(options: HouseOptions = {}): Promise<House> {
  const scenario =
    typeof options.scenario === 'object' ? options.scenario : findScenario(options.scenario ?? 'disk-full');
  if (scenario === undefined) throw new Error('no such scenario');
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-house-'));
  const hostRoot = path.join(dir, 'power-host');
  const machine = createMachine(hostRoot, scenario.machine);
  const { vmid } = scenario.machine;
  const sshd =
    options.powerHost === 'sshd'
      ? await startSshd({ forcedCommand: `${FORCED_COMMAND} --root ${hostRoot} ${vmid}` })
      : undefined;
  const keys = labKeys(path.join(dir, 'keys'), sshd?.keyPath);
  prepareHostRoot(hostRoot);
  const qmp = sshd === undefined ? undefined : await startQmp(machine, vmid);
  const powerHost =
    sshd === undefined
      ? await startPowerHost({
          dir: hostRoot,
          vmid,
          publicKey: keys.clientPublic,
          hostKey: keys.powerHostKey,
        })
      : {
          port: sshd.port,
          close: async () => {
            await sshd.stop();
            await endMarkedProcesses(hostRoot);
            await qmp?.close();
          },
        };
  const vm = await startVm({
    machine,
    scenario: scenario.guest,
    accounts: { repair: 'breakglass', observer: 'breakglass-observer' },
    publicKey: keys.clientPublic,
    hostKey: keys.vmKey,
  });
  const model = options.modelUrl === undefined ? await startRehearsalModel() : undefined;
  const server = await makeConsole({
    dir,
    hostPort: powerHost.port,
    hostUser: sshd?.user ?? 'root',
    vmPort: vm.port,
    keyPath: keys.clientKeyPath,
    modelUrl: options.modelUrl ?? model?.url ?? '',
    env: options.env,
    launch: options.launch,
    ...(options.bundle === true ? { program: BUNDLE } : {}),
  });
  const house: House = {
    ...server,
    machine,
    stall: async () => {
      // The VM would go on listening longer than we do, so it is closed first.
      const { promise: seen, resolve } = Promise.withResolvers<void>();
      const stopListening = machine.onChange(resolve);
      injectFault(hostRoot, 'block-stall');
      await within('the stall of the block path', seen).finally(stopListening);
    },
    async close() {
      await server.close();
      await Promise.allSettled([model?.close(), vm.close(), powerHost.close()]);
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
