// The conditions that rules are made of. Each is yes, no or unknown: a signal that is not known decides nothing. Pure.
import {
  type ConfigLockName,
  configLock,
  parseTask,
  type RunStateKind,
  runStateKind,
  taskFitsLock,
} from '../../protocol/vm-states.ts';
import { all, any, holds, knownValue, not, type Truth, truthOf } from './reading.ts';
import type { DiskHistory, Signals } from './signals.ts';

/** qemu-server itself waits this long for its lock: one that was seen longer in the same hands is no ordinary task. */
const LOCK_FILE_PATIENCE_S = 10;
/** Below this, two samples are no watch. */
const FLAT_S = 1.5;
/** What a longer look has to have seen. Its two captures are 30 s apart, less what the host needs to begin. */
export const LONG_WATCH_S = 25;
/** The host keeps one value a minute: fewer zeros may be the border between two of them. */
const QUIET_MINUTES = 3;
/** A pause is unusual when it is this many times longer than any before, in a VM that wrote at least so many minutes. */
const QUIET_FACTOR = 3;
const WROTE_MINUTES = 3;
/** The guest's processors got busy when its writes ended: by so much, to at least so much. */
const CPU_ROSE_BY = 0.3;
const CPU_ROSE_TO = 0.7;

/** A living machine spoke, if only to send us away. */
export const sshAlive = ({ ssh }: Signals): Truth =>
  ssh.reading === 'unknown' ? 'unknown' : truthOf(ssh.reading === 'works' || ssh.reading === 'refused');
/** The one reading of SSH that is a sign of a dead guest, and a weak one. */
export const sshSilent = ({ ssh }: Signals): Truth =>
  ssh.reading === 'unknown' ? 'unknown' : truthOf(ssh.reading === 'silent');
/**
 * Its sshd itself spoke, and then nothing came: network and kernel of the guest work. A connection alone may have been accepted
 * by a forwarder in between.
 */
export const sshStuck = (s: Signals): Truth =>
  all(sshSilent(s), truthOf(s.ssh.reached === 'banner' || s.ssh.reached === 'logged-in'));

export const agentAnswers = (s: Signals): Truth => holds(s.guestAgent, (agent) => agent === 'answers');
export const guestAlive = (s: Signals): Truth => any(sshAlive(s), agentAnswers(s));

export const inKind =
  (...kinds: readonly RunStateKind[]) =>
  (s: Signals): Truth =>
    holds(s.vmState, (state) => {
      const kind = runStateKind(state);
      return kind !== undefined && kinds.includes(kind);
    });
export const runs = inKind('runs');
/** There is no QEMU process: qm says so, or its process table. */
export const off = (s: Signals): Truth =>
  any(
    inKind('off')(s),
    holds(s.process, (process) => process === 'absent'),
  );

export const qmpAnswers = (s: Signals): Truth => holds(s.qmp, ({ silentLooks }) => silentLooks === 0);
export const qmpSilent = (s: Signals): Truth => not(qmpAnswers(s));

/** Obstructs every verb. A suspend to disk leaves a lock that `qm start` takes away by itself. */
export const locked = (s: Signals): Truth =>
  holds(s.configLock, (lock) => lock !== 'none' && configLock(lock)?.startResumes !== true);
export const lockedAs = (s: Signals, name: ConfigLockName): Truth =>
  holds(s.configLock, (lock) => lock === name);

/** A living task whose type fits the lock. `unknown` where the host named one task only, and that one explains nothing. */
export function lockHasTask(s: Signals): Truth {
  const lock = knownValue(s.configLock);
  if (lock === undefined) return 'unknown';
  return holds(s.tasks, (tasks) => {
    const fits = tasks.map(({ said, ours }) => {
      const task = parseTask(said);
      // A host that only says that there is one, without its name.
      if (task === undefined) return 'perhaps';
      const fit = taskFitsLock(task, lock, s.vmid);
      return fit === 'perhaps' && task.id === '' && ours === true ? 'yes' : fit;
    });
    if (fits.includes('yes')) return 'yes';
    return fits.includes('perhaps') || fits.length === 1 ? 'unknown' : 'no';
  });
}

