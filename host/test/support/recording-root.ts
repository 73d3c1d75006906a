// A simulated power host whose qm and kill write down everything that reaches them.
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createMachine, type Machine, type MachineSeed } from '../../../lab/machine/machine.ts';
import { prepareHostRoot } from '../../../lab/power-host/host-root.ts';
import { endMarkedProcesses } from '../../../lab/power-host/leftovers.ts';
import { startQmp } from '../../../lab/power-host/qmp.ts';

const SEED: MachineSeed = {
  vmid: 102,
  name: 'devvm',
  status: 'running',
  fault: 'none',
  config: { agent: '1', cores: '4', memory: '8192' },
  pending: { memory: '16384' },
};

export const FORCED_COMMAND = path.join(import.meta.dirname, '../../breakglass-pve');

/** Makes the host below `dir`, which must be empty or absent. */
export const makeRecordingRoot = (dir: string, seed: Partial<MachineSeed> = {}): Machine => {
  const machine = createMachine(dir, { ...SEED, ...seed });
  prepareHostRoot(dir);
  for (const name of ['qm', 'kill']) {
    renameSync(path.join(dir, 'bin', name), path.join(dir, 'bin', `lab-${name}`));
    symlinkSync(path.join(import.meta.dirname, `recording-${name}`), path.join(dir, 'bin', name));
  }
  return machine;
};

export interface RecordingRoot {
  readonly machine: Machine;
  readonly dir: string;
  /** Every argv that reached qm so far. */
  qmCalls(): readonly (readonly string[])[];
  /** Ends what still runs for this root and removes it. */
  close(): Promise<void>;
}

export const temporaryRecordingRoot = (seed: Partial<MachineSeed> = {}): RecordingRoot => {
  const dir = mkdtempSync(path.join(tmpdir(), 'breakglass-host-'));
  const machine = makeRecordingRoot(dir, seed);
  const monitor = startQmp(machine, seed.vmid ?? SEED.vmid);
  return {
    machine,
    dir,
    qmCalls: () => parseCalls(path.join(dir, 'log/qm-calls')),
    close: async () => {
      await endMarkedProcesses(dir);
      await (await monitor).close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

const parseCalls = (file: string): string[][] => {
  const calls: string[][] = [];
  let call: string[] = [];
  for (const word of readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\0').slice(0, -1)) {
    if (word !== '') call.push(word);
    else {
      calls.push(call);
      call = [];
    }
  }
  return calls;
};
