// How each signal is shown to a person, and the conditions that several rules share.
import type { Signals } from './signals.ts';

const known = <T>(value: T | undefined, show: (value: T) => string): string =>
  value === undefined ? 'not known' : show(value);

export const INPUTS = {
  'power host': (s: Signals) => (s.powerHost.reachable ? 'answers' : s.powerHost.detail),
  'VM state': (s: Signals) => s.vmState ?? 'not known',
  'QEMU process': (s: Signals) =>
    s.process === 'absent' ? 'none' : known(s.processState, (state) => `state ${state}`),
  'threads in D': (s: Signals) =>
    known(s.stuckThreads, (threads) =>
      threads.length === 0
        ? 'none in both samples'
        : threads.map(({ name, wchan }) => `${name} in ${wchan}, both samples`).join('; '),
    ),
  'config lock': (s: Signals) => s.configLock ?? (s.evidence === undefined ? 'not known' : 'none'),
  task: (s: Signals) => s.task ?? 'not known',
  'lock file': (s: Signals) =>
    known(s.flock, ({ holder, heldS }) =>
      holder === 'free' ? 'free' : `held by ${holder}${heldS === undefined ? '' : ` for ${heldS} s`}`,
    ),
  'out of memory': (s: Signals) => s.oomLine ?? 'no such line',
  'io-status': (s: Signals) => known(s.noSpace, (full) => (full ? 'nospace' : 'failed or ok')),
  QMP: (s: Signals) => s.qmp ?? 'not known',
  SSH: (s: Signals) => (s.ssh.answers === true ? 'answers' : s.ssh.detail),
  'guest agent': (s: Signals) =>
    s.guestAgent === undefined ? 'not known' : s.guestAgent ? 'answers' : 'no answer',
  'virtio queues': (s: Signals) =>
    known(s.queues, (queues) =>
      queues.every(({ inUse }) => inUse === 0)
        ? `nothing in use in any of ${queues.length}`
        : queues
            .filter(({ inUse }) => inUse > 0)
            .map(
              ({ name, inUse, moved }) =>
                `${name}: ${inUse} in use, ${moved ? 'advancing' : 'not advancing'}`,
            )
            .join('; '),
    ),
  'disk between A and B': (s: Signals) =>
    known(
      s.disk,
      ({ read, written, operations }) =>
        `${read} bytes read, ${written} written${operations === undefined ? '' : `, ${operations} operations completed`}`,
    ),
  'disk history': (s: Signals) =>
    known(
      s.history,
      ({ zeroMinutes, wroteBefore }) =>
        `diskwrite exactly 0 for ${zeroMinutes} min${wroteBefore ? ', writing before' : ', not writing before either'}`,
    ),
  vCPUs: (s: Signals) => known(s.vcpus, (all) => all.map((percent) => `${Math.round(percent)} %`).join(', ')),
  memory: (s: Signals) =>
    known(
      s.memory,
      ({ swappedIn, majorFaults }) =>
        `+${swappedIn} swapped in, +${majorFaults} major faults between A and B`,
    ),
  throttle: (s: Signals) => known(s.throttles, (all) => (all.length === 0 ? 'none' : all.join('; '))),
  evidence: (s: Signals) => s.evidence ?? 'none',
} as const;

export type Input = keyof typeof INPUTS;

/** At this load a vCPU spins; below the other it halted for good. */
const BUSY_PERCENT = 90;
const HALTED_PERCENT = 2;

export const sshDead = (s: Signals): boolean => s.ssh.answers === false;
export const agentDead = (s: Signals): boolean => s.guestAgent !== true;
export const qmpAnswers = (s: Signals): boolean => s.qmp === 'answers';
export const flat = ({ disk }: Signals): boolean =>
  disk !== undefined && disk.read === 0 && disk.written === 0 && (disk.operations ?? 0) === 0;
export const moves = (s: Signals): boolean =>
  (s.queues?.some(({ moved }) => moved) ?? false) || (s.disk !== undefined && !flat(s));
export const stuckQueues = (s: Signals) => s.queues?.filter(({ inUse, moved }) => inUse > 0 && !moved) ?? [];
/** Known only where the controller tells. */
export const nothingInUse = (s: Signals): boolean =>
  s.queues !== undefined && s.queues.length > 0 && s.queues.every(({ inUse }) => inUse === 0);
export const vcpusExtreme = ({ vcpus }: Signals): boolean =>
  vcpus !== undefined &&
  vcpus.length > 0 &&
  (vcpus.every((percent) => percent >= BUSY_PERCENT) || vcpus.every((percent) => percent <= HALTED_PERCENT));
export const inState =
  (...states: readonly string[]) =>
  (s: Signals): boolean =>
    s.vmState !== undefined && states.includes(s.vmState);
/** qm says stopped, or there is no process; a host that could not be asked says neither. */
export const noProcess = (s: Signals): boolean => s.vmState === 'stopped' || s.process === 'absent';
/** A suspend to disk leaves `lock: suspended`, which `qm start` takes away by itself: no obstacle. */
export const obstructing = ({ configLock }: Signals): boolean =>
  configLock !== undefined && configLock !== 'suspended';
export const hasTask = ({ task }: Signals): boolean => task !== undefined && task !== 'none';
export const vm = ({ vmid }: Signals): string => (vmid === undefined ? 'VMID' : String(vmid));
