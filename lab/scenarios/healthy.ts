// The lab's other target: nothing is wrong with it. Who rehearses learns to tell the two apart, and that a verb for one leaves the
// other alone.
import type { UnitSeed } from '../vm/seed.ts';
import { GIB, MIB, rootFilesystem, type Scenario } from './scenario.ts';

const DAY_S = 86_400;
const HOSTNAME = 'web';
const DISK_BYTES = 19.5 * GIB;

const units: UnitSeed[] = [
  {
    name: 'nginx.service',
    description: 'A high performance web server and a reverse proxy server',
    sinceAgoS: 33 * DAY_S,
    listens: ['0.0.0.0:80', '0.0.0.0:443'],
    execStart: "/usr/sbin/nginx -g 'daemon on; master_process on;'",
    process: {
      comm: 'nginx',
      args: 'nginx: master process /usr/sbin/nginx -g daemon on; master_process on;',
      rssKb: 9_100,
    },
    children: [{ comm: 'nginx', args: 'nginx: worker process', rssKb: 13_200 }],
  },
];

export const healthy = (): Scenario => ({
  name: 'healthy',
  title: 'Nothing is wrong',
  brief: `${HOSTNAME} is well: SSH works, its disks move.`,
  machine: {
    vmid: 103,
    name: HOSTNAME,
    status: 'running',
    fault: 'none',
    config: {
      agent: '1',
      boot: 'order=scsi0',
      cores: '2',
      cpu: 'host',
      memory: '2048',
      name: HOSTNAME,
      net0: 'virtio=BC:24:11:5E:10:67,bridge=vmbr0',
      onboot: '1',
      ostype: 'l26',
      scsi0: 'local-lvm:vm-103-disk-0,size=20G',
      scsihw: 'virtio-scsi-single',
      sockets: '1',
    },
    pending: {},
  },
  guest: {
    hostname: HOSTNAME,
    uptimeS: 33 * DAY_S + 2 * 3600,
    address: '10.20.0.53',
    swapBytes: 976 * MIB,
    filesystems: [rootFilesystem(DISK_BYTES)],
    load: { load: [0.08, 0.11, 0.09], usedMib: 410, cacheMib: 1_050, swapUsedMib: 0 },
    loadAfterBoot: { load: [0.31, 0.12, 0.04], usedMib: 330, cacheMib: 280, swapUsedMib: 0 },
    files: [{ path: '/var/log/nginx/access.log', size: 41 * MIB, group: 'adm', mode: 0o640, agoS: 12 }],
    units,
    journal: [
      {
        agoS: 12,
        unit: 'nginx.service',
        ident: 'nginx',
        message: '10.20.0.20 - - "GET / HTTP/2.0" 200 5120',
      },
    ],
  },
});
