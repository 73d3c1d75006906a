// How each signal is shown to a person.
import { configLock, parseTask } from '../../protocol/vm-states.ts';
import { knownValue, showReading } from './reading.ts';
import type { LockFile, Queues, Signals } from './signals.ts';

const list = (entries: readonly string[], none: string): string =>
  entries.length === 0 ? none : entries.join('; ');

export const INPUTS = {
  'power host': ({ powerHost: { reading, detail } }: Signals) =>
    reading === 'answers' ? ['answers', detail].filter((part) => part !== '').join(': ') : detail,
  placement: (s: Signals) =>
    showReading(s.placement, (where) => (where === 'here' ? 'on this node' : where.elsewhere)),
  'VM state': (s: Signals) => showReading(s.vmState, String),
  'QEMU process': (s: Signals) =>
    knownValue(s.process) === 'absent' ? 'none' : showReading(s.processState, (state) => `state ${state}`),
  'process age': (s: Signals) => showReading(s.uptimeS, (seconds) => `${seconds} s`),
  'threads in D': (s: Signals) =>
    showReading(s.stuckThreads, (threads) =>
      list(
        threads.map(({ name, wchan }) => `${name} in ${wchan}, both samples`),
        'none in both samples',
      ),
    ),
  'host storage': (s: Signals) =>
    showReading(s.hostStorage, (lines) => list(lines, 'no recent line in the kernel log')),
  'config lock': (s: Signals) =>
    showReading(s.configLock, (lock) =>
      lock === 'none' ? 'none' : `${lock} (${configLock(lock)?.says ?? 'a lock that is not known here'})`,
    ),
  task: (s: Signals) =>
    showReading(s.tasks, (tasks) =>
      list(
        tasks.map(({ said }) => said),
        'none',
      ),
    ),
  'lock file': (s: Signals) => showReading(s.lockFile, showLockFile),
  'out of memory': (s: Signals) =>
    showReading(s.outOfMemory, (line) => (line === 'none' ? 'no recent line about this VM' : line)),
  'stopped by': (s: Signals) =>
    showReading(s.stoppedBy, (who) =>
      who === 'nobody' ? 'nobody, as far back as the journal reaches' : who,
    ),
  'io-status': (s: Signals) =>
    showReading(s.ioErrors, (drives) =>
      list(
        drives.map(({ device, status }) => `${device}: ${status}`),
        'ok',
      ),
    ),
  QMP: (s: Signals) =>
    showReading(s.qmp, ({ silentLooks }) => {
      if (silentLooks === 0) return 'answers';
      return silentLooks === 1 ? 'silent, asked once' : `silent in ${silentLooks} separate looks`;
    }),
  SSH: ({ ssh }: Signals) => (ssh.reading === 'works' ? 'works' : `${ssh.reading}: ${ssh.detail}`),
  'guest agent': (s: Signals) =>
    showReading(s.guestAgent, (agent) => {
      if (agent === 'answers') return 'answers';
      return agent === 'silent' ? 'no answer' : 'not configured';
    }),
  'file systems': (s: Signals) => showReading(s.fileSystems, String),
  'virtio queues': (s: Signals) => showReading(s.queues, showQueues),
  'disk between A and B': (s: Signals) =>
    showReading(s.disks, (disks) =>
      list(
        disks.map(({ device, read, written, operations, stillForS }) =>
          stillForS > 0
            ? `${device}: still for ${round(stillForS)} s`
            : `${device}: ${read} bytes read, ${written} written${operations === undefined ? '' : `, ${operations} operations`}`,
        ),
        'no disk is told',
      ),
    ),
  'disk history': (s: Signals) =>
    showReading(
      s.history,
      ({ quietMinutes, longestPauseMinutes, wroteMinutes }) =>
        `diskwrite exactly 0 for ${quietMinutes} min; before, ${wroteMinutes === 0 ? 'not writing either' : `writing, with pauses of at most ${longestPauseMinutes} min`}`,
    ),
  'CPU history': (s: Signals) =>
    showReading(s.history, ({ cpuBefore, cpuSince }) =>
      cpuBefore === undefined || cpuSince === undefined
        ? 'not told'
        : `${percent(cpuBefore)} while it wrote, ${percent(cpuSince)} since`,
    ),
  vCPUs: (s: Signals) =>
    showReading(s.vcpus, (vcpus) =>
      list(
        vcpus.map(
          ({ percent: now, spunForS, haltedForS }) =>
            `${Math.round(now)} %${spunForS > 2 ? ` (busy for ${round(spunForS)} s)` : ''}${haltedForS > 2 ? ` (no tick for ${round(haltedForS)} s)` : ''}`,
        ),
        'none told',
      ),
    ),
  memory: (s: Signals) =>
    showReading(
      s.memory,
      ({ swapInPerS, swapOutPerS, faultsPerS, freeShare, thrashedForS }) =>
        `${Math.round(swapInPerS / 1024)} KiB/s swapped in, ${Math.round(swapOutPerS / 1024)} out, ${Math.round(faultsPerS)} major faults/s${freeShare === undefined ? '' : `, ${percent(freeShare)} free`}${thrashedForS > 2 ? `, thrashing for ${round(thrashedForS)} s` : ''}`,
    ),
  network: (s: Signals) => showReading(s.networkOut, (bytes) => `${bytes} bytes sent between A and B`),
  watched: (s: Signals) =>
    showReading(s.watched, ({ seconds, samples }) => `${round(seconds)} s in ${samples} samples`),
  throttle: (s: Signals) => showReading(s.throttles, (limits) => list(limits, 'none')),
  evidence: (s: Signals) => s.evidence ?? 'none',
} as const satisfies Readonly<Record<string, (signals: Signals) => string>>;