/** Held by the same task for longer than qemu-server waits. `unknown`: held now, seen once. */
export const lockFileStuck = (s: Signals): Truth =>
  holds(s.lockFile, ({ holder, seenForS }) => {
    if (holder === 'free' || lockHolderType(s) === 'qmshutdown') return 'no';
    return seenForS !== undefined && seenForS > LOCK_FILE_PATIENCE_S ? 'yes' : 'unknown';
  });

/** Type of the task that holds qemu-server's lock file; `cleanup` for the one that follows the end of a QEMU process. */
export function lockHolderType({ lockFile }: Signals): string | undefined {
  const holder = knownValue(lockFile)?.holder;
  if (holder === undefined || holder === 'free') return undefined;
  return parseTask(holder)?.type ?? (/\bqm cleanup\b/.test(holder) ? 'cleanup' : undefined);
}

/** In use in every sample, and completed nothing. */
export const stuckQueues = (s: Signals) =>
  knownValue(s.queues)?.list.filter(({ inUse, moved }) => inUse > 0 && !moved) ?? [];
export const queueStuck = (s: Signals): Truth =>
  holds(s.queues, ({ list, unasked }) => {
    if (list.some(({ inUse, moved }) => inUse > 0 && !moved)) return 'yes';
    return unasked.length > 0 ? 'unknown' : 'no';
  });
export const queueStuckFor = (s: Signals, seconds: number): Truth =>
  holds(s.queues, ({ list, unasked }) => {
    if (list.some(({ stuckForS }) => stuckForS >= seconds)) return 'yes';
    return unasked.length > 0 ? 'unknown' : 'no';
  });
/** Every queue of every disk was asked, and none holds a request: the guest waits for no disk. */
export const queuesIdle = (s: Signals): Truth =>
  holds(s.queues, ({ told, list, unasked }) => {
    if (list.some(({ inUse }) => inUse > 0)) return 'no';
    if (unasked.length > 0) return 'unknown';
    return told && list.length > 0;
  });

/** No disk moved, for so long. */
export const disksStill = (s: Signals, seconds = FLAT_S): Truth =>
  holds(s.disks, (disks) =>
    disks.length === 0 ? 'unknown' : disks.every(({ stillForS }) => stillForS >= seconds),
  );
export const diskMoves = (s: Signals): Truth =>
  any(
    holds(s.disks, (disks) => disks.some(({ stillForS }) => stillForS === 0)),
    holds(s.queues, ({ list, unasked }) => {
      if (list.some(({ moved }) => moved)) return 'yes';
      return unasked.length > 0 ? 'unknown' : 'no';
    }),
  );

const unusuallyQuiet = ({ quietMinutes, longestPauseMinutes, wroteMinutes }: DiskHistory): boolean =>
  wroteMinutes >= WROTE_MINUTES &&
  quietMinutes >= Math.max(QUIET_MINUTES, QUIET_FACTOR * longestPauseMinutes);
/** It used to write, and has written exactly nothing for longer than it ever paused. */
export const writesEnded = (s: Signals): Truth => holds(s.history, unusuallyQuiet);
/** In the newest minute that is told. A minute ago is too long for a sign of life, and too short for one of death. */
export const wroteJustNow = (s: Signals): Truth =>
  holds(s.history, ({ quietMinutes, wroteMinutes }) => {
    if (wroteMinutes === 0 || quietMinutes > 1) return 'no';
    return quietMinutes === 0 ? 'yes' : 'unknown';
  });
/** Its processors got busy when the writes ended. */
export const cpuRose = (s: Signals): Truth =>
  holds(s.history, ({ cpuBefore, cpuSince }) =>
    cpuBefore === undefined || cpuSince === undefined
      ? 'unknown'
      : cpuSince >= CPU_ROSE_TO && cpuSince - cpuBefore >= CPU_ROSE_BY,
  );

const everyVcpu = (s: Signals, forS: 'spunForS' | 'haltedForS'): Truth =>
  holds(s.vcpus, (vcpus) =>
    vcpus.length === 0 ? 'unknown' : vcpus.every((vcpu) => vcpu[forS] >= LONG_WATCH_S),
  );
export const allSpin = (s: Signals): Truth => everyVcpu(s, 'spunForS');
export const allHalted = (s: Signals): Truth => everyVcpu(s, 'haltedForS');

export const watchedLong = (s: Signals): Truth => holds(s.watched, ({ seconds }) => seconds >= LONG_WATCH_S);
