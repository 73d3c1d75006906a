// A real QEMU with the forced command in front of it, and two ways to wedge it. `hung`: its main loop hangs in its disk, after `quit` on
// a stalled block path; its monitor greets and says nothing more. `stopped`: by a signal; then two clients that have gone fill its
// monitor's queue, which holds no more.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { labKeys } from '../../../lab/keys.ts';
import { buildGuest } from '../../../lab/qemu/build-guest.ts';
import { MissingPackagesError } from '../../../lab/qemu/packages.ts';
import { type QemuHost, startQemuHost } from '../../../lab/qemu/qemu-host.ts';
import { FORCED_COMMAND } from './recording-root.ts';

export interface Manifest {
  readonly steps: readonly { readonly name: string; readonly status: string; readonly why: string | null }[];
}

export interface VerbAnswer {
  readonly stdout: string;
  readonly exitCode: number | undefined;
  readonly result: {
    readonly vm_state: string | null;
    readonly qmp: string | null;
    readonly evidence: string | null;
    readonly durations_ms: Readonly<Record<string, number>>;
  };
}

export interface RealHost {
  readonly dir: string;
  readonly qemu: QemuHost;
  verb(word: string): Promise<VerbAnswer>;
  manifest(evidence: string): Manifest;
  file(evidence: string, name: string): string;
  wedge(how: 'hung' | 'stopped'): Promise<void>;
  close(): Promise<void>;
}

/** Why there is no real QEMU here, or undefined. */
export const whyNoQemu = (): Promise<string | undefined> =>
  buildGuest('virtio', console.log).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof MissingPackagesError) return error.message;
      throw error;
    },
  );

export async function startRealHost(): Promise<RealHost> {
  const root = mkdtempSync(path.join(tmpdir(), 'bg-real-'));
  const dir = path.join(root, 'host');
  const keys = labKeys(path.join(root, 'keys'), undefined);
  const qemu = await startQemuHost({
    dir,
    publicKey: keys.clientPublic,
    hostKey: keys.powerHostKey,
    vmKey: keys.vmKey,
    machine: 'virtio',
    delayDivisor: 20,
  });
  const file = (evidence: string, name: string): string =>
    readFileSync(path.join(dir, 'state/captures', String(qemu.vmid), evidence, name), 'utf8');
  return {
    dir,
    qemu,
    file,
    manifest: (evidence) => JSON.parse(file(evidence, 'manifest.json')) as Manifest,
    verb: async (word) => {
      const { stdout, exitCode } = await execa(FORCED_COMMAND, ['--root', dir, String(qemu.vmid)], {
        reject: false,
        stdin: 'ignore',
        env: { SSH_ORIGINAL_COMMAND: word, SSH_CONNECTION: '10.0.0.5 1 10.0.0.9 22' },
      });
      const line = /^BREAKGLASS-RESULT (.*)$/m.exec(stdout)?.[1] ?? 'null';
      return { stdout, exitCode, result: JSON.parse(line) as VerbAnswer['result'] };
    },
    wedge: async (how) => {
      if (how === 'hung') {
        await qemu.inject('block-stall-virtio');
        await qemu.machine.qmp([{ execute: 'quit' }], 3).catch(() => undefined);
        return;
      }
      await qemu.inject('wedged-qemu');
      const socket = path.join(dir, 'run/qemu-server', `${qemu.vmid}.qmp`);
      for (let client = 0; client < 2; client += 1) await fillQueue(socket);
    },
    close: async () => {
      await qemu.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A client that connects and goes: its place in the queue stays taken. */
const fillQueue = (socketPath: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(socketPath);
    const leave = (): void => {
      socket.destroy();
      resolve();
    };
    socket.once('connect', leave);
    socket.once('error', leave);
  });
