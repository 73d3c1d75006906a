// The simulated VM: a guest behind SSH that follows the simulated machine. It runs no command of its user on this computer:
// a shell is an interpreter in a thread, and all it can reach is the guest's state.
import type { Machine } from '../machine/machine.ts';
import { Kernel } from './kernel.ts';
import type { GuestSeed } from './seed.ts';
import { ShellPool } from './shell/pool.ts';
import { type Reachability, startSshServer } from './ssh-server.ts';
import { Guest } from './state/guest.ts';

export interface VmSetup {
  readonly machine: Machine;
  readonly scenario: GuestSeed;
  readonly accounts: { readonly repair: string; readonly observer: string };
  /** The one key that may enter, as in an authorized_keys line. */
  readonly publicKey: string;
  /** PEM or OpenSSH private key of the host. */
  readonly hostKey: string;
  /** 0, the default: any free port. */
  readonly port?: number;
  /** From the start of the machine until sshd listens. Milliseconds. */
  readonly bootMs?: number;
}

export interface Vm {
  readonly port: number;
  /** The state behind all commands, for tests and for the simulated console. */
  readonly guest: Guest;
  close(): Promise<void>;
}

/** A real VM takes longer; a rehearsal should show the gap and not bore. */
const BOOT_MS = 5_000;
const DEFAULT_MEMORY_MIB = 512;

export const startVm = async (setup: VmSetup): Promise<Vm> => {
  const { machine } = setup;
  const bootMs = setup.bootMs ?? BOOT_MS;
  const guest = new Guest({
    seed: setup.scenario,
    accounts: setup.accounts,
    now: Date.now,
    memoryMib: () => Number(machine.config()['memory'] ?? DEFAULT_MEMORY_MIB),
    cores: () => Number(machine.config()['cores'] ?? 2) * Number(machine.config()['sockets'] ?? 1),
  });
  const pool = new ShellPool();
  /** The guest itself went down or restarts, which the machine does not know of. */
  let down: 'no' | 'off' = 'no';
  let boot = machine.boot().number;
  let running = machine.status() === 'running';
  /** The boot that the lab found is long over. */
  let readyMs = 0;
  let sshdBroken = setup.scenario.sshd === 'refuses';

  const newKernel = (): Kernel => new Kernel(guest, pool, (action) => void powerFromInside(action));
  let kernel = newKernel();

  const endBoot = (): void => {
    kernel.end();
    ssh.dropAll();
  };
  const beginBoot = (atMs: number): void => {
    kernel = newKernel();
    readyMs = atMs + bootMs;
    down = 'no';
    sshdBroken = false;
    // Into the same stall: the guest hangs at its first read, and writes nothing to any journal.
    if (machine.fault() === 'block-stall') kernel.freeze();
    else guest.boot(atMs);
  };
  const powerFromInside = async (action: 'reboot' | 'poweroff'): Promise<void> => {
    // Let the command's own channel see its end first.
    await new Promise((resolve) => setTimeout(resolve, 100));
    endBoot();
    if (action === 'poweroff') down = 'off';
    else beginBoot(Date.now());
  };

  const follow = (): void => {
    const status = machine.status();
    const { number, atMs } = machine.boot();
    const restarted = number !== boot;
    if (running && (status === 'stopped' || restarted)) endBoot();
    if (status === 'running' && (restarted || !running)) beginBoot(atMs);
    boot = number;
    running = status === 'running';
    if (running && machine.fault() === 'block-stall') kernel.freeze();
  };

  const reachability = (): Reachability => {
    follow();
    if (!running || down === 'off') return 'silent';
    // sshd cannot be read from the disk: the kernel accepts, and nobody speaks. A reset in the same process boots into the same stall.
    if (machine.fault() === 'block-stall') return 'silent';
    if (Date.now() < readyMs || sshdBroken || guest.units.get('ssh')?.active !== 'active') return 'closed';
    return 'answers';
  };

  const ssh = await startSshServer({
    publicKey: setup.publicKey,
    hostKey: setup.hostKey,
    port: setup.port ?? 0,
    kernel: () => kernel,
    reachability,
    user: (name) =>
      name === setup.accounts.repair || name === setup.accounts.observer ? guest.user(name) : undefined,
  });
  const stopListening = machine.onChange(follow);
  follow();
  return {
    port: ssh.port,
    guest,
    close: async () => {
      stopListening();
      kernel.end();
      await ssh.close();
      await pool.close();
    },
  };
};
