// The simulated VM: a guest behind SSH that follows the simulated machine. It runs no command of its user on this computer: a
// shell is an interpreter in a process of its own, and all it can reach is the guest's state.
import { setTimeout as delay } from 'node:timers/promises';
import type { Machine } from '../machine/machine.ts';
import { Boot } from './exec.ts';
import { Guest } from './guest/guest.ts';
import type { GuestSeed } from './seed.ts';
import { ShellPool } from './shell/pool.ts';
import { type Reachability, startSshServer } from './ssh-server.ts';

export interface VmSetup {
  readonly machine: Machine;
  readonly scenario: GuestSeed;
  readonly accounts: { readonly repair: string; readonly observer: string };
  /** The one key that may enter, as in an authorized_keys line. */
  readonly publicKey: string;
  /** PEM or OpenSSH private key of the host. */
  readonly hostKey: string;
  /** What a boot takes until sshd listens. A real VM takes longer than the default: a rehearsal shows the gap and does not bore. */
  readonly booting?: () => Promise<void>;
  readonly inputIdleMs?: number;
}

export interface Vm {
  readonly port: number;
  /** The state behind all commands. */
  readonly guest: Guest;
  close(): Promise<void>;
}

const BOOT_MS = 5_000;
const INPUT_IDLE_MS = 2_000;
const DEFAULT_MEMORY_MIB = 512;

export const startVm = async (setup: VmSetup): Promise<Vm> => {
  const { machine, scenario, accounts } = setup;
  const booting = setup.booting ?? (() => delay(BOOT_MS, undefined, { ref: false }));
  const numberOf = (key: string, otherwise: number): number => Number(machine.config()[key] ?? otherwise);
  const guest = new Guest({
    seed: scenario,
    accounts,
    now: Date.now,
    memoryMib: () => numberOf('memory', DEFAULT_MEMORY_MIB),
    cores: () => numberOf('cores', 2) * numberOf('sockets', 1),
  });
  const pool = new ShellPool();
  let boot = new Boot();
  let bootNumber = machine.boot().number;
  let running = machine.status() === 'running';
  /** The boot that the lab finds is long over. */
  let listens = true;

  const endBoot = (): void => {
    boot.halt();
    ssh.dropAll();
  };
  const beginBoot = (atMs: number): void => {
    const mine = new Boot();
    boot = mine;
    listens = false;
    // Into the same stall: the guest hangs at its first read, and writes nothing to any journal.
    if (machine.fault() === 'block-stall') return;
    guest.boot(atMs);
    void booting().then(() => {
      if (boot === mine) listens = true;
    });
  };
  /** Nothing of the guest begins anew; only who was connected has gone. */
  const resume = (): void => {
    boot = new Boot();
    listens = true;
  };
  const follow = (): void => {
    const isRunning = machine.status() === 'running';
    const { number, atMs, cause } = machine.boot();
    const restarted = number !== bootNumber;
    if (running && (!isRunning || restarted)) endBoot();
    if (isRunning && (!running || restarted)) {
      if (cause === 'resume') resume();
      else beginBoot(atMs);
    }
    bootNumber = number;
    running = isRunning;
    if (running && machine.fault() === 'block-stall') boot.halt();
  };

  const reachability = (): Reachability => {
    follow();
    // With a stalled disk sshd cannot be read: the kernel accepts, and nobody speaks.
    if (!running || machine.fault() === 'block-stall') return 'silent';
    return listens && guest.units.get('ssh')?.active === 'active' ? 'answers' : 'closed';
  };

  const ssh = await startSshServer({
    publicKey: setup.publicKey,
    hostKey: setup.hostKey,
    accounts: Object.values(accounts),
    reachability,
    machine: () => ({ guest, pool, boot, inputIdleMs: setup.inputIdleMs ?? INPUT_IDLE_MS }),
  });
  const stopListening = machine.onChange(follow);
  follow();
  return {
    port: ssh.port,
    guest,
    close: async () => {
      stopListening();
      boot.halt();
      await ssh.close();
      await pool.close();
    },
  };
};