export type Input = keyof typeof INPUTS;

const round = (seconds: number): number => Math.round(seconds);
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function showLockFile({ holder, seenForS }: LockFile): string {
  if (holder === 'free') return 'free';
  return `held by ${holder}, ${seenForS === undefined ? 'seen once' : `seen for ${round(seenForS)} s`}`;
}

function showQueues({ told, list: queues, unasked }: Queues): string {
  if (!told) return 'this QEMU tells of none';
  const busy = queues.filter(({ inUse }) => inUse > 0);
  const parts = busy.map(
    ({ name, inUse, moved, stuckForS }) =>
      `${name}: ${inUse} in use, ${moved ? 'advancing' : `completing none for ${round(stuckForS)} s`}`,
  );
  if (busy.length === 0)
    parts.push(queues.length === 0 ? 'no virtio disk' : `nothing in use in any of ${queues.length}`);
  if (unasked.length > 0) parts.push(`not all asked: ${unasked.join(', ')}`);
  return parts.join('; ');
}

/** A task in a person's words: what it is, whose, since when. */
export function taskWords(text: string): string {
  const task = parseTask(text);
  if (task === undefined) return text;
  const what = TASK_WORDS[task.type] ?? `a task of type ${task.type}`;
  return `${what} (${task.type}) by ${task.user}, begun ${new Date(task.startedAt * 1000).toISOString().slice(0, 19)}Z`;
}

const TASK_WORDS: Readonly<Record<string, string>> = {
  vzdump: 'a backup',
  vncproxy: "somebody's open console",
  vncshell: "somebody's shell on the host",
  spiceproxy: "somebody's open console",
  termproxy: "somebody's open terminal",
  qmshutdown: 'a Shutdown pressed in the web interface',
  qmstop: 'a Stop pressed in the web interface',
  qmreboot: 'a Reboot pressed in the web interface',
  qmstart: 'a start',
  qmmove: 'a disk being moved',
  qmigrate: 'a migration',
  qmsnapshot: 'a snapshot',
  qmdelsnapshot: 'the removal of a snapshot',
  qmrollback: 'a rollback',
  qmclone: 'a clone',
  qmsuspend: 'a suspend to disk',
  qmrestore: 'a restore',
};
