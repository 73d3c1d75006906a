// The founding incident: the block path froze inside the QEMU process. SSH hangs, the guest's journal stops in mid-traffic and
// its kernel says nothing. A reset keeps the process and the stall; a cycle cures it and applies the staged configuration.
import type { JournalSeed, UnitSeed } from '../vm/seed.ts';
import { GIB, HOSTNAME, MIB, rootFilesystem, type Scenario, VMID } from './scenario.ts';

const DAY_S = 86_400;
const DISK_BYTES = 39.2 * GIB;
/** How long the guest has written nothing. The incident itself took 87 minutes. */
const STALLED_S = 26 * 60;

const units: UnitSeed[] = [
  {
    name: 'nginx.service',
    description: 'A high performance web server and a reverse proxy server',
    sinceAgoS: 12 * DAY_S,
    listens: ['0.0.0.0:80', '0.0.0.0:443'],
    execStart: "/usr/sbin/nginx -g 'daemon on; master_process on;'",
    startLines: ['nginx: configuration file /etc/nginx/nginx.conf test is successful'],
    process: {
      comm: 'nginx',
      args: 'nginx: master process /usr/sbin/nginx -g daemon on; master_process on;',
      rssKb: 9_400,
    },
    children: [
      { comm: 'nginx', args: 'nginx: worker process', rssKb: 14_100 },
      { comm: 'nginx', args: 'nginx: worker process', rssKb: 13_900 },
    ],
  },
  {
    name: 'postgresql@15-main.service',
    description: 'PostgreSQL Cluster 15-main',
    user: 'postgres',
    sinceAgoS: 12 * DAY_S,
    listens: ['127.0.0.1:5432'],
    execStart: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
    startLines: [
      'LOG:  database system was not properly shut down; automatic recovery in progress',
      'LOG:  redo done',
      'LOG:  database system is ready to accept connections',
    ],
    process: {
      comm: 'postgres',
      args: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
      rssKb: 220_000,
      vszKb: 3_310_000,
    },
  },
];

/** Requests every few seconds, then nothing. */
const traffic = (): JournalSeed[] =>
  Array.from({ length: 60 }, (_, index) => ({
    agoS: STALLED_S + (59 - index) * 3,
    unit: 'nginx.service',
    ident: 'nginx',
    message: `10.20.0.${20 + (index % 7)} - - "${index % 4 === 0 ? 'POST /api/builds' : `GET /api/builds/${48_210 + index}`} HTTP/2.0" 200 ${900 + index * 13}`,
  }));

export const ioStall = (): Scenario => ({
  name: 'io-stall',
  title: 'Block path stalled inside QEMU',
  brief: `${HOSTNAME} runs as far as Proxmox can tell, but SSH connects and hangs: its disk path is frozen inside the QEMU process. Look at forensics, then try a reset if you like (it keeps the process and does not help). A cycle starts a fresh process, which cures it and applies the staged configuration: more memory and another disk controller.`,
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
      memory: '8192',
      name: HOSTNAME,
      net0: 'virtio=BC:24:11:5E:10:66,bridge=vmbr0',
      onboot: '1',
      ostype: 'l26',
      scsi0: 'local-lvm:vm-102-disk-0,size=40G',
      scsihw: 'lsi',
      sockets: '1',
    },
    pending: {
      memory: '12288',
      scsi0: 'local-lvm:vm-102-disk-0,aio=threads,iothread=1,size=40G',
      scsihw: 'virtio-scsi-single',
    },
  },
  guest: {
    hostname: HOSTNAME,
    uptimeS: 12 * DAY_S + 3 * 3600 + 41 * 60,
    address: '10.20.0.52',
    swapBytes: 976 * MIB,
    filesystems: [rootFilesystem(DISK_BYTES)],
    load: { load: [61.4, 48.02, 27.9], usedMib: 3_900, cacheMib: 3_600, swapUsedMib: 12 },
    loadAfterBoot: { load: [0.71, 0.25, 0.09], usedMib: 1_040, cacheMib: 720, swapUsedMib: 0 },
    files: [
      {
        path: '/var/lib/postgresql/15/main/base/16384/16397',
        size: 1 * GIB,
        owner: 'postgres',
        mode: 0o600,
        agoS: STALLED_S,
      },
      {
        path: '/var/lib/postgresql/15/main',
        directory: true,
        owner: 'postgres',
        mode: 0o700,
        agoS: STALLED_S,
      },
      { path: '/srv/builds/cache.tar', size: 6 * GIB, agoS: 5 * 3600 },
      { path: '/var/log/nginx/access.log', size: 310 * MIB, group: 'adm', mode: 0o640, agoS: STALLED_S },
    ],
    units,
    journal: [
      {
        agoS: STALLED_S + 3 * 3600,
        unit: 'cron.service',
        ident: 'CRON',
        pid: 19_001,
        message: 'pam_unix(cron:session): session closed for user root',
      },
      ...traffic(),
    ],
  },
});
