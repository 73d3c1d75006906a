// QEMU's machine protocol as the lab's QEMU speaks it: a Unix socket that answers what a capture asks, one client at a time, out
// of the files of the simulated machine. In a block stall the counters stand still and each queue of a virtio disk holds
// requests; a wedged QEMU accepts and says nothing. Protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { readFields } from '../machine/files.ts';
import type { Machine } from '../machine/machine.ts';
import { drawScreen } from './screen.ts';

export interface Qmp {
  close(): Promise<void>;
}

const GREETING = {
  QMP: {
    version: { qemu: { micro: 0, minor: 2, major: 9 }, package: 'pve-qemu-kvm_9.2.0-5' },
    capabilities: [],
  },
};

/** Serves `run/qemu-server/<vmid>.qmp` while the machine runs. */
export const startQmp = async (machine: Machine, vmid: number): Promise<Qmp> => {
  const socketPath = path.join(machine.dir, 'run/qemu-server', `${vmid}.qmp`);
  const clients = new Set<Socket>();
  let queue: Promise<void> = Promise.resolve();
  let server: Server | undefined;

  const open = async (): Promise<void> => {
    rmSync(socketPath, { force: true });
    const opened = createServer((socket) => {
      clients.add(socket);
      const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('close', () => clients.delete(socket));
      socket.on('error', () => socket.destroy());
      queue = queue.then(() => (socket.destroyed ? undefined : converse(socket, machine, ended)));
    });
    server = opened;
    await new Promise<void>((resolve, reject) => {
      opened.once('error', reject);
      opened.listen(socketPath, resolve);
    });
    opened.unref();
  };
  const shut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    for (const socket of clients) socket.destroy();
    if (closing !== undefined) await new Promise<void>((resolve) => closing.close(() => resolve()));
  };

  // One change after the other: a cycle stops and starts within milliseconds.
  let pid = '';
  let changing: Promise<void> = Promise.resolve();
  const follow = (): void => {
    changing = changing.then(async () => {
      const now = machine.status() === 'running' ? (stateOf(machine)['pid'] ?? '') : '';
      if (now === pid) return;
      pid = now;
      await shut();
      if (now !== '') await open();
    });
  };
  follow();
  await changing;
  const stopListening = machine.onChange(follow);
  return {
    close: async () => {
      stopListening();
      await changing;
      await shut();
    },
  };
};

const stateOf = (machine: Machine) => readFields(path.join(machine.dir, 'machine/state'), '=');

/** Until the client goes. */
const converse = (socket: Socket, machine: Machine, ended: Promise<void>): Promise<void> => {
  let buffer = '';
  const say = (message: object): void => void socket.write(`${JSON.stringify(message)}\r\n`);
  if (stateOf(machine)['qmp'] !== 'silent') say(GREETING);
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString();
    for (let end = buffer.indexOf('\n'); end !== -1; end = buffer.indexOf('\n')) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 1);
      if (stateOf(machine)['qmp'] !== 'silent') say(reply(machine, line));
    }
  });
  return ended;
};

const failure = (kind: string, desc: string): object => ({ error: { class: kind, desc } });

const reply = (machine: Machine, line: string): object => {
  let asked: { execute?: unknown; arguments?: Record<string, unknown> };
  try {
    asked = JSON.parse(line) as typeof asked;
  } catch {
    return failure('GenericError', 'JSON parse error');
  }
  const answer = ANSWERS[String(asked.execute)];
  if (answer === undefined)
    return failure('CommandNotFound', `The command ${String(asked.execute)} has not been found`);
  return answer(look(machine), asked.arguments ?? {});
};

interface Look {
  readonly stalled: boolean;
  readonly elapsedMs: number;
  readonly config: Readonly<Record<string, string>>;
  /** Names of disks in the configuration, with the kind of virtio device that serves each, if any. */
  readonly disks: readonly {
    readonly name: string;
    readonly virtio: 'virtio-blk' | 'virtio-scsi' | undefined;
  }[];
}

const look = (machine: Machine): Look => {
  const state = stateOf(machine);
  const config = machine.config();
  const stalled = machine.fault() === 'block-stall';
  const scsi = config['scsihw']?.startsWith('virtio') === true ? ('virtio-scsi' as const) : undefined;
  const names = Object.keys(config).filter((key) => /^(?:scsi|virtio|sata|ide)\d+$/.test(key));
  return {
    stalled,
    // The same clock as the stand-in for qm: the two tell of the same counters.
    elapsedMs: Number(stalled ? state['fault_at_ms'] : Date.now()) - Number(state['process_at_ms']),
    config,
    disks: (names.length > 0 ? names : ['scsi0']).map((name) => ({
      name,
      virtio: name.startsWith('virtio') ? 'virtio-blk' : name.startsWith('scsi') ? scsi : undefined,
    })),
  };
};

