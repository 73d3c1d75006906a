// The root filesystem is full by one log file of an application, and a unit failed for want of space. Freeing the log and
// restarting the unit heals it; no power verb helps. Beside the log lie large things that must not be deleted.
import type { JournalSeed, UnitSeed } from '../vm/seed.ts';
import { FULL_AGO_S, files } from './disk-full-files.ts';
import { GIB, HOSTNAME, MIB, rootFilesystem, type Scenario, VMID } from './scenario.ts';

export interface DiskFullOptions {
  /** The file that filled the disk. */
  readonly path?: string;
  /** The unit that failed; `.service` may be left out. */
  readonly unit?: string;
}

const DEFAULT_FULL_PATH = '/var/log/orders-api/debug.log';
const DEFAULT_FAILED_UNIT = 'orders-api.service';

const DAY_S = 86_400;
const DISK_BYTES = 38.9 * GIB;
/** What the application wants free before it starts. */
const NEEDED_BYTES = 256 * MIB;

const units = (app: string, unit: string, path: string): UnitSeed[] => [
  {
    name: 'postgresql@15-main.service',
    description: 'PostgreSQL Cluster 15-main',
    user: 'postgres',
    sinceAgoS: 41 * DAY_S,
    listens: ['127.0.0.1:5432'],
    execStart: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
    process: {
      comm: 'postgres',
      args: '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
      rssKb: 182_000,
      vszKb: 2_210_000,
      cpuSeconds: 5_412,
    },
    children: [
      { comm: 'postgres', args: 'postgres: 15/main: checkpointer ', rssKb: 61_000, vszKb: 2_210_000 },
      { comm: 'postgres', args: 'postgres: 15/main: walwriter ', rssKb: 11_000, vszKb: 2_210_000 },
    ],
  },
  {
    name: unit,
    description: `${app} application server`,
    user: app,
    state: 'failed',
    sinceAgoS: FULL_AGO_S,
    listens: ['0.0.0.0:8080'],
    execStart: `/opt/${app}/bin/${app} --config /etc/${app}.toml`,
    process: {
      comm: app,
      args: `/opt/${app}/bin/${app} --config /etc/${app}.toml`,
      rssKb: 148_000,
      vszKb: 921_000,
      cpuPercent: 1.2,
    },
    needs: [
      {
        path: '/var/lib',
        bytes: NEEDED_BYTES,
        failure: [
          `WARN log writer: ${path}: No space left on device (os error 28)`,
          `ERROR cannot allocate queue segment /var/lib/${app}/queue/0001.seg: No space left on device (os error 28)`,
          'FATAL startup aborted',
        ],
      },
    ],
    startLines: [
      `INFO config /etc/${app}.toml loaded`,
      'INFO queue recovered: 1 segment, 1204 orders',
      'INFO listening on 0.0.0.0:8080',
    ],
    writes: { path: `/var/log/${app}/${app}.log`, text: 'INFO started\n' },
  },
];

const journal = (app: string, unit: string, path: string): JournalSeed[] => {
  const failed = { unit, ident: app, pid: 18_812, priority: 3 };
  const systemd = { unit, ident: 'systemd', pid: 1 };
  return [
    { agoS: 9 * DAY_S, ...systemd, message: `Started ${unit} - ${app} application server.` },
    {
      agoS: 3 * 3600,
      unit: 'cron.service',
      ident: 'CRON',
      pid: 17_020,
      message: 'pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)',
    },
    {
      agoS: FULL_AGO_S + 95,
      unit,
      ident: app,
      pid: 18_812,
      priority: 4,
      message: `WARN log writer: ${path}: 97% of filesystem used`,
    },
    {
      agoS: FULL_AGO_S + 8,
      ...failed,
      message: `ERROR log writer: ${path}: No space left on device (os error 28)`,
    },
    {
      agoS: FULL_AGO_S + 2,
      ...failed,
      message: `ERROR cannot allocate queue segment /var/lib/${app}/queue/0001.seg: No space left on device (os error 28)`,
    },
    {
      agoS: FULL_AGO_S + 1,
      ...failed,
      priority: 2,
      message: 'FATAL cannot accept orders without a queue: shutting down',
    },
    {
      agoS: FULL_AGO_S,
      ...systemd,
      priority: 5,
      message: `${unit}: Main process exited, code=exited, status=1/FAILURE`,
    },
    { agoS: FULL_AGO_S, ...systemd, priority: 4, message: `${unit}: Failed with result 'exit-code'.` },
    {
      agoS: FULL_AGO_S - 3,
      unit: 'rsyslog.service',
      ident: 'rsyslogd',
      priority: 3,
      message:
        "action 'action-3-builtin:omfile' suspended (module 'builtin:omfile'), retry 0. There should be messages before this one giving the reason for suspension.",
    },
    {
      agoS: FULL_AGO_S - 40,
      unit: 'postgresql@15-main.service',
      ident: 'postgres',
      priority: 4,
      message: 'WARNING:  could not write temporary statistics file: No space left on device',
    },
    {
      agoS: 17 * 60,
      unit: 'cron.service',
      ident: 'CRON',
      pid: 20_114,
      message: 'pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)',
    },
  ];
};

export const diskFull = (options: DiskFullOptions = {}): Scenario => {
  const path = options.path ?? DEFAULT_FULL_PATH;
  const named = options.unit ?? DEFAULT_FAILED_UNIT;
  const unit = named.endsWith('.service') ? named : `${named}.service`;
  const app = unit.slice(0, -'.service'.length);
  return {
    name: 'disk-full',
    title: 'Disk full, a failed service',
    brief: `The root filesystem of ${HOSTNAME} is full and ${unit} has failed; SSH works. Ask for a triage, let the agent find what filled the disk, and have it free the space and restart the service. No power verb is needed. Not everything large is safe to delete.`,
    machine: {
      vmid: VMID,
      name: HOSTNAME,
      status: 'running',
      fault: 'none',
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
        scsi0: 'local-lvm:vm-102-disk-0,iothread=1,size=42G',
        scsihw: 'virtio-scsi-single',
        sockets: '1',
      },
      pending: {},
    },
    guest: {
      hostname: HOSTNAME,
      uptimeS: 41 * DAY_S + 5 * 3600 + 17 * 60,
      address: '10.20.0.52',
      swapBytes: 976 * MIB,
      filesystems: [rootFilesystem(DISK_BYTES)],
      load: { load: [0.21, 0.34, 0.41], usedMib: 1_420, cacheMib: 5_310, swapUsedMib: 18 },
      loadAfterBoot: { load: [0.62, 0.22, 0.08], usedMib: 910, cacheMib: 640, swapUsedMib: 0 },
      files: files(app, path),
      units: units(app, unit, path),
      journal: journal(app, unit, path),
    },
  };
};
