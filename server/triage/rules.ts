// The rules: cautions stand beside any finding; of the findings the first match wins, so their order is part of them. A rule
// is a line of a table: to add one, add it at its place. What is advised and warned of follows from how QEMU behaves: on a
// stalled block path `quit`, `stop` and `system_reset` wedge it, so a stall is never answered by a reset.
import type { Finding } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import {
  agentDead,
  flat,
  hasTask,
  INPUTS,
  type Input,
  inState,
  moves,
  noProcess,
  nothingInUse,
  obstructing,
  qmpAnswers,
  sshDead,
  stuckQueues,
  vcpusExtreme,
  vm,
} from './inputs.ts';
import type { Signals } from './signals.ts';

export interface Rule extends Pick<Finding, 'code' | 'confidence' | 'advised' | 'warned'> {
  readonly when: (signals: Signals) => boolean;
  readonly summary: (signals: Signals) => string;
  readonly advice: (signals: Signals) => string;
  /** What decided it. */
  readonly inputs: readonly Input[];
}

const HARD = ['cycle', 'reset', 'stop'] as const satisfies readonly MutatingVerb[];
const ALL = ['cycle', 'reset', 'start', 'stop'] as const satisfies readonly MutatingVerb[];
/** qemu-server itself waits this long for its lock: longer is no ordinary task. */
const FLOCK_PATIENCE_S = 10;
/** The host keeps one value a minute. */
const STALL_MINUTES = 3;
const FEWEST_SAMPLES = 4;

const deadGuestFlatDisk = (s: Signals): boolean =>
  qmpAnswers(s) && inState('running')(s) && flat(s) && agentDead(s) && sshDead(s);
const CYCLE_NEVER_RESET =
  'Cycle, never reset: a reset keeps the wedged process and makes it worse. Forensics are captured first.';

