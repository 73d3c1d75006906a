// Rules about the guest itself: QEMU and its disks do their part. Only what was seen over time advises a reset; an idle guest whose
// network is down and one that hung look alike for two seconds.
import type { SshRefusal } from '../../../protocol/ssh-reading.ts';
import {
  agentAnswers,
  allHalted,
  allSpin,
  cpuRose,
  diskMoves,
  disksStill,
  guestAlive,
  LONG_WATCH_S,
  qmpAnswers,
  queuesIdle,
  runs,
  sshAlive,
  sshSilent,
  writesEnded,
  wroteJustNow,
} from '../conditions.ts';
import { disksRest, sshSays, swapped } from '../headline.ts';
import { all, any, holds, knownValue, not, truthOf } from '../reading.ts';
import type { Signals } from '../signals.ts';
import { HARD, type Rule, vm } from './rule.ts';

/** Swapping of a guest that has no memory left, in and out; a healthy one moves a page now and then. */
const THRASH_BYTES_PER_S = 256 * 1024;
const NO_MEMORY_SHARE = 0.05;
const YOUNG_S = 180;
/** SSH that answers late: the guest lives, and something in it is slow. */
const SLOW_SSH_MS = 3_000;

const thrashes = (s: Signals) =>
  holds(
    s.memory,
    ({ swapInPerS, swapOutPerS, freeShare }) =>
      swapInPerS + swapOutPerS >= THRASH_BYTES_PER_S &&
      (freeShare === undefined || freeShare <= NO_MEMORY_SHARE),
  );
const thrashedLong = (s: Signals) => holds(s.memory, ({ thrashedForS }) => thrashedForS >= LONG_WATCH_S / 2);

const works = (s: Signals) => (s.ssh.reading === 'unknown' ? 'unknown' : truthOf(s.ssh.reading === 'works'));
const refuses =
  (...reasons: readonly SshRefusal[]) =>
  (s: Signals) =>
    s.ssh.reading === 'unknown'
      ? 'unknown'
      : truthOf(
          s.ssh.reading === 'refused' && s.ssh.refusal !== undefined && reasons.includes(s.ssh.refusal),
        );
const agentSilent = (s: Signals) => holds(s.guestAgent, (agent) => agent === 'silent');
const young = (s: Signals) => holds(s.uptimeS, (seconds) => seconds < YOUNG_S);
const sends = (s: Signals) => holds(s.networkOut, (bytes) => bytes > 0);
const CONSOLE = (s: Signals): string =>
  `Repair it on the VM's console: qm terminal ${vm(s)} on the host, or the Proxmox web console.`;

const HANG_INPUTS = [
  'vCPUs',
  'virtio queues',
  'disk between A and B',
  'disk history',
  'CPU history',
  'watched',
  'SSH',
  'guest agent',
] as const;
const hangs = (s: Signals) =>
  all(runs(s), qmpAnswers(s), disksStill(s, LONG_WATCH_S), queuesIdle(s), not(guestAlive(s)), writesEnded(s));

const REFUSED: Readonly<Record<Exclude<SshRefusal, 'port-closed' | 'closed' | 'runs-nothing'>, string>> = {
  key: "Put this console's public key into the account's authorized_keys, by the console of the VM or by a colleague who can log in.",
  'host-key':
    'Find out first whether the machine was rebuilt or another one has its address. Only then accept the new key, as the reason says.',
  'too-many-keys':
    'Give the console one key for this VM (BREAKGLASS_SSH_KEY) instead of everything that an ssh-agent holds.',
  'not-now': 'Wait a minute and ask again: sshd lets in no more connections, or none of ours, for now.',
  protocol: 'The two sides have no algorithm in common: update the older one.',
};

const SSH_REFUSED: Readonly<Partial<Record<SshRefusal, string>>> = {
  key: 'SSH refuses our key. The guest lives.',
  'host-key': 'SSH shows another host key than before.',
  'too-many-keys': 'SSH refuses us: too many keys were offered.',
  'not-now': 'SSH lets nobody in just now. The guest lives.',
  protocol: 'SSH has no algorithm in common with us.',
};

