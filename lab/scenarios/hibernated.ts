// Suspended to disk before the host's maintenance, and never woken. Proxmox says "stopped" and "locked", and neither is the trouble:
// `start` takes the lock away by itself and the guest goes on where it was. What is staged is not applied by that.
import type { JournalSeed, UnitSeed } from '../vm/seed.ts';
import { GIB, HOSTNAME, MIB, rootFilesystem, type Scenario, VMID } from './scenario.ts';

const DAY_S = 86_400;
const DISK_BYTES = 31 * GIB;
const SUSPENDED_S = 13 * 3600 + 20 * 60;

const units: UnitSeed[] = [
  {
    name: 'redis-server.service',
    description: 'Advanced key-value store',
    user: 'redis',
    sinceAgoS: 23 * DAY_S,
    listens: ['127.0.0.1:6379'],
    execStart: '/usr/bin/redis-server 127.0.0.1:6379',
    // Its data lives in memory: what a boot would lose, a resume keeps.
    startLines: ['Server initialized', 'Ready to accept connections'],
    process: { comm: 'redis-server', args: '/usr/bin/redis-server 127.0.0.1:6379', rssKb: 2_310_000 },
  },
  {
    name: 'jobs.service',
    description: 'Job runner',
    user: 'jobs',
    sinceAgoS: 23 * DAY_S,
    listens: ['0.0.0.0:8090'],
    execStart: '/opt/jobs/bin/jobs serve',
    startLines: ['queue is empty', 'listening on 0.0.0.0:8090'],
    process: { comm: 'jobs', args: '/opt/jobs/bin/jobs serve', rssKb: 96_000 },
  },
];

/** The guest is not told that it is put to sleep: its last words are ordinary ones. */
const journal = (): JournalSeed[] =>
  Array.from({ length: 24 }, (_, index) => ({
    agoS: SUSPENDED_S + (23 - index) * 11,
    unit: 'jobs.service',
    ident: 'jobs',
    message: `job ${71_300 + index} done in ${140 + index * 9} ms`,
  }));

export const hibernated = (): Scenario => {
  const disk = `local-lvm:vm-${VMID}-disk-0,iothread=1,size=32G`;
  const day = new Date(Date.now() - SUSPENDED_S * 1000).toISOString().slice(0, 10);
  return {
    name: 'hibernated',
    title: 'Hibernated, and nobody woke it',
    brief: `${HOSTNAME} was suspended to disk last evening, before the host's maintenance, and nobody woke it. Proxmox says "stopped" and shows a lock (suspended). Ask for a triage: nothing has to be unlocked. Cycle is refused, there is no process to end. Start resumes the VM where it was; the memory that is staged for it is applied by a later cycle only.`,
    machine: {
      vmid: VMID,
      name: HOSTNAME,
      status: 'stopped',
      fault: 'none',
      config: {
        agent: '1',
        boot: 'order=scsi0',
        cores: '4',
        cpu: 'x86-64-v2-AES',
        lock: 'suspended',
        memory: '8192',
        name: HOSTNAME,
        net0: 'virtio=BC:24:11:5E:10:66,bridge=vmbr0',
        onboot: '1',
        ostype: 'l26',
        runningcpu: 'qemu64,+aes,enforce,+kvm_pv_eoi,+kvm_pv_unhalt,+pni,+popcnt,+sse4.1,+sse4.2,+ssse3',
        runningmachine: 'pc-i440fx-10.0+pve1',
        scsi0: disk,
        scsihw: 'virtio-scsi-single',
        sockets: '1',
        vmstate: `local-lvm:vm-${VMID}-state-suspend-${day}`,
      },
      pending: { memory: '12288' },
    },
    guest: {
      hostname: HOSTNAME,
      uptimeS: 23 * DAY_S + 4 * 3600 + 8 * 60,
      address: '10.20.0.52',
      swapBytes: 976 * MIB,
      filesystems: [rootFilesystem(DISK_BYTES)],
      load: { load: [0.42, 0.38, 0.35], usedMib: 3_120, cacheMib: 2_240, swapUsedMib: 0 },
      loadAfterBoot: { load: [0.66, 0.24, 0.09], usedMib: 710, cacheMib: 480, swapUsedMib: 0 },
      files: [
        {
          path: '/var/lib/redis/dump.rdb',
          size: 640 * MIB,
          owner: 'redis',
          mode: 0o660,
          agoS: SUSPENDED_S + 3600,
        },
        { path: '/opt/jobs/bin/jobs', size: 21 * MIB, mode: 0o755, agoS: 40 * DAY_S },
      ],
      units,
      journal: journal(),
    },
  };
};
