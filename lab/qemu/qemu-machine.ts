// The machine below one directory of the real lab: its files, its QEMU, its disk server and its qm, as the lab itself sees them.
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { makeTree, readFields, writeFields } from '../machine/files.ts';
import { type Guest, keyArchive } from './build-guest.ts';
import { runInGuest } from './guest-control.ts';
import type { MachineKind } from './kernel.ts';

export const VMID = 102;
/** Sparse: takes what the guest writes. */
const DISK_MIB = 640;
/** Linux: sun_path. The longest socket is `<dir>/run/qemu-server/102.qmp`. */
const LONGEST_DIR = 107 - '/run/qemu-server/102.qmp'.length;

const BIN = path.join(import.meta.dirname, 'bin');
/** The same front as that of the simulated machine. */
const QM = path.join(import.meta.dirname, '../power-host/bin/qm');

const volume = (disk: number): string => `local-lvm:vm-${VMID}-disk-${disk},size=${DISK_MIB}M`;
const CONFIG: Readonly<Record<MachineKind, Readonly<Record<string, string>>>> = {
  virtio: { virtio0: volume(0) },
  'two-disks': { virtio0: volume(0), virtio1: volume(1) },
  lsi: { scsihw: 'lsi', scsi0: volume(0) },
};
const DISKS: Readonly<Record<MachineKind, number>> = { virtio: 1, 'two-disks': 2, lsi: 1 };
/** What only a fresh QEMU process applies: for `lsi`, the change of controller that the founding incident waited for. */
export const STAGED: Readonly<Record<MachineKind, Readonly<Record<string, string>>>> = {
  virtio: { memory: '288' },
  'two-disks': { memory: '288' },
  lsi: { memory: '288', scsihw: 'virtio-scsi-single' },
};

export interface QemuMachine {
  readonly dir: string;
  /** Of the QEMU process, and of the server of a disk (default: the first one); undefined when there is none. */
  pid(): number | undefined;
  diskServerPid(disk?: number): number | undefined;
  qm(...argv: string[]): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }>;
  /** Answers of QMP, in the order of the commands. Throws when it does not answer within `seconds` (default 60). */
  qmp(commands: readonly object[], seconds?: number): Promise<unknown[]>;
  /** QEMU's monitor. */
  readonly monitorSocket: string;
  /** Runs a line of shell in the guest, beside SSH. */
  inGuest(command: string, timeoutMs?: number): Promise<string>;
  /** Sets or, with undefined, removes a property of the applied configuration. */
  setConfig(key: string, value: string | undefined): void;
  /** Replaces what is staged for the next fresh process. */
  stage(pending: Readonly<Record<string, string>>): void;
}

export interface MachineSettings {
  readonly dir: string;
  readonly kind: MachineKind;
  readonly guest: Guest;
  readonly publicKey: string;
  /** The guest's host key, OpenSSH text. */
  readonly vmKey: string;
  readonly sshPort: number;
  /** By how much `qm stop` waits less than on a real host. */
  readonly delayDivisor: number;
}

/** Writes the machine's files and makes its disk. Starts nothing. */
export async function createQemuMachine(settings: MachineSettings): Promise<QemuMachine> {
  const { dir, kind, guest } = settings;
  if (Buffer.byteLength(dir) > LONGEST_DIR)
    throw new Error(`${dir}: too long a path for Unix sockets below it`);
  makeTree(dir);
  for (const name of ['run/nbd', 'disk', 'machine']) mkdirSync(path.join(dir, name), { recursive: true });
  for (const [name, source] of [
    ['qm', QM],
    ...['machine', 'qmp', 'kill', 'gdb', 'dmesg'].map((own) => [own, path.join(BIN, own)] as const),
  ] as const) {
    const link = path.join(dir, 'bin', name);
    if (!existsSync(link)) symlinkSync(source, link);
  }
  const initrd = path.join(dir, 'machine/initrd');
  writeFileSync(initrd, readFileSync(guest.initramfs));
  appendFileSync(initrd, gzipSync(keyArchive(settings.publicKey, await dropbearKey(dir, settings.vmKey))));
  writeFields(path.join(dir, 'machine/config'), ': ', {
    agent: '1',
    cores: '1',
    memory: '256',
    name: 'devvm',
    net0: 'virtio=BC:24:11:5E:10:66,bridge=vmbr0',
    ostype: 'l26',
    ...CONFIG[kind],
  });
  writeFields(path.join(dir, 'machine/pending'), ': ', {});
  writeFields(path.join(dir, 'machine/state'), '=', {
    vmid: String(VMID),
    name: 'devvm',
    kernel: guest.kernel,
    initrd,
    ssh_port: String(settings.sshPort),
    delay_divisor: String(settings.delayDivisor),
  });
  for (let disk = 0; disk < DISKS[kind]; disk += 1) {
    const image = path.join(dir, `disk/vm-${VMID}-disk-${disk}.raw`);
    await execa('/usr/sbin/mkfs.ext4', ['-q', '-m', '0', '-E', 'lazy_itable_init=1', image, `${DISK_MIB}M`]);
  }
  return openMachine(dir);
}

/** dropbear reads no OpenSSH keys. */
async function dropbearKey(dir: string, openSsh: string): Promise<Buffer> {
  const from = path.join(dir, 'machine/vm-key');
  writeFileSync(from, openSsh, { mode: 0o600 });
  await execa('dropbearconvert', ['openssh', 'dropbear', from, `${from}.dropbear`]);
  return readFileSync(`${from}.dropbear`);
}

function openMachine(dir: string): QemuMachine {
  const at = (name: string): string => path.join(dir, name);
  const readPid = (file: string): number | undefined => {
    try {
      const pid = Number(readFileSync(at(file), 'utf8'));
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`BREAKGLASS_ROOT=${dir}`)
        ? pid
        : undefined;
    } catch {
      return undefined;
    }
  };
  const run = async (name: string, argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await execa(at(`bin/${name}`), argv, {
      reject: false,
      stdin: 'ignore',
      env: { BREAKGLASS_ROOT: dir },
    });
    return { exitCode, stdout, stderr };
  };
  const monitorSocket = at(`run/qemu-server/${VMID}.qmp`);
  return {
    dir,
    monitorSocket,
    pid: () => readPid(`run/qemu-server/${VMID}.pid`),
    diskServerPid: (disk = 0) => readPid(`run/nbd/${VMID}-${disk}.pid`),
    qm: (...argv) => run('qm', argv),
    qmp: async (commands, seconds = 60) => {
      const { exitCode, stdout, stderr } = await run('qmp', [
        monitorSocket,
        String(seconds),
        'call',
        ...commands.map((command) => JSON.stringify(command)),
      ]);
      if (exitCode !== 0) throw new Error(`QMP: ${stderr}`);
      return stdout.split('\n').map((line): unknown => JSON.parse(line));
    },
    inGuest: (command, timeoutMs) => runInGuest(at('run/control.sock'), command, timeoutMs),
    stage: (pending) => writeFields(at('machine/pending'), ': ', pending),
    setConfig: (key, value) => {
      const { [key]: _old, ...others } = readFields(at('machine/config'), ': ');
      writeFields(at('machine/config'), ': ', value === undefined ? others : { ...others, [key]: value });
    },
  };
}
