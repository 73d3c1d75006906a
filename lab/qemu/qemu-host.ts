// The lab on a real QEMU: a guest under software emulation behind the lab's `qm`, and the power host's SSH server in front of
// the real forced command. Whatever it starts carries the mark of its directory, and ends with it, also when the lab is killed.
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeKey } from '../keys.ts';
import { endMarkedProcesses } from '../power-host/leftovers.ts';
import { startPowerHost } from '../power-host/power-host.ts';
import { buildGuest } from './build-guest.ts';
import { type FaultName, findFault } from './faults.ts';
import { favour } from './favour.ts';
import type { MachineKind } from './kernel.ts';
import { createQemuMachine, type QemuMachine, STAGED, VMID } from './qemu-machine.ts';

/** Between two tries for a banner: a connection made before the guest listens hears nothing for seconds. */
const BETWEEN_TRIES_MS = 1_500;
/** One try. On a busy machine the guest, which is emulated, takes long to say it. */
const TRY_MS = 30_000;
/** From `qm start` to the banner: ten seconds on a quiet machine. */
const BOOT_LIMIT_MS = 300_000;

export interface QemuHostOptions {
  /** An empty directory, absolute and short: Unix sockets are made below it. */
  readonly dir: string;
  /** The client key that may log in on both hosts: a line as in authorized_keys. */
  readonly publicKey: string;
  /** The power host's private key, and the guest's (made up when absent), OpenSSH text. */
  readonly hostKey: string;
  readonly vmKey?: string;
  readonly machine: MachineKind;
  /** `qm stop` waits this much less than on a real host (60, 10 and 1 s). Default 4: never below what a healthy stop takes. */
  readonly delayDivisor?: number;
  /** The guest goes before what else this machine has to do, where we are root. For tests. */
  readonly favoured?: boolean;
  /** Told what is being done. */
  readonly say?: (line: string) => void;
}

export interface QemuHost {
  readonly vmid: number;
  readonly machine: QemuMachine;
  readonly powerHostPort: number;
  /** Of the guest's SSH server on 127.0.0.1; the same after every start. */
  readonly vmPort: number;
  /** From `qm start` to the banner of the guest's SSH server. */
  readonly bootMs: number;
  inject(name: FaultName): Promise<void>;
  /** Takes back the last fault without a power verb, as far as that is possible. */
  heal(): Promise<void>;
  /** True when the guest's SSH server says its banner within that time. A login may still hang on the disk. */
  bannerAnswers(withinMs: number): Promise<boolean>;
  /** Ends QEMU, the disk's server and everything else that was started. */
  close(): Promise<void>;
}

export async function startQemuHost(options: QemuHostOptions): Promise<QemuHost> {
  const { dir, machine: kind, say = () => undefined } = options;
  const guest = await buildGuest(kind, say);
  const vmPort = await freePort();
  const machine = await createQemuMachine({
    dir,
    kind,
    guest,
    publicKey: options.publicKey,
    vmKey: options.vmKey ?? makeKey(),
    sshPort: vmPort,
    delayDivisor: options.delayDivisor ?? 4,
  });
  const powerHost = await startPowerHost({
    dir,
    vmid: VMID,
    publicKey: options.publicKey,
    hostKey: options.hostKey,
  });
  const guard = startGuard(dir);
  const favoured =
    options.favoured === true &&
    favour(() => [machine.pid(), machine.diskServerPid(0), machine.diskServerPid(1)]);
  const close = async () => {
    if (favoured) favoured.end();
    await powerHost.close();
    await endMarkedProcesses(dir);
    guard.end();
  };
  let injected: FaultName | undefined;
  try {
    const began = performance.now();
    say('starting QEMU (software emulation)');
    const started = await machine.qm('start', String(VMID));
    if (started.exitCode !== 0) throw new Error(started.stderr);
    if (!(await bannerAnswers(vmPort, BOOT_LIMIT_MS)))
      throw new Error(`the guest did not boot within ${BOOT_LIMIT_MS / 1_000} s`);
    machine.stage(STAGED[kind]);
    const bootMs = Math.round(performance.now() - began);
    say(`the guest answers SSH after ${(bootMs / 1000).toFixed(1)} s`);
    return {
      vmid: VMID,
      machine,
      powerHostPort: powerHost.port,
      vmPort,
      bootMs,
      inject: async (name) => {
        const fault = findFault(name);
        if (fault.machine !== undefined && fault.machine !== kind)
          throw new Error(`${name} needs the ${fault.machine} machine`);
        injected = name;
        await fault.inject(machine);
      },
      heal: async () => {
        const name = injected;
        injected = undefined;
        if (name !== undefined) await findFault(name).heal?.(machine);
      },
      bannerAnswers: (withinMs) => bannerAnswers(vmPort, withinMs),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** QEMU's port forward accepts before the guest listens, and then keeps quiet: only the banner tells. */
async function bannerAnswers(port: number, withinMs: number): Promise<boolean> {
  const over = new AbortController();
  const limit = AbortSignal.any([over.signal, AbortSignal.timeout(withinMs)]);
  const { promise: heard, resolve } = Promise.withResolvers<boolean>();
  limit.addEventListener('abort', () => resolve(false), { once: true });
  const tries = async (): Promise<void> => {
    while (!limit.aborted) {
      void hasBanner(port, AbortSignal.any([limit, AbortSignal.timeout(TRY_MS)])).then(
        (answer) => answer && resolve(true),
      );
      await sleep(BETWEEN_TRIES_MS, undefined, { signal: limit }).catch(() => undefined);
    }
  };
  const trying = tries();
  const answers = await heard;
  over.abort();
  await trying;
  return answers;
}

function hasBanner(port: number, limit: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean): void => {
      limit.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = (): void => end(false);
    limit.addEventListener('abort', giveUp, { once: true });
    socket.once('data', (data) => end(data.toString('latin1').startsWith('SSH-2.0-')));
    socket.once('error', giveUp);
    socket.once('close', giveUp);
  });
}

/** Outlives a lab that is killed: when its pipe closes, it ends what carries the mark. QEMU is a daemon and would stay. */
function startGuard(dir: string): { end(): void } {
  const child = spawn(path.join(import.meta.dirname, 'bin/guard'), [dir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  return { end: () => child.stdin.end('done\n') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
