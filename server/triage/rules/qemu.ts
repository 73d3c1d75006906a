// Rules about a VM that runs, where QEMU itself or the disks under it are what is wrong. On a stalled block path `quit`, `stop` and
// `system_reset` wedge QEMU, so a stall is never answered by a reset.
import {
  agentAnswers,
  disksStill,
  guestAlive,
  LONG_WATCH_S,
  qmpAnswers,
  qmpSilent,
  queueStuck,
  queueStuckFor,
  queuesIdle,
  runs,
  sshAlive,
  sshSilent,
  sshStuck,
  stuckQueues,
  writesEnded,
} from '../conditions.ts';
import { disksRest, heldRequests, noWrites, sshSays, stillForS } from '../headline.ts';
import { all, any, holds, knownValue, not } from '../reading.ts';
import type { Signals } from '../signals.ts';
import { STORAGE_UNDER_STILL_DISK } from './host.ts';
import { HARD, type Rule, vm } from './rule.ts';

const CYCLE_NEVER_RESET =
  'Cycle, never reset: a reset keeps the wedged process and makes it worse. Forensics are captured first.';

const processIn =
  (...states: readonly string[]) =>
  (s: Signals) =>
    holds(s.processState, (state) => states.includes(state));
const stoppedBySignal = processIn('T', 't');
const deadOrInKernel = processIn('D', 'Z', 'X');
const silentTwice = (s: Signals) => holds(s.qmp, ({ silentLooks }) => silentLooks >= 2);

const stuckNames = (s: Signals): string =>
  stuckQueues(s)
    .map(({ name, inUse }) => `${name} holds ${inUse} requests`)
    .join(', ');
/** Of the others, what was seen to move: the broken one is named, and so are the ones that are well. */
const others = (s: Signals): string => {
  const stuck = new Set(stuckQueues(s).map(({ device }) => device));
  const well = new Set(
    (knownValue(s.queues)?.list ?? [])
      .filter(({ moved, device }) => moved && !stuck.has(device))
      .map(({ device }) => device),
  );
  return well.size === 0 ? '' : ` ${[...well].join(', ')} ${well.size === 1 ? 'moves' : 'move'}.`;
};
/** The broken disk is named where there are others; of all of them it says most for how long nothing was written. */
const stallSays = (s: Signals): string => {
  const all = new Set((knownValue(s.queues)?.list ?? []).map(({ device }) => device));
  const stuck = new Set(stuckQueues(s).map(({ device }) => device));
  return (stuck.size === all.size ? noWrites(s) : undefined) ?? `${heldRequests(s)}.`;
};
const suspects = (s: Signals): string => {
  const throttles = knownValue(s.throttles) ?? [];
  return throttles.length === 0 ? '' : ` Suspect: a throttle in its configuration (${throttles.join('; ')}).`;
};
const STALL_INPUTS = [
  'virtio queues',
  'disk between A and B',
  'disk history',
  'watched',
  'QMP',
  'SSH',
  'guest agent',
  'host storage',
  'throttle',
  'evidence',
] as const;

