// What can break in the real lab, each done to the real thing, and how the lab itself takes it back without the advised cure.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { endBackupTask, startBackupTask } from './backup-task.ts';
import type { MachineKind } from './kernel.ts';
import { fillMonitorQueue, leaveMonitorQueue } from './monitor-queue.ts';
import { type QemuMachine, VMID } from './qemu-machine.ts';

interface Fault {
  /** For a person: what is broken, and what helps. */
  readonly brief: string;
  /** The machine that it needs; default: the simplest. */
  readonly machine?: MachineKind;
  inject(machine: QemuMachine): Promise<void>;
  /** Takes the cause away where it outlives what the cure starts afresh. A cured machine needs none. */
  heal?(machine: QemuMachine): Promise<void>;
}

const stallDisk = async (machine: QemuMachine): Promise<void> => signal(machine.diskServerPid(), 'SIGSTOP');
const resumeDisk = async (machine: QemuMachine): Promise<void> => signal(machine.diskServerPid(), 'SIGCONT');

/** Below this size the file of the disk is written, above it is refused, as by a full pool: ext4 writes beyond at once. */
const FULL_AT_BYTES = 65_536;

/** Together more than twice the memory: with a disk as slow as this nothing else comes forward. */
const HOGS = 20;
const HOG_MIB = 28;
const SLOW_DISK_IOPS = 30;

