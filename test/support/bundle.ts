// Evidence bundles as the power host makes them, for tests: a stalled virtio disk by default, any file replaceable.
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';

export type BundleFiles = Readonly<Record<string, string | Uint8Array>>;

export const ID = '20260131T020304.567Z-cycle';

interface QmpLine {
  readonly command: string;
  readonly arguments?: Record<string, unknown>;
  readonly value?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

const qmpLines = (at: string, lines: readonly QmpLine[]): string =>
  [
    { greeting: { QMP: { version: { qemu: { major: 9 } } } } },
    ...lines.map(({ value, error, ...line }) =>
      error === undefined ? { ...line, at, ms: 1, return: value } : { ...line, at, ms: 1, error },
    ),
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

export interface SampleShape {
  readonly at?: string;
  readonly state?: string;
  readonly written?: number;
  readonly operations?: number;
  readonly inUse?: number;
  readonly used?: number;
  /** When false, the disk is an lsi one, for which QEMU lists no queues. */
  readonly virtio?: boolean;
  readonly ioStatus?: string;
  readonly swappedIn?: number;
}

const PATH = '/machine/peripheral/virtio0/virtio-backend';
/** QEMU lists every virtio device. One that is not a disk says nothing about the disk. */
const OTHER = { name: 'virtio-net', path: '/machine/peripheral/net0/virtio-backend' };

export function qmpSample(shape: SampleShape = {}): string {
  const { virtio = true, written = 4_096, operations = 7 } = shape;
  return qmpLines(shape.at ?? '2026-01-31T02:03:05.000+00:00', [
    { command: 'query-status', value: { status: shape.state ?? 'running', running: true } },
    {
      command: 'query-blockstats',
      value: [
        { device: '', qdev: 'ide2', stats: { rd_bytes: 0, wr_bytes: 0, rd_operations: 0, wr_operations: 0 } },
        {
          device: '',
          qdev: virtio ? PATH : 'scsi0',
          stats: { rd_bytes: 100, wr_bytes: written, rd_operations: 1, wr_operations: operations },
        },
      ],
    },
    { command: 'query-block', value: [{ device: '', qdev: 'x', 'io-status': shape.ioStatus ?? 'ok' }] },
    { command: 'query-cpus-fast', value: [{ 'cpu-index': 0, 'thread-id': 4243 }] },
    {
      command: 'query-balloon',
      value: { actual: 1, mem_swapped_in: shape.swappedIn ?? 0, major_page_faults: shape.swappedIn ?? 0 },
    },
    { command: 'x-query-virtio', value: [virtio ? { name: 'virtio-blk', path: PATH } : OTHER] },
    ...(virtio
      ? [
          {
            command: 'x-query-virtio-queue-status',
            arguments: { path: PATH, queue: 0 },
            value: {
              name: 'virtio-blk',
              'queue-index': 0,
              inuse: shape.inUse ?? 0,
              'used-idx': shape.used ?? 70,
            },
          },
          // QEMU says itself that there is no further queue.
          {
            command: 'x-query-virtio-queue-status',
            arguments: { path: PATH, queue: 1 },
            error: { class: 'GenericError', desc: 'Invalid virtqueue number 1' },
          },
        ]
      : []),
  ]);
}

export const threads = (cpu: { state?: string; wchan?: string; ticks?: number } = {}): string =>
  [
    '==> /proc/4242/task/4242/comm <==\nkvm',
    '==> /proc/4242/task/4242/stat <==\n4242 (kvm) S 1 4242 4242 0 -1 0 0 0 0 0 5 5 0 0 20 0 4 0 100 1 1',
    '==> /proc/4242/task/4242/wchan <==\ndo_sys_poll',
    '==> /proc/4242/task/4243/comm <==\nCPU 0/KVM',
    `==> /proc/4242/task/4243/stat <==\n4243 (CPU 0/KVM) ${cpu.state ?? 'S'} 1 4242 4242 0 -1 0 0 0 0 0 ${cpu.ticks ?? 100} 0 0 0 20 0 4 0 100 1 1`,
    `==> /proc/4242/task/4243/wchan <==\n${cpu.wchan ?? 'kvm_vcpu_block'}`,
  ].join('\n\n');

export const manifest = (more: Record<string, unknown> = {}): string =>
  JSON.stringify({
    id: ID,
    verb: 'cycle',
    vmid: 102,
    version: '0.1.0',
    caller: '10.0.0.5',
    key: 'SHA256:x',
    pid: 4242,
    start_time: 100,
    began_at: '2026-01-31T02:03:04.567+00:00',
    ended_at: '2026-01-31T02:03:08.100+00:00',
    steps: [
      {
        name: 'identity',
        status: 'ok',
        ms: 4,
        why: null,
        file: 'identity.txt',
        bytes: 100,
        truncated: false,
      },
      { name: 'gdb', status: 'skipped', ms: 0, why: 'no gdb here', file: null, bytes: 0, truncated: false },
      { name: 'agent-ping', status: 'error', ms: 2_003, why: 'exit 255', file: 'agent-ping.txt', bytes: 40 },
    ],
    ...more,
  });

const MANIFEST_AT_S = Date.parse('2026-01-31T02:03:00Z') / 1_000;

/** One value a minute, the newest in the minute of the capture. */
export const history = (written: readonly number[]): string =>
  JSON.stringify(
    written.map((diskwrite, n) => ({
      time: MANIFEST_AT_S - (written.length - 1 - n) * 60,
      diskwrite,
      cpu: 0.1,
    })),
  );

/** A picture of 4 × 2 points. */
export const PPM = Buffer.concat([
  Buffer.from('P6\n4 2\n255\n'),
  Buffer.from(Array.from({ length: 24 }, (_, n) => n * 10)),
]);

/** The founding incident, on a virtio disk. */
export const STALLED: BundleFiles = {
  'manifest.json': manifest(),
  'identity.txt': '==> /var/run/qemu-server/102.pid <==\n4242',
  'process-a.txt': '==> /proc/4242/status <==\nName:\tkvm\nState:\tS (sleeping)',
  'process-b.txt': '==> /proc/4242/status <==\nName:\tkvm\nState:\tS (sleeping)',
  'tasks-a.txt': threads(),
  'tasks-b.txt': threads({ ticks: 290 }),
  'qmp-a.jsonl': qmpSample({ inUse: 3 }),
  'qmp-b.jsonl': qmpSample({ inUse: 3, at: '2026-01-31T02:03:07.000+00:00' }),
  'status-a.txt': 'status: running\nrunning-qemu: 9.2.0\ndiskwrite: 4096\ndiskread: 100\n',
  'status-b.txt': 'status: running\nrunning-qemu: 9.2.0\ndiskwrite: 4096\ndiskread: 100\n',
  'config.txt': 'agent: 1\nmemory: 8192\nscsi0: local-lvm:vm-102-disk-0,iops_wr=500,size=40G\n',
  'pending.txt': 'cur memory: 8192\nnew memory: 12288\ndel balloon\n',
  'agent-ping.txt': 'exit: 255\nQEMU guest agent is not running\n',
  'kernel-log.txt': '2026-01-31T02:00:00,000000+00:00 vmbr0: port 2(tap102i0) entered forwarding state\n',
  'cluster.txt': 'quorum: yes\nha: no\nlock: none\ntask: none\n',
  'flock.txt': 'free\n',
  'rrd.json': history([5, 9, 4, 0, 0, 0, 0]),
  'screendump.ppm': PPM,
  'background/lvs.txt': 'lv\n',
};

export async function packBundle(
  files: BundleFiles,
  id = ID,
  more: readonly TarEntry[] = [],
): Promise<Buffer> {
  const entries: TarEntry[] = [{ header: { name: `${id}/`, type: 'directory', size: 0 } }];
  for (const [name, content] of Object.entries(files)) {
    const body = Buffer.from(content);
    entries.push({ header: { name: `${id}/${name}`, size: body.length, type: 'file' }, body });
  }
  return gzipSync(await packTar([...entries, ...more]));
}