const devicePath = (name: string, virtio: 'virtio-blk' | 'virtio-scsi'): string =>
  virtio === 'virtio-blk'
    ? `/machine/peripheral/${name}/virtio-backend`
    : `/machine/peripheral/virtio${name}/virtio-backend`;

/** virtio-scsi has a control and an event queue before those of requests. */
const queuesOf = (virtio: 'virtio-blk' | 'virtio-scsi'): number => (virtio === 'virtio-blk' ? 1 : 3);

const ANSWERS: Readonly<Record<string, (look: Look, given: Record<string, unknown>) => object>> = {
  qmp_capabilities: () => ({ return: {} }),
  'query-status': () => ({ return: { status: 'running', singlestep: false, running: true } }),
  'query-blockstats': ({ disks, elapsedMs }) => ({
    return: disks.map(({ name }, index) => ({
      device: `drive-${name}`,
      qdev: name,
      stats: {
        rd_bytes: index === 0 ? elapsedMs * 96 + 734_003_200 : 0,
        wr_bytes: index === 0 ? elapsedMs * 1024 : 0,
        rd_operations: index === 0 ? Math.floor((elapsedMs * 96 + 734_003_200) / 16_384) : 0,
        wr_operations: index === 0 ? Math.floor((elapsedMs * 1024) / 8192) : 0,
        flush_operations: index === 0 ? Math.floor(elapsedMs / 400) : 0,
      },
    })),
  }),
  'query-block': ({ disks }) => ({
    return: disks.map(({ name }) => ({
      device: `drive-${name}`,
      qdev: name,
      type: 'unknown',
      locked: false,
      removable: false,
      'io-status': 'ok',
    })),
  }),
  'query-block-jobs': () => ({ return: [] }),
  'query-iothreads': () => ({ return: [] }),
  'query-cpus-fast': ({ config }) => ({
    return: Array.from({ length: Number(config['cores'] ?? 1) }, (_, index) => ({
      'cpu-index': index,
      'qom-path': `/machine/unattached/device[${index}]`,
      'thread-id': 4243 + index,
      target: 'x86_64',
    })),
  }),
  'query-balloon': ({ config }) => ({ return: { actual: Number(config['memory'] ?? 4096) * 1024 * 1024 } }),
  'x-query-virtio': ({ disks }) => ({
    return: [
      { name: 'virtio-net', path: '/machine/peripheral/net0/virtio-backend' },
      { name: 'virtio-balloon', path: '/machine/peripheral/balloon0/virtio-backend' },
      ...disks.flatMap(({ name, virtio }) =>
        virtio === undefined ? [] : [{ name: virtio, path: devicePath(name, virtio) }],
      ),
    ],
  }),
  'x-query-virtio-queue-status': ({ disks, stalled, elapsedMs }, given) => {
    const disk = disks.find(
      ({ name, virtio }) => virtio !== undefined && devicePath(name, virtio) === given['path'],
    );
    const queue = Number(given['queue']);
    if (disk?.virtio === undefined)
      return failure('GenericError', `Path ${String(given['path'])} is not a VirtIODevice`);
    if (!(queue < queuesOf(disk.virtio))) return failure('GenericError', `Invalid virtqueue number ${queue}`);
    const requests = queue === queuesOf(disk.virtio) - 1;
    const used = requests ? Math.floor(elapsedMs / 8) % 65_536 : 0;
    const inUse = requests && stalled ? 14 : 0;
    return {
      return: {
        name: disk.virtio,
        'queue-index': queue,
        inuse: inUse,
        'used-idx': used,
        'last-avail-idx': (used + inUse) % 65_536,
        'shadow-avail-idx': (used + inUse) % 65_536,
        'signalled-used': used,
        'signalled-used-valid': true,
        'vring-num': 256,
      },
    };
  },
  screendump: (now, given) => {
    try {
      writeFileSync(String(given['filename']), drawScreen(now.config['name'] ?? 'devvm'));
      return { return: {} };
    } catch (error) {
      return failure('GenericError', error instanceof Error ? error.message : String(error));
    }
  },
};