export const RULES: readonly Rule[] = [
  {
    code: 'cold-case',
    when: (s) => !s.powerHost.reachable,
    summary: (s) =>
      `The power host does not answer: no verb can help from here.${s.ssh.answers === true ? ' The VM itself answers SSH.' : ''}`,
    confidence: 0.9,
    advised: null,
    warned: [],
    advice: () =>
      "Follow the runbook's cold path (docs/runbook.md, cold case): look at the host's own console, its power and its network.",
    inputs: ['power host', 'SSH'],
  },
  {
    code: 'host-storage-or-kernel',
    when: (s) => (s.stuckThreads?.length ?? 0) > 0,
    summary: () =>
      "A thread of the VM's QEMU process hangs in the host's kernel: its storage or the kernel itself.",
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `A cycle would hang too: such a process cannot be killed. Fix the host: dmesg -T | tail -50; cat /proc/${s.pid ?? 'PID'}/stack`,
    inputs: ['threads in D', 'QEMU process', 'VM state', 'SSH'],
  },
  {
    code: 'busy',
    when: (s) => obstructing(s) && hasTask(s),
    summary: (s) => `The VM is locked (${s.configLock}) and a task works on it.`,
    confidence: 0.9,
    advised: null,
    warned: ALL,
    advice: (s) =>
      `Wait for its end. To see it on the host: pvesh get /nodes/$(hostname)/tasks --vmid ${vm(s)} --source active`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    code: 'stale-lock',
    when: obstructing,
    summary: (s) =>
      `The VM is locked (${s.configLock}), and ${s.task === 'none' ? 'no task works on it: the lock is stale' : 'no task is seen that would explain it'}.`,
    confidence: 0.9,
    advised: null,
    warned: ALL,
    advice: (s) =>
      `Every verb would be refused. When you are sure that nothing works on it, unlock it on the host: qm unlock ${vm(s)}`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    code: 'task-stuck',
    when: ({ flock }) =>
      flock !== undefined && flock.holder !== 'free' && (flock.heldS ?? 0) > FLOCK_PATIENCE_S,
    summary: (s) => `A task holds the VM's lock for ${s.flock?.heldS} s: ${s.flock?.holder}.`,
    confidence: 0.9,
    advised: null,
    warned: ALL,
    advice: (s) =>
      `Resolve that task first; a verb would wait for it and fail. On the host: fuser -v /var/lock/qemu-server/lock-${vm(s)}.conf`,
    inputs: ['lock file', 'VM state'],
  },
  {
    code: 'suspended-to-disk',
    when: (s) => noProcess(s) && s.suspendedToDisk === true,
    summary: () => 'The VM is suspended to disk: its memory is kept, there is no QEMU process.',
    confidence: 0.95,
    advised: 'start',
    warned: [],
    advice: () => 'Start resumes it where it was. Staged configuration is not applied by that.',
    inputs: ['VM state', 'QEMU process', 'config lock'],
  },
  {
    code: 'stopped',
    when: noProcess,
    summary: (s) =>
      `The VM is stopped: there is no QEMU process.${s.oomLine === undefined ? '' : " The host's kernel killed it for want of memory."}`,
    confidence: 0.9,
    advised: 'start',
    warned: [],
    advice: (s) =>
      s.oomLine === undefined
        ? 'Start it. If it stopped by itself, look in the host log for the reason.'
        : 'Start it, and see that the host has memory left for it: the line about its end is among the inputs.',
    inputs: ['VM state', 'QEMU process', 'config lock', 'out of memory', 'SSH'],
  },
  {
    code: 'pool-full',
    when: (s) => inState('io-error')(s) && s.noSpace === true,
    summary: () => "The host's storage pool is full: QEMU paused the VM at a write that found no space.",
    confidence: 0.95,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Never cycle first: what the guest has not written yet would be lost. Free space on the host (lvs; pvesm status), then: qm resume ${vm(s)}`,
    inputs: ['VM state', 'io-status', 'QMP'],
  },
  {
    code: 'storage-error',
    when: inState('io-error'),
    summary: () => "QEMU paused the VM because the host's storage reported an error.",
    confidence: 0.85,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Fix the storage on the host first (pvesm status; dmesg -T | tail), then: qm resume ${vm(s)}`,
    inputs: ['VM state', 'io-status', 'QMP'],
  },
  {
    code: 'paused',
    when: inState('paused', 'prelaunch', 'suspended'),
    summary: (s) => `The VM is ${s.vmState}: somebody or a backup holds it.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `If a backup is running, wait for it. Else a person resumes it on the host: qm resume ${vm(s)}`,
    inputs: ['VM state', 'task', 'config lock', 'QMP'],
  },
  {
    code: 'qemu-internal-error',
    when: inState('internal-error'),
    summary: () => 'QEMU halted the VM (internal-error); this process will not run it again.',
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => 'Cycle: a fresh QEMU process is needed.',
    inputs: ['VM state'],
  },
  {
    code: 'guest-panicked',
    when: inState('guest-panicked'),
    summary: () => "The guest's kernel panicked.",
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Cycle: after a reset QEMU would leave the VM paused (prelaunch). The screen in the evidence shows the panic.',
    inputs: ['VM state'],
  },
  {
    code: 'guest-shut-down',
    when: inState('shutdown'),
    summary: () => 'The guest shut down, but its QEMU process stayed.',
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => 'Cycle: a fresh QEMU process is needed.',
    inputs: ['VM state'],
  },
  {
    code: 'qemu-wedged',
    when: (s) => s.qmp === 'silent' && !['D', 'Z', 'X'].includes(s.processState ?? ''),
    summary: () =>
      'QEMU runs, but its monitor (QMP) does not answer: its main loop is wedged. That qm says "running" means nothing here.',
    confidence: 0.85,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Cycle: the wedged process has to be killed and replaced. A reset would be sent to a monitor that does not listen.',
    inputs: ['VM state', 'QMP', 'QEMU process', 'threads in D', 'SSH'],
  },
  {
    code: 'block-path-stalled',
    when: (s) => qmpAnswers(s) && stuckQueues(s).length > 0 && (s.disk === undefined || flat(s)),
    summary: (s) =>
      `The block path inside QEMU is stalled: ${stuckQueues(s)
        .map(({ name, inUse }) => `${name} holds ${inUse} requests`)
        .join(', ')} and completes none, while QMP answers.`,
    confidence: 0.95,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: ['virtio queues', 'disk between A and B', 'QMP', 'SSH', 'guest agent', 'throttle', 'evidence'],
  },
  {
    code: 'block-path-stalled',
    when: (s) =>
      deadGuestFlatDisk(s) && s.history?.wroteBefore === true && s.history.zeroMinutes >= STALL_MINUTES,
    summary: (s) =>
      `The block path inside QEMU is stalled: the guest wrote nothing at all for ${s.history?.zeroMinutes} min after writing before, and is dead, while QMP answers.${suspects(s)}`,
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: [
      'disk history',
      'disk between A and B',
      'virtio queues',
      'QMP',
      'SSH',
      'guest agent',
      'throttle',
      'evidence',
    ],
  },
  {
    code: 'block-path-stalled',
    // Too short a history is none. Two samples alone cannot tell a stall from an idle guest that nobody can log in to.
    when: (s) => deadGuestFlatDisk(s) && (s.history === undefined || s.history.samples < FEWEST_SAMPLES),
    summary: (s) =>
      `Probably the block path inside QEMU is stalled: QMP answers, but the guest is dead to SSH and its disks moved nothing.${suspects(s)}`,
    confidence: 0.7,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: ['disk between A and B', 'virtio queues', 'QMP', 'SSH', 'guest agent', 'throttle', 'evidence'],
  },
  {
    code: 'memory-thrash',
    when: (s) =>
      moves(s) &&
      s.memory !== undefined &&
      (s.memory.swappedIn > 0 || s.memory.majorFaults > 0) &&
      agentDead(s) &&
      sshDead(s),
    summary: () =>
      'The guest thrashes: its disks move, pages are swapped in without end, and nothing else gets a turn.',
    confidence: 0.75,
    advised: 'reset',
    warned: [],
    advice: () =>
      'Wait two minutes: the kernel may kill the culprit. If SSH does not come back by then, reset.',
    inputs: ['memory', 'virtio queues', 'disk between A and B', 'SSH', 'guest agent', 'vCPUs'],
  },
  {
    code: 'guest-kernel-hang',
    // An idle guest that answers SSH looks the same from outside.
    when: (s) => flat(s) && nothingInUse(s) && vcpusExtreme(s) && agentDead(s) && sshDead(s),
    summary: () => "The guest's kernel hangs: it asks for no I/O and its vCPUs all spin or all halted.",
    confidence: 0.7,
    advised: 'reset',
    warned: [],
    advice: () => 'Look at the screen in the evidence, then reset.',
    inputs: ['vCPUs', 'virtio queues', 'disk between A and B', 'disk history', 'SSH', 'guest agent'],
  },
  {
    code: 'guest-network-or-sshd',
    when: (s) => s.guestAgent === true && sshDead(s),
    summary: () => 'The guest lives (its agent answers), but SSH does not: its network or its sshd.',
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Repair it on the VM's console: qm terminal ${vm(s)} on the host, or the Proxmox web console.`,
    inputs: ['guest agent', 'SSH', 'QMP'],
  },
  {
    code: 'repair-in-guest',
    when: (s) => s.ssh.answers === true,
    summary: () => 'The VM answers SSH: what is wrong is inside the guest, and can be repaired there.',
    confidence: 0.95,
    advised: null,
    warned: HARD,
    advice: () =>
      'No power verb. Look inside: ask the agent, or log in (df -h, systemctl --failed, journalctl -p err -b).',
    inputs: ['SSH', 'VM state', 'QMP'],
  },
];

function suspects({ throttles }: Signals): string {
  return throttles === undefined || throttles.length === 0
    ? ''
    : ` Suspect: a throttle in its configuration (${throttles.join('; ')}).`;
}

/** When no rule fits: said, with everything that was seen, and nothing advised. */
export const NOT_KNOWN: Omit<Rule, 'when'> = {
  code: 'not-known',
  summary: () => 'None of the known failures fits what was seen.',
  confidence: 0,
  advised: null,
  warned: [],
  advice: () => "Look at the inputs and the evidence, and at the VM's console, before pressing anything.",
  inputs: Object.keys(INPUTS) as Input[],
};