export const QEMU_RULES: readonly Rule[] = [
  {
    // A monitor serves one client at a time: a backup, qm or pvestatd may be at it.
    name: 'monitor silent, guest alive',
    code: 'monitor-silent',
    when: (s) => all(runs(s), qmpSilent(s), not(stoppedBySignal(s)), guestAlive(s)),
    word: 'Unwell',
    headline: () => "QEMU's monitor is silent. The guest lives.",
    summary: () => "QEMU's monitor (QMP) does not answer, but the guest lives.",
    confidence: 0.7,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Leave it running. Another client may hold the monitor: fuser -v /var/run/qemu-server/${vm(s)}.qmp on the host. If it stays silent, shut the guest down from inside and cycle when it suits.`,
    inputs: ['QMP', 'QEMU process', 'SSH', 'guest agent', 'VM state'],
    longerLook: 'whether the monitor stays silent',
  },
  {
    name: 'wedged',
    code: 'qemu-wedged',
    when: (s) =>
      all(
        runs(s),
        qmpSilent(s),
        not(deadOrInKernel(s)),
        not(sshAlive(s)),
        any(stoppedBySignal(s), silentTwice(s)),
      ),
    word: 'Wedged',
    headline: (s) => {
      const looks = knownValue(s.qmp)?.silentLooks ?? 0;
      return looks < 2
        ? `A signal stopped QEMU. ${sshSays(s)}`
        : `${looks} looks without an answer from QEMU. ${sshSays(s)}`;
    },
    summary: () =>
      'QEMU runs, but its monitor (QMP) does not answer: its main loop is wedged. That qm says "running" means nothing here.',
    confidence: 0.85,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Cycle: the wedged process has to be killed and replaced. A reset would be sent to a monitor that does not listen.',
    inputs: ['VM state', 'QMP', 'QEMU process', 'threads in D', 'SSH', 'config lock', 'lock file'],
  },
  {
    name: 'silent once',
    code: 'qemu-wedged',
    when: (s) => all(runs(s), qmpSilent(s), not(deadOrInKernel(s)), not(sshAlive(s))),
    word: 'Silent',
    headline: (s) => `QEMU gave no answer when asked once. ${sshSays(s)}`,
    summary: () =>
      "QEMU's monitor (QMP) gave no answer when it was asked once: wedged, or busy with another client.",
    confidence: 0.5,
    advised: null,
    warned: ['reset'],
    advice: () => 'Ask again: silent twice is a wedged main loop.',
    inputs: ['VM state', 'QMP', 'QEMU process', 'threads in D', 'SSH'],
    longerLook: 'whether the monitor stays silent',
  },
  {
    name: 'frozen file systems',
    code: 'filesystems-frozen',
    // The agent freezes them and goes on answering: one that is silent froze nothing.
    when: (s) =>
      all(
        runs(s),
        agentAnswers(s),
        holds(s.fileSystems, (state) => state === 'frozen'),
      ),
    word: 'Frozen',
    headline: () => 'File systems are frozen. Whoever writes hangs.',
    summary: () =>
      "The guest's file systems are frozen: a backup or a snapshot froze them and did not thaw them. Whoever writes hangs, SSH too.",
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `When no backup is under way, thaw them on the host: qm guest cmd ${vm(s)} fsfreeze-thaw. Nothing is lost by that; a reset would lose what waits.`,
    inputs: ['file systems', 'guest agent', 'task', 'SSH', 'disk between A and B'],
  },
  STORAGE_UNDER_STILL_DISK,
  {
    name: 'stuck queue, guest dead',
    code: 'block-path-stalled',
    when: (s) =>
      all(runs(s), qmpAnswers(s), queueStuck(s), not(guestAlive(s)), any(sshSilent(s), writesEnded(s))),
    word: 'Wedged',
    headline: (s) => `${stallSays(s)} QEMU still answers.`,
    summary: (s) =>
      `The block path inside QEMU is stalled: ${stuckNames(s)} and completes none, while QMP answers.${others(s)}`,
    confidence: 0.95,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: STALL_INPUTS,
  },
  {
    name: 'queue stuck for long, guest alive',
    code: 'block-path-stalled',
    when: (s) => all(runs(s), qmpAnswers(s), guestAlive(s), queueStuckFor(s, LONG_WATCH_S)),
    word: 'Stalled',
    headline: (s) => `${heldRequests(s)}. The guest lives.`,
    summary: (s) =>
      `The block path of one disk is stalled: ${stuckNames(s)} and completes none; the guest lives.${others(s)}`,
    confidence: 0.7,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Save what can be saved first: stop inside the guest what still answers, and sync the other disks. Then cycle, never reset: only a fresh QEMU process brings the disk back.',
    inputs: STALL_INPUTS,
  },
  {
    name: 'stuck queue',
    code: 'block-path-stalled',
    when: (s) => all(runs(s), qmpAnswers(s), queueStuck(s)),
    word: 'Stalled',
    headline: (s) => `${heldRequests(s)} between two samples.`,
    summary: (s) =>
      `A disk stands still: ${stuckNames(s)} and completed none between the samples.${others(s)} A slow storage looks the same for a moment.`,
    confidence: 0.6,
    advised: null,
    warned: ['reset'],
    advice: () =>
      'Take the longer look before anything else. Never reset: on a stalled block path that makes it worse.',
    inputs: STALL_INPUTS,
    longerLook: 'whether the disk completes anything',
  },
  {
    // Any controller: the founding incident ran on lsi, which has no queues to ask.
    name: 'writes ended',
    code: 'block-path-stalled',
    when: (s) =>
      all(
        runs(s),
        qmpAnswers(s),
        disksStill(s),
        not(queuesIdle(s)),
        sshSilent(s),
        not(guestAlive(s)),
        writesEnded(s),
      ),
    word: 'Wedged',
    headline: (s) => `${disksRest(s) ?? 'No disk writes.'} QEMU still answers.`,
    summary: (s) =>
      `The block path inside QEMU is stalled: the guest wrote nothing at all for ${knownValue(s.history)?.quietMinutes} min after writing before, and is dead, while QMP answers.${suspects(s)}`,
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: STALL_INPUTS,
  },
  {
    // A login leaves traces on the disk of any guest. One that is let in, hangs, and moves no disk for so long waits for it.
    name: 'login hangs, disks still for long',
    code: 'block-path-stalled',
    when: (s) =>
      all(
        runs(s),
        qmpAnswers(s),
        disksStill(s, LONG_WATCH_S),
        not(queuesIdle(s)),
        sshStuck(s),
        not(guestAlive(s)),
      ),
    word: 'Wedged',
    headline: (s) => `No disk activity for ${Math.round(stillForS(s))} s. SSH lets in, then hangs.`,
    summary: (s) =>
      `Probably the block path inside QEMU is stalled: the guest's sshd answers and then hangs, and its disks moved nothing for ${Math.round(stillForS(s))} s, while QMP answers.${suspects(s)}`,
    confidence: 0.7,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => CYCLE_NEVER_RESET,
    inputs: STALL_INPUTS,
  },
];