/** Reads well in a list: `SSH works, QEMU's monitor answers`. */
function wellSigns(s: Signals): string {
  const signs = ['SSH works'];
  if (qmpAnswers(s) === 'yes') signs.push("QEMU's monitor answers");
  if (agentAnswers(s) === 'yes') signs.push('the guest agent answers');
  if (diskMoves(s) === 'yes') signs.push('its disks move');
  return signs.join(', ');
}
function notLookedAt(s: Signals): string {
  const missing = [
    ...(qmpAnswers(s) === 'unknown' ? ["QEMU's monitor"] : []),
    ...(s.guestAgent?.is === 'known' ? [] : ['the guest agent']),
    ...(s.disks?.is === 'known' ? [] : ['its disks']),
    ...(s.memory?.is === 'known' ? [] : ['its memory']),
  ];
  return missing.length === 0 ? '' : ` Not looked at: ${missing.join(', ')}.`;
}
const orTheWay = ({ ssh }: Signals): string =>
  ssh.reading === 'unreachable' ? ', or only the way from this console to it' : '';
/** A VM that answers SSH is not captured unasked, and a disk that stalls under a living guest shows in a capture only. */
const WHAT_ELSE_MOVES = 'whether each of its disks moves, and whether its agent answers';
const LOOK_INSIDE =
  'No power verb. Look inside: ask the agent, or log in (df -h, systemctl --failed, journalctl -p err -b).';

