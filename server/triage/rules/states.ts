// Rules about a VM that does not run: it is stopped, or QEMU is in another of its states. What the states are stands in
// protocol/vm-states.ts.
import { RUN_STATES, type RunState, runStateKind } from '../../../protocol/vm-states.ts';
import { inKind, lockedAs, off } from '../conditions.ts';
import { oneWord } from '../headline.ts';
import { all, holds, knownValue, not } from '../reading.ts';
import type { Signals } from '../signals.ts';
import { HARD, type Rule, vm } from './rule.ts';

const stateName = (s: Signals): string => knownValue(s.vmState) ?? 'not known';
const stateSays = (s: Signals): string => {
  const name = stateName(s);
  const row = Object.hasOwn(RUN_STATES, name) ? RUN_STATES[name as RunState] : undefined;
  return `The VM ${row?.says ?? 'is in a state that is not known here'} (${name})`;
};
const noSpace = (s: Signals) =>
  holds(s.ioErrors, (drives) => drives.some(({ status }) => status === 'nospace'));
const drivesOf = (s: Signals): string => {
  const drives = knownValue(s.ioErrors) ?? [];
  return drives.length === 0
    ? ''
    : ` (${drives.map(({ device, status }) => `${device}: ${status}`).join(', ')})`;
};
const killed = (s: Signals): string | undefined => {
  const line = knownValue(s.outOfMemory);
  return line === undefined || line === 'none' ? undefined : line;
};
const startIt = (s: Signals): string =>
  killed(s) === undefined
    ? 'Start it. If it stopped by itself, look in the host log for the reason.'
    : 'Start it, and see that the host has memory left for it: the line about its end is among the inputs.';