const FAULTS = {
  'block-stall-virtio': {
    brief: 'The block path of a virtio disk stands still. Cured by a cycle, never by a reset.',
    machine: 'virtio',
    inject: stallDisk,
    heal: resumeDisk,
  },
  'block-stall-lsi': {
    brief:
      'The block path of a disk on the lsi controller stands still: the founding incident. Cured by a cycle.',
    machine: 'lsi',
    inject: stallDisk,
    heal: resumeDisk,
  },
  'wedged-qemu': {
    brief: 'The QEMU process does not run: QMP is silent, SIGTERM does nothing. Cured by a cycle.',
    inject: async (machine) => signal(machine.pid(), 'SIGSTOP'),
    heal: async (machine) => signal(machine.pid(), 'SIGCONT'),
  },
  'wedged-qemu-backlog': {
    brief:
      'The QEMU process does not run, and the clients that wait at its monitor fill the queue there: the next one cannot even connect. Cured by a cycle.',
    inject: async (machine) => {
      signal(machine.pid(), 'SIGSTOP');
      await fillMonitorQueue(machine);
    },
    heal: async (machine) => {
      leaveMonitorQueue(machine);
      signal(machine.pid(), 'SIGCONT');
    },
  },
  'one-disk-stalled': {
    brief:
      'The block path of the second disk stands still, the first one works, and with it the login: whatever writes to /srv hangs. Cured by a cycle, never by a reset.',
    machine: 'two-disks',
    inject: async (machine) => signal(machine.diskServerPid(1), 'SIGSTOP'),
    heal: async (machine) => signal(machine.diskServerPid(1), 'SIGCONT'),
  },
  'login-disk-stalled': {
    brief:
      'The block path of the first of two disks stands still: a login hangs, and what writes to the second disk goes on. Cured by a cycle, never by a reset.',
    machine: 'two-disks',
    inject: stallDisk,
    heal: resumeDisk,
  },
  'io-error-nospace': {
    brief:
      'The pool under the disk is full: QEMU has paused the VM. Free space, then resume; never a cycle first.',
    inject: async (machine) => {
      await limitFileSize(machine, String(FULL_AT_BYTES));
      await untilStatus(machine, 'io-error');
    },
    heal: async (machine) => {
      await limitFileSize(machine, 'unlimited');
      await machine.qm('resume', String(VMID));
    },
  },
  'kernel-panic': {
    brief: 'The guest kernel has panicked.',
    inject: async (machine) => {
      machine.inGuest('echo c >/proc/sysrq-trigger', 1_000).catch(() => undefined); // no answer will come
      await untilStatus(machine, 'guest-panicked');
    },
  },
  stopped: {
    brief: 'The VM is stopped. Cured by a start.',
    inject: async (machine) => void (await machine.qm('stop', String(VMID))),
  },
  locked: {
    brief: 'A backup died with the VM stopped and left its lock. A person unlocks, then start.',
    inject: async (machine) => {
      await machine.qm('stop', String(VMID));
      machine.setConfig('lock', 'backup');
    },
    heal: async (machine) => machine.setConfig('lock', undefined),
  },
  'locked-by-task': {
    brief: 'A backup runs and holds the lock. Wait for it.',
    inject: async (machine) => {
      machine.setConfig('lock', 'backup');
      await startBackupTask(machine);
    },
    heal: async (machine) => {
      endBackupTask(machine);
      machine.setConfig('lock', undefined);
    },
  },
  'dead-sshd': {
    brief: 'Nothing listens on port 22. The console of the VM is the way in; a reset restarts everything.',
    inject: async (machine) => void (await machine.inGuest('killall dropbear')),
    heal: async (machine) => void (await machine.inGuest('setsid /sbin/rc.sshd >/dev/console 2>&1 &')),
  },
  'dead-guest-agent': {
    brief: 'The guest agent has ended. SSH answers: no power verb.',
    inject: async (machine) => void (await machine.inGuest('kill "$(cat /run/guest-agent.pid)"')),
    // Whoever drilled it may have started one: with a second one the next fault that ends the agent would end one of two.
    heal: async (machine) =>
      void (await machine.inGuest(
        'test -d "/proc/$(cat /run/guest-agent.pid)" || setsid /sbin/rc.guest-agent >/dev/console 2>&1 &',
      )),
  },
  'network-down': {
    brief:
      'The guest works, but its network is down and its agent has ended: nothing answers from outside. No power verb; the console.',
    inject: async (machine) =>
      void (await machine.inGuest('kill "$(cat /run/guest-agent.pid)"; ifconfig eth0 down')),
    heal: async (machine) =>
      void (await machine.inGuest(
        'ifconfig eth0 up; route add default gw 10.0.2.2; setsid /sbin/rc.guest-agent >/dev/console 2>&1 &',
      )),
  },
  'guest-network-down': {
    brief:
      'The guest works and its agent answers, but its network card is down: SSH is silent. No power verb; the console.',
    inject: async (machine) => void (await machine.inGuest('ifconfig eth0 down')),
    heal: async (machine) => void (await machine.inGuest('ifconfig eth0 up; route add default gw 10.0.2.2')),
  },
  'memory-thrash': {
    machine: 'virtio',
    brief: 'Processes want far more memory than there is, and the guest swaps without end. Wait, then reset.',
    inject: async (machine) => {
      await machine.inGuest('fallocate -l 480M /data/swap && mkswap /data/swap && swapon /data/swap');
      await limitDisk(machine, SLOW_DISK_IOPS);
      await machine.inGuest(
        `for n in $(seq ${HOGS}); do setsid sh -c "while :; do dd if=/dev/zero of=/dev/null bs=${HOG_MIB}M count=8; done" >/dev/null 2>&1 & done`,
      );
    },
    heal: (machine) => limitDisk(machine, 0),
  },
  'disk-full': {
    brief: 'A log has filled the disk of the VM. SSH answers: remove /data/log/debug.log.',
    inject: async (machine) =>
      void (await machine.inGuest(
        'fallocate -l "$(($(df -k /data | tail -n 1 | tr -s " " | cut -d " " -f 4) - 64))k" /data/log/debug.log; dd if=/dev/zero of=/data/log/debug.log bs=4k oflag=append conv=notrunc 2>/dev/null; sync; df /data | grep -q 100%',
        60_000,
      )),
    heal: async (machine) => void (await machine.inGuest('rm -f /data/log/debug.log')),
  },
  paused: {
    brief: 'Somebody has paused the VM. A person resumes it.',
    inject: async (machine) => void (await machine.qmp([{ execute: 'stop' }])),
    heal: async (machine) => void (await machine.qm('resume', String(VMID))),
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

export const findFault = (name: FaultName): Fault => FAULTS[name];

export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULTS, name);

/** The machine that a fault is meant for. */
export const machineFor = (name: FaultName): MachineKind => findFault(name).machine ?? 'virtio';

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(pid, name);
}

/**
 * A write of the disk's server beyond the limit fails with EFBIG, which NBD carries as "no space":
 * https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/nbd/server.c#L77 — and it can be taken back while everything runs.
 */
async function limitFileSize(machine: QemuMachine, limit: string): Promise<void> {
  const pid = machine.diskServerPid();
  if (pid !== undefined) await execa('prlimit', ['--pid', String(pid), `--fsize=${limit}:unlimited`]);
}

/** 0: no limit. QEMU's own throttle, so the requests still advance. */
async function limitDisk(machine: QemuMachine, iops: number): Promise<void> {
  const none = { bps: 0, bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };
  await machine.qmp([
    { execute: 'block_set_io_throttle', arguments: { device: 'drive-virtio0', iops, ...none } },
  ]);
}

async function untilStatus(machine: QemuMachine, wanted: string): Promise<void> {
  for (let tries = 0; tries < 480; tries += 1) {
    const [told] = (await machine.qmp([{ execute: 'query-status' }])) as [{ status: string }];
    if (told.status === wanted) return;
    await sleep(250);
  }
  throw new Error(`the VM did not become ${wanted}`);
}