export const GUEST_RULES: readonly Rule[] = [
  {
    name: 'thrashing for long',
    code: 'memory-thrash',
    when: (s) => all(runs(s), qmpAnswers(s), diskMoves(s), thrashedLong(s), sshSilent(s), not(guestAlive(s))),
    word: 'Thrashing',
    headline: (s) =>
      `${swapped(s)} for ${Math.round(knownValue(s.memory)?.thrashedForS ?? 0)} s. The guest gets nothing else done.`,
    summary: () =>
      'The guest thrashes: it has no memory left, swaps in and out without end, and nothing else gets a turn.',
    confidence: 0.75,
    advised: 'reset',
    warned: [],
    advice: () =>
      'Wait two minutes: the kernel may kill the culprit. If SSH does not come back by then, reset.',
    inputs: ['memory', 'watched', 'virtio queues', 'disk between A and B', 'SSH', 'guest agent', 'vCPUs'],
  },
  {
    name: 'thrashing now',
    code: 'memory-thrash',
    when: (s) => all(runs(s), qmpAnswers(s), diskMoves(s), thrashes(s), not(guestAlive(s))),
    word: 'Thrashing',
    headline: (s) => `${swapped(s)} just now. ${sshSays(s)}`,
    summary: () => 'The guest swaps much just now and does not answer: it may thrash.',
    confidence: 0.5,
    advised: null,
    warned: [],
    advice: () =>
      'Wait two minutes: the kernel may kill the culprit. A longer look tells whether it goes on.',
    inputs: ['memory', 'watched', 'virtio queues', 'disk between A and B', 'SSH', 'guest agent', 'vCPUs'],
    longerLook: 'whether the swapping goes on',
  },
  {
    name: 'kernel spins',
    code: 'guest-kernel-hang',
    when: (s) => all(hangs(s), allSpin(s), cpuRose(s)),
    word: 'Hung',
    headline: (s) => `${disksRest(s) ?? 'The disks rest.'} All vCPUs spin.`,
    summary: () =>
      "The guest's kernel hangs: its vCPUs got busy when its writes ended, spin since, and it asks for no I/O.",
    confidence: 0.7,
    advised: 'reset',
    warned: [],
    advice: () => 'Look at the screen in the evidence, then reset.',
    inputs: HANG_INPUTS,
  },
  {
    // An idle kernel still takes its timer's interrupts.
    name: 'kernel halted',
    code: 'guest-kernel-hang',
    when: (s) => all(hangs(s), allHalted(s)),
    word: 'Hung',
    headline: (s) => `${disksRest(s) ?? 'The disks rest.'} No vCPU runs.`,
    summary: () =>
      "The guest's kernel hangs: its vCPUs have not run for a single tick, its writes ended, and it asks for no I/O.",
    confidence: 0.6,
    advised: 'reset',
    warned: [],
    advice: () => 'Look at the screen in the evidence, then reset.',
    inputs: HANG_INPUTS,
  },
  {
    name: 'login runs nothing',
    code: 'login-runs-nothing',
    when: refuses('runs-nothing'),
    word: 'Unwell',
    headline: () => 'SSH lets us in, but nothing runs there.',
    summary: (s) => `The guest's sshd lives and lets us in, but nothing runs there: ${s.ssh.detail}`,
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Either the account's login shell runs nothing (nologin: take another account, or chsh), or the guest cannot read its programs any more (I/O errors: its disk). ${CONSOLE(s)}`,
    inputs: ['SSH', 'virtio queues', 'disk between A and B', 'io-status', 'VM state', 'QMP'],
  },
  {
    name: 'ssh refused',
    code: 'ssh-refused',
    when: refuses('key', 'host-key', 'too-many-keys', 'not-now', 'protocol'),
    word: 'Refused',
    headline: ({ ssh }) => (ssh.refusal && SSH_REFUSED[ssh.refusal]) ?? 'SSH refuses us. The guest lives.',
    summary: (s) => `The guest lives, but its sshd does not let us in: ${s.ssh.detail}`,
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: ({ ssh }) => {
      const reason = ssh.refusal;
      return reason === undefined ||
        reason === 'port-closed' ||
        reason === 'closed' ||
        reason === 'runs-nothing'
        ? 'No power verb: repair the way in.'
        : `No power verb: repair the way in. ${REFUSED[reason]}`;
    },
    inputs: ['SSH', 'guest agent', 'VM state', 'QMP'],
  },
  {
    name: 'sshd is gone',
    code: 'guest-network-or-sshd',
    when: (s) => all(runs(s), refuses('port-closed', 'closed')(s)),
    word: 'Refused',
    headline: ({ ssh }) =>
      `${ssh.refusal === 'closed' ? 'SSH closes every connection' : 'The SSH port is closed'}. The guest lives.`,
    summary: (s) =>
      `The guest lives${agentAnswers(s) === 'yes' ? ' (its agent answers)' : ''}, but no SSH server works there: ${s.ssh.detail}`,
    confidence: 0.85,
    advised: null,
    warned: HARD,
    advice: CONSOLE,
    inputs: ['SSH', 'guest agent', 'VM state', 'QMP'],
  },
  {
    name: 'agent answers, ssh does not',
    code: 'guest-network-or-sshd',
    when: (s) => all(runs(s), agentAnswers(s), not(sshAlive(s))),
    word: 'Silent',
    headline: (s) => `The guest agent answers. ${sshSays(s)}`,
    summary: (s) =>
      `The guest lives (its agent answers), but SSH does not: its network or its sshd${orTheWay(s)}.${knownValue(s.fileSystems) === undefined ? ' Or its file systems were left frozen: that was not told.' : ''}`,
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `${CONSOLE(s)}${knownValue(s.fileSystems) === undefined ? ` Look first whether it is frozen: qm guest cmd ${vm(s)} fsfreeze-status` : ''}`,
    inputs: ['guest agent', 'SSH', 'file systems', 'disk between A and B', 'QMP'],
  },
  {
    name: 'works, ssh does not',
    code: 'guest-network-or-sshd',
    when: (s) => all(runs(s), not(sshAlive(s)), any(wroteJustNow(s), sends(s), diskMoves(s))),
    word: 'Silent',
    headline: (s) => `${LIFE_SAYS[lifeSign(s)]} ${sshSays(s)}`,
    summary: (s) =>
      `The guest works (${lifeSigns(s)}), but SSH does not: its network or its sshd${orTheWay(s)}, or it is very slow.`,
    confidence: 0.6,
    advised: null,
    warned: HARD,
    advice: CONSOLE,
    inputs: ['disk history', 'disk between A and B', 'network', 'SSH', 'guest agent', 'memory', 'QMP'],
    longerLook: 'whether it goes on working, and whether SSH answers late',
  },
  {
    name: 'trouble inside',
    code: 'repair-in-guest',
    when: (s) => all(works(s), any(agentSilent(s), thrashes(s), slowSsh(s))),
    word: 'Unwell',
    headline: (s) => `SSH works, but ${firstTrouble(s)}.`,
    summary: (s) => `SSH works, and something inside the guest is not well: ${troubles(s)}.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: () => LOOK_INSIDE,
    inputs: ['SSH', 'guest agent', 'memory', 'VM state', 'QMP'],
    longerLook: WHAT_ELSE_MOVES,
  },
  {
    name: 'all that was asked is well',
    code: 'nothing-wrong-found',
    when: (s) => all(works(s), runs(s), qmpAnswers(s), agentAnswers(s), diskMoves(s)),
    word: 'Well',
    headline: () => 'Nothing to do. SSH, QEMU and the guest agent answer.',
    summary: (s) => `Nothing wrong is found from outside: ${wellSigns(s)}.`,
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: () => LOOK_INSIDE,
    inputs: ['SSH', 'VM state', 'QMP', 'guest agent', 'disk between A and B', 'virtio queues'],
    claimsWell: true,
  },
  {
    name: 'ssh works',
    code: 'nothing-wrong-found',
    when: works,
    word: 'Answers',
    headline: () => 'SSH works. Nothing wrong is seen from outside.',
    summary: (s) => `Nothing wrong is found from outside: ${wellSigns(s)}.${notLookedAt(s)}`,
    confidence: 0.6,
    advised: null,
    warned: HARD,
    advice: () => LOOK_INSIDE,
    inputs: ['SSH', 'VM state', 'QMP', 'guest agent', 'disk between A and B', 'config lock'],
    longerLook: WHAT_ELSE_MOVES,
  },
  {
    name: 'just started',
    code: 'just-started',
    when: (s) => all(runs(s), young(s)),
    word: 'Starting',
    headline: (s) => `Started ${knownValue(s.uptimeS) ?? 0} s ago. SSH does not answer yet.`,
    summary: (s) => `The VM was started ${knownValue(s.uptimeS)} s ago and does not answer SSH yet.`,
    confidence: 0.6,
    advised: null,
    warned: HARD,
    advice: () =>
      'Give it three minutes: it may be booting or checking its file systems. Look at its screen.',
    inputs: ['process age', 'SSH', 'guest agent', 'disk between A and B', 'vCPUs'],
    longerLook: 'whether it comes up',
  },
  {
    name: 'still and silent',
    code: 'not-known',
    when: (s) => all(runs(s), qmpAnswers(s), disksStill(s), not(guestAlive(s))),
    word: 'Silent',
    headline: (s) => `${disksRest(s) ?? 'No disk activity.'} ${sshSays(s)}`,
    summary: () =>
      'The guest gives no sign of life, and its disks moved nothing while they were watched: idle with its network down, hung and stalled look alike.',
    confidence: 0,
    advised: null,
    warned: [],
    advice: () =>
      "Take the longer look, and look at the VM's screen in the evidence. No verb as long as nothing says what is broken.",
    inputs: [...HANG_INPUTS, 'QMP', 'memory', 'network', 'evidence'],
    longerLook: 'whether anything moves: disks, processors, network, memory',
  },
];

const slowSsh = (s: Signals) =>
  s.ssh.tookMs === undefined ? 'no' : truthOf(s.ssh.reading === 'works' && s.ssh.tookMs >= SLOW_SSH_MS);

function troubles(s: Signals): string {
  const found = [
    ...(agentSilent(s) === 'yes' ? ['its agent is configured and does not answer'] : []),
    ...(thrashes(s) === 'yes' ? ['it swaps much'] : []),
    ...(slowSsh(s) === 'yes' ? [`SSH took ${((s.ssh.tookMs ?? 0) / 1000).toFixed(1)} s`] : []),
  ];
  return found.join(', ');
}

function firstTrouble(s: Signals): string {
  if (agentSilent(s) === 'yes') return 'the guest agent does not answer';
  return thrashes(s) === 'yes'
    ? 'the guest swaps much'
    : `it took ${((s.ssh.tookMs ?? 0) / 1000).toFixed(1)} s`;
}

function lifeSigns(s: Signals): string {
  const found = [
    ...(diskMoves(s) === 'yes' ? ['its disks move'] : []),
    ...(wroteJustNow(s) === 'yes' ? ['the host saw it write in the last minutes'] : []),
    ...(sends(s) === 'yes' ? ['it sends'] : []),
  ];
  return found.join(', ');
}

const LIFE_SAYS = {
  disks: 'Its disks move.',
  history: 'It wrote to disk just now.',
  network: 'It sends.',
} as const;
const lifeSign = (s: Signals): keyof typeof LIFE_SAYS => {
  if (diskMoves(s) === 'yes') return 'disks';
  return wroteJustNow(s) === 'yes' ? 'history' : 'network';
};
