// A backup hung together with the VM's disk and was killed. Its config lock stayed, and refuses every verb that would cure the stall
// below it. That somebody has the VM's console open is no reason for the lock: no task owns it, and a person removes it on the host.
import type { JournalSeed, UnitSeed } from '../vm/seed.ts';
import { GIB, HOSTNAME, MIB, rootFilesystem, type Scenario, VMID } from './scenario.ts';

const DAY_S = 86_400;
const DISK_BYTES = 59 * GIB;
const BACKUP_BEGAN_S = 41 * 60;
/** How long the guest has written nothing: as the machine's seed has it. */
const STALLED_S = 26 * 60;
const BACKUP_KILLED_S = 14 * 60;
const CONSOLE_OPEN_S = 9 * 60;

const units: UnitSeed[] = [
  {
    name: 'gitea.service',
    description: 'Gitea (Git with a cup of tea)',
    user: 'git',
    sinceAgoS: 19 * DAY_S,
    listens: ['0.0.0.0:3000'],
    execStart: '/usr/local/bin/gitea web --config /etc/gitea/app.ini',
    startLines: ['Starting new Web server: tcp:0.0.0.0:3000'],
    process: {
      comm: 'gitea',
      args: '/usr/local/bin/gitea web --config /etc/gitea/app.ini',
      rssKb: 241_000,
      vszKb: 1_840_000,
    },
  },
  {
    name: 'postgresql@15-main.service',
    description: 'PostgreSQL Cluster 15-main',
    user: 'postgres',
    sinceAgoS: 19 * DAY_S,
    listens: ['127.0.0.1:5432'],
    execStart: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
    startLines: [
      'LOG:  database system was not properly shut down; automatic recovery in progress',
      'LOG:  database system is ready to accept connections',
    ],
    process: {
      comm: 'postgres',
      args: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
      rssKb: 190_000,
      vszKb: 2_410_000,
    },
  },
];

/** The backup freezes the file systems for a moment and goes on; then, in mid-traffic, nothing. */
const journal = (): JournalSeed[] => [
  {
    agoS: BACKUP_BEGAN_S - 2,
    unit: 'qemu-guest-agent.service',
    ident: 'qemu-ga',
    message: 'info: guest-fsfreeze called',
  },
  ...Array.from({ length: 40 }, (_, index) => ({
    agoS: STALLED_S + (39 - index) * 7,
    unit: 'gitea.service',
    ident: 'gitea',
    message: `router: completed ${index % 5 === 0 ? 'POST /team/site.git/git-receive-pack' : 'GET /team/site/pulls'} for 10.20.0.${30 + (index % 6)}:0, 200 OK in ${12 + index}.1ms`,
  })),
];

export const backupLock = (): Scenario => ({
  name: 'backup-lock',
  title: 'Silent, and locked by a backup that is gone',
  brief: `${HOSTNAME} is silent. The nightly backup of this host hung with its disk; somebody killed it, and its lock stayed: reset, stop and cycle are refused. A colleague has the VM's console open, which is no reason for the lock. Ask for a triage, then try cycle and read why it is refused. No button removes a lock. Be sure that nothing works on the VM, then do what a person would do on the host (qm unlock ${VMID}; the lab's terminal shows the line for it). After that triage finds what is wrong with the VM, and a cycle cures it.`,
  byHand: `qm unlock ${VMID}`,
  machine: {
    vmid: VMID,
    name: HOSTNAME,
    status: 'running',
    fault: 'block-stall',
    config: {
      agent: '1',
      boot: 'order=scsi0',
      cores: '4',
      cpu: 'host',
      lock: 'backup',
      memory: '8192',
      name: HOSTNAME,
      net0: 'virtio=BC:24:11:5E:10:66,bridge=vmbr0',
      onboot: '1',
      ostype: 'l26',
      scsi0: `local-lvm:vm-${VMID}-disk-0,iothread=1,size=60G`,
      scsihw: 'virtio-scsi-single',
      sockets: '1',
    },
    pending: {},
    tasks: [
      // A job of several VMs names none.
      { type: 'vzdump', id: '', user: 'root@pam', agoS: BACKUP_BEGAN_S, killedAgoS: BACKUP_KILLED_S },
      { type: 'vncproxy', id: String(VMID), user: 'mira@pve', agoS: CONSOLE_OPEN_S },
    ],
  },
  guest: {
    hostname: HOSTNAME,
    uptimeS: 19 * DAY_S + 6 * 3600 + 12 * 60,
    address: '10.20.0.52',
    swapBytes: 976 * MIB,
    filesystems: [rootFilesystem(DISK_BYTES)],
    load: { load: [38.7, 31.4, 19.2], usedMib: 2_900, cacheMib: 4_100, swapUsedMib: 4 },
    loadAfterBoot: { load: [0.58, 0.21, 0.08], usedMib: 980, cacheMib: 610, swapUsedMib: 0 },
    files: [
      {
        path: '/var/lib/gitea/data/gitea-repositories/team/site.git/objects/pack/pack-7be1.pack',
        size: 3 * GIB,
        owner: 'git',
        agoS: 2 * DAY_S,
      },
      {
        path: '/var/lib/postgresql/15/main/base/16384/16397',
        size: 1 * GIB,
        owner: 'postgres',
        mode: 0o600,
        agoS: STALLED_S,
      },
      { path: '/etc/gitea/app.ini', content: '[server]\nHTTP_PORT = 3000\n', mode: 0o640, agoS: 60 * DAY_S },
    ],
    units,
    journal: journal(),
  },
});