export const STATE_RULES: readonly Rule[] = [
  {
    name: 'hibernated',
    code: 'suspended-to-disk',
    when: (s) => all(off(s), lockedAs(s, 'suspended')),
    word: 'Asleep',
    headline: () => 'Suspended to disk. Start resumes it.',
    summary: () => 'The VM is suspended to disk (hibernated): its memory is kept, there is no QEMU process.',
    confidence: 0.95,
    advised: 'start',
    warned: [],
    advice: () =>
      'Start resumes it where it was, and takes its lock away by itself; it may take minutes. Cycle is refused: there is no process to end. Staged configuration is not applied by a resume.',
    inputs: ['VM state', 'QEMU process', 'config lock', 'lock file'],
  },
  {
    name: 'stopped by somebody',
    code: 'stopped',
    when: (s) =>
      all(
        off(s),
        holds(s.stoppedBy, (who) => who !== 'nobody'),
      ),
    word: 'Stopped',
    headline: (s) => `Stopped by ${oneWord(knownValue(s.stoppedBy) ?? '')}. There is no QEMU process.`,
    summary: (s) =>
      `The VM is stopped: there is no QEMU process. It was stopped by ${knownValue(s.stoppedBy)}.`,
    confidence: 0.7,
    advised: 'start',
    warned: [],
    advice: () => 'Start it, unless it was stopped on purpose: then ask whoever did it first.',
    inputs: ['VM state', 'QEMU process', 'stopped by', 'config lock', 'lock file', 'out of memory', 'SSH'],
  },
  {
    name: 'stopped',
    code: 'stopped',
    when: off,
    word: 'Stopped',
    headline: (s) =>
      killed(s) === undefined ? 'There is no QEMU process.' : 'The host killed QEMU for want of memory.',
    summary: (s) =>
      `The VM is stopped: there is no QEMU process.${killed(s) === undefined ? '' : " The host's kernel killed it for want of memory."}`,
    confidence: 0.9,
    advised: 'start',
    warned: [],
    advice: startIt,
    inputs: ['VM state', 'QEMU process', 'config lock', 'lock file', 'out of memory', 'stopped by', 'SSH'],
  },
  {
    name: 'pool full',
    code: 'pool-full',
    when: (s) => all(inKind('storage')(s), noSpace(s)),
    word: 'Blocked',
    headline: () => 'The storage pool is full. QEMU paused the VM.',
    summary: (s) =>
      `The host's storage pool is full: QEMU paused the VM at a write that found no space${drivesOf(s)}.`,
    confidence: 0.95,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Never cycle first: what the guest has not written yet would be lost. Free space on the host (lvs; pvesm status), then: qm resume ${vm(s)}`,
    inputs: ['VM state', 'io-status', 'QMP'],
  },
  {
    name: 'storage error',
    code: 'storage-error',
    when: inKind('storage'),
    word: 'Blocked',
    headline: () => 'Storage reported an error. QEMU paused the VM.',
    summary: (s) => `QEMU paused the VM because the host's storage reported an error${drivesOf(s)}.`,
    confidence: 0.85,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Fix the storage on the host first (pvesm status; dmesg -T | tail), then: qm resume ${vm(s)}`,
    inputs: ['VM state', 'io-status', 'host storage', 'QMP'],
  },
  {
    name: 'paused',
    code: 'paused',
    when: inKind('held'),
    word: 'Paused',
    headline: (s) => `Somebody or something holds the VM (${oneWord(stateName(s))}).`,
    summary: (s) => `${stateSays(s)}: somebody or something holds it.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `If a backup or a snapshot is under way, wait for it. Else a person resumes it on the host: qm resume ${vm(s)}. A reset would leave it waiting (prelaunch).`,
    inputs: ['VM state', 'task', 'config lock', 'QMP'],
  },
  {
    name: 'asleep',
    code: 'paused',
    when: inKind('asleep'),
    word: 'Asleep',
    headline: () => 'The guest sleeps. Nothing is broken.',
    summary: (s) => `${stateSays(s)}.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: (s) => `Nothing is broken. A person wakes it on the host: qm resume ${vm(s)}`,
    inputs: ['VM state', 'QMP', 'SSH'],
  },
  {
    name: 'in transition',
    code: 'in-transition',
    when: inKind('moving'),
    word: 'Busy',
    headline: (s) => `QEMU is at work (${oneWord(stateName(s))}). It ends by itself.`,
    summary: (s) => `${stateSays(s)}: it ends by itself.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Wait. If it stays so for minutes, look at the task on the host: pvesh get /nodes/$(hostname)/tasks --vmid ${vm(s)} --source active`,
    inputs: ['VM state', 'task', 'config lock', 'QMP'],
  },
  {
    name: 'migrated away',
    code: 'migrated-away',
    when: inKind('left'),
    word: 'Elsewhere',
    headline: () => 'Migrated away. Find out where it runs.',
    summary: (s) => `${stateSays(s)}.`,
    confidence: 0.8,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `Find out where it runs before anything else: two processes on one disk destroy it. On any node: ls /etc/pve/nodes/*/qemu-server/${vm(s)}.conf, and qm status ${vm(s)} there. Only if it runs nowhere: qm resume ${vm(s)} here.`,
    inputs: ['VM state', 'placement', 'task', 'config lock'],
  },
  {
    name: 'internal error',
    code: 'qemu-internal-error',
    when: inKind('broken'),
    word: 'Halted',
    headline: () => 'QEMU halted the VM after an internal error.',
    summary: () => 'QEMU halted the VM (internal-error); this process will not run it again.',
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => 'Cycle: a fresh QEMU process is needed.',
    inputs: ['VM state', 'config lock', 'lock file', 'threads in D'],
  },
  {
    name: 'panic',
    code: 'guest-panicked',
    when: inKind('panicked'),
    word: 'Panicked',
    headline: () => "The guest's kernel panicked.",
    summary: () => "The guest's kernel panicked.",
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Cycle: after a reset QEMU would leave the VM paused (prelaunch). The screen in the evidence shows the panic.',
    inputs: ['VM state', 'config lock', 'lock file', 'threads in D'],
  },
  {
    name: 'watchdog',
    code: 'guest-watchdog',
    when: inKind('watchdog'),
    word: 'Hung',
    headline: () => 'The guest hung: its watchdog expired.',
    summary: () => "The guest's own watchdog expired, so it hung; QEMU paused it.",
    confidence: 0.75,
    advised: 'cycle',
    warned: ['reset'],
    advice: () =>
      'Look at the screen in the evidence, then cycle: after a reset QEMU would leave the VM paused (prelaunch).',
    inputs: ['VM state', 'config lock', 'lock file', 'threads in D'],
  },
  {
    name: 'shut down',
    code: 'guest-shut-down',
    when: inKind('ended'),
    word: 'Stopped',
    headline: () => 'The guest shut down. Its QEMU process stayed.',
    summary: () => 'The guest shut down, but its QEMU process stayed.',
    confidence: 0.8,
    advised: 'cycle',
    warned: ['reset'],
    advice: () => 'Cycle: a fresh QEMU process is needed.',
    inputs: ['VM state', 'config lock', 'lock file', 'threads in D'],
  },
  {
    name: 'state that is not known',
    code: 'not-known',
    when: (s) => not(holds(s.vmState, (state) => runStateKind(state) !== undefined)),
    word: 'Not known',
    headline: (s) => `The VM is in an unknown state: ${oneWord(stateName(s))}.`,
    summary: (s) => `The VM is in a state that is not known here: ${stateName(s)}.`,
    confidence: 0,
    advised: null,
    warned: [],
    advice: () => "Look at the inputs and the evidence, and at the VM's console, before pressing anything.",
    inputs: ['VM state', 'QMP', 'config lock', 'SSH', 'guest agent'],
  },
];
