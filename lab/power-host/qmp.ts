// QEMU's machine protocol as the lab's QEMU speaks it: a Unix socket that answers what a capture asks, one client at a time, out
// of the files of the simulated machine. In a block stall the counters stand still and each queue of a virtio disk holds
// requests. A wedged QEMU accepts nobody: its socket's backlog of 1 takes two clients, and a third would wait for ever.
// Protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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
    version: { qemu: { micro: 2, minor: 0, major: 10 }, package: 'pve-qemu-kvm_10.0.2-4' },
    capabilities: [],
  },
};

/** Serves `run/qemu-server/<vmid>.qmp` while the machine runs. */
export const startQmp = async (machine: Machine, vmid: number): Promise<Qmp> => {
  const socketPath = path.join(machine.dir, 'run/qemu-server', `${vmid}.qmp`);
  const clients = new Set<Socket>();
  let queue: Promise<void> = Promise.resolve();
  let server: Server | undefined;
  let deaf: ChildProcess | undefined;

  const open = async (silent: boolean): Promise<void> => {
    rmSync(socketPath, { force: true });
    if (silent) {
      deaf = await listenDeaf(socketPath);
      return;
    }
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
      opened.listen({ path: socketPath, backlog: BACKLOG }, resolve);
    });
    opened.unref();
  };
  const shut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (deaf !== undefined) {
      deaf.kill('SIGKILL');
      if (deaf.exitCode === null && deaf.signalCode === null) await once(deaf, 'exit');
      deaf = undefined;
    }
    for (const socket of clients) socket.destroy();
    if (closing !== undefined) await new Promise<void>((resolve) => closing.close(() => resolve()));
  };

  // One change after the other: a cycle stops and starts within milliseconds.
  let seen = '';
  let changing: Promise<void> = Promise.resolve();
  const follow = (): void => {
    changing = changing.then(async () => {
      const { pid = '', qmp = '' } = stateOf(machine);
      const now = machine.status() === 'running' ? `${pid} ${qmp}` : '';
      if (now === seen) return;
      seen = now;
      await shut();
      if (now !== '') await open(qmp === 'silent');
    });
  };
  follow();
  await changing;
  const stopListening = machine.onChange(follow);
  // Whether its monitor answers is nobody's business but QEMU's: the machine does not tell of it.
  const poll = setInterval(follow, POLL_MS);
  poll.unref();
  return {
    close: async () => {
      stopListening();
      clearInterval(poll);
      await changing;
      await shut();
    },
  };
};

/** Of QEMU's monitor: https://gitlab.com/qemu-project/qemu/-/blob/master/chardev/char-socket.c */
const BACKLOG = 1;
const POLL_MS = 100;

// A process that listens and never accepts, which Node's own server cannot be.
const DEAF = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Local => shift, Listen => ${BACKLOG}) or die; print "ready\\n"; close STDOUT; sleep 86400`;

async function listenDeaf(socketPath: string): Promise<ChildProcess> {
  const child = spawn('perl', ['-e', `$| = 1; ${DEAF}`, socketPath], { stdio: ['ignore', 'pipe', 'ignore'] });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

const stateOf = (machine: Machine) => readFields(path.join(machine.dir, 'machine/state'), '=');

/** Until the client goes. */
const converse = (socket: Socket, machine: Machine, ended: Promise<void>): Promise<void> => {
  let buffer = '';
  const say = (message: object): void => void socket.write(`${JSON.stringify(message)}\r\n`);
  say(GREETING);
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString();
    for (let end = buffer.indexOf('\n'); end !== -1; end = buffer.indexOf('\n')) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 1);
      // It may have been wedged by what it was asked just now.
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
  /** QEMU's run state. */
  readonly runState: string;
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
    runState: state['run_state'] ?? 'running',
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
  'query-status': ({ runState }) => ({ return: { status: runState, running: runState === 'running' } }),
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
