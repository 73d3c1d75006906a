// Rules about the power host and about who holds the VM there. None advises a verb.
import { configLock } from '../../../protocol/vm-states.ts';
import {
  disksStill,
  guestAlive,
  locked,
  lockedAs,
  lockFileStuck,
  lockHasTask,
  lockHolderType,
  off,
  queueStuck,
  runs,
} from '../conditions.ts';
import { disksRest, oneWord } from '../headline.ts';
import { taskWords } from '../inputs.ts';
import { all, any, holds, knownValue, not, truthOf } from '../reading.ts';
import type { Signals } from '../signals.ts';
import { ALL_VERBS, HARD, type Rule, vm } from './rule.ts';

const lockName = (s: Signals): string => knownValue(s.configLock) ?? 'not known';
const isKnownLock = (s: Signals) =>
  holds(s.configLock, (lock) => lock === 'none' || configLock(lock) !== undefined);
const tasksOf = (s: Signals): string =>
  (knownValue(s.tasks) ?? []).map(({ said }) => taskWords(said)).join('; ');
const COLD_PATH =
  "Follow the runbook's cold path (docs/runbook.md, cold case): look at the host's own console, its power and its network.";

const hostIs = (reading: Signals['powerHost']['reading']) => (s: Signals) =>
  s.powerHost.reading === 'unknown' ? 'unknown' : truthOf(s.powerHost.reading === reading);

export const HOST_RULES: readonly Rule[] = [
  {
    name: 'cold case',
    code: 'cold-case',
    when: hostIs('unreachable'),
    word: 'Unreachable',
    headline: (s) =>
      `The power host does not answer. ${s.ssh.reading === 'works' ? 'The VM answers SSH' : 'No verb helps from here'}.`,
    summary: (s) =>
      `The power host does not answer: no verb can help from here.${s.ssh.reading === 'works' ? ' The VM itself answers SSH.' : ''}`,
    confidence: 0.9,
    advised: null,
    warned: [],
    advice: () => COLD_PATH,
    inputs: ['power host', 'SSH'],
  },
  {
    name: 'power host refuses',
    code: 'cold-case',
    when: hostIs('refused'),
    word: 'Unreachable',
    headline: () => 'The power host lives, but refuses this console.',
    summary: (s) =>
      `The power host lives, but does not let us in: no verb can help from here. ${s.powerHost.detail}`,
    confidence: 0.9,
    advised: null,
    warned: [],
    advice: () =>
      'Repair the way in (its sshd, the key of this console, its host key), or go to the host by another way: its web interface, its own console.',
    inputs: ['power host', 'SSH'],
  },
  {
    name: 'power host lost',
    code: 'cold-case',
    when: hostIs('lost'),
    word: 'Not known',
    headline: () => 'The connection to the power host was lost.',
    summary: (s) =>
      `The connection to the power host was lost while it was asked.${s.ssh.reading === 'works' ? ' The VM itself answers SSH.' : ''}`,
    confidence: 0.6,
    advised: null,
    warned: [],
    advice: () => `Ask again. When it stays so: ${COLD_PATH}`,
    inputs: ['power host', 'SSH'],
  },
  {
    // Slow is not dead: a host under load takes its time to start anything.
    name: 'power host slow',
    code: 'power-host-slow',
    when: (s) => all(hostIs('slow')(s), not(truthOf(knownValue(s.vmState) !== undefined))),
    word: 'Not known',
    headline: () => 'The power host is slow to say how the VM is.',
    summary: () => 'The power host was reached, but did not say in time how the VM is: it is slow, not gone.',
    confidence: 0.8,
    advised: null,
    warned: [],
    advice: () =>
      'Ask again in a moment. Forensics and verbs stay open and wait longer than a status; to see why it is slow, type on the host: uptime; cat /proc/pressure/io',
    inputs: ['power host', 'SSH'],
  },
  {
    name: 'not on this node',
    code: 'not-on-this-node',
    when: (s) => holds(s.placement, (where) => where !== 'here'),
    word: 'Elsewhere',
    headline: () => 'The VM is not on this node.',
    summary: (s) => {
      const where = knownValue(s.placement);
      return `The VM is not on this node: ${where === undefined || where === 'here' ? 'its configuration is not there' : where.elsewhere}.`;
    },
    confidence: 0.9,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      `It was moved to another node of the cluster, or removed. To find it, type on any node: ls /etc/pve/nodes/*/qemu-server/${vm(s)}.conf. Verbs have to go to that node: set Breakglass up there.`,
    inputs: ['placement', 'power host', 'SSH'],
  },
  {
    name: 'thread in D',
    code: 'host-storage-or-kernel',
    when: (s) =>
      all(
        not(off(s)),
        holds(s.stuckThreads, (threads) => threads.length > 0),
      ),
    word: 'Blocked',
    headline: (s) => {
      const hanging = knownValue(s.stuckThreads)?.length ?? 0;
      return `${hanging} QEMU thread${hanging === 1 ? ' hangs' : 's hang'} in the host's kernel.`;
    },
    summary: () =>
      "A thread of the VM's QEMU process hangs in the host's kernel: its storage or the kernel itself.",
    confidence: 0.9,
    advised: null,
    warned: HARD,
    advice: (s) =>
      `A cycle would hang too: such a process cannot be killed. Fix the host: dmesg -T | tail -50; cat /proc/${s.pid ?? 'PID'}/stack`,
    inputs: ['threads in D', 'host storage', 'QEMU process', 'VM state', 'SSH'],
  },
  {
    name: 'lock that is not known',
    code: 'not-known',
    when: (s) => not(isKnownLock(s)),
    word: 'Locked',
    headline: (s) => `The VM carries an unknown lock: ${oneWord(lockName(s))}.`,
    summary: (s) => `The VM carries a lock that is not known here: ${lockName(s)}.`,
    confidence: 0,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      `Every verb would be refused. Find out what set it before anything else: pvesh get /nodes/$(hostname)/tasks --vmid ${vm(s)} --limit 20`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    name: 'locked by a task',
    code: 'busy',
    when: (s) => all(locked(s), lockHasTask(s)),
    word: 'Busy',
    headline: (s) => `A task works on the VM (${oneWord(lockName(s))}).`,
    summary: (s) => `The VM is locked (${lockName(s)}) and a task works on it: ${tasksOf(s)}.`,
    confidence: 0.9,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      `Wait for its end. To see it on the host: pvesh get /nodes/$(hostname)/tasks --vmid ${vm(s)} --source active`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    name: 'stale lock',
    code: 'stale-lock',
    when: (s) => all(locked(s), not(lockHasTask(s))),
    word: 'Locked',
    headline: (s) => `Locked (${oneWord(lockName(s))}), and no task works on it.`,
    summary: (s) =>
      `The VM is locked (${lockName(s)}), and no task works on it that would explain it: the lock is stale.${tasksOf(s) === '' ? '' : ` What runs is ${tasksOf(s)}.`}`,
    confidence: 0.9,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      `Every verb would be refused. When you are sure that nothing works on it, unlock it on the host: qm unlock ${vm(s)}`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    name: 'locked by who knows',
    code: 'stale-lock',
    when: locked,
    word: 'Locked',
    headline: (s) => `Locked (${oneWord(lockName(s))}). Whether a task works is not known.`,
    summary: (s) =>
      `The VM is locked (${lockName(s)}); whether a task works on it is not known.${tasksOf(s) === '' ? '' : ` Seen is ${tasksOf(s)}.`}`,
    confidence: 0.5,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      `Every verb would be refused. Look first which tasks run: pvesh get /nodes/$(hostname)/tasks --source active. Only when none of them works on this VM: qm unlock ${vm(s)}`,
    inputs: ['config lock', 'task', 'VM state'],
  },
  {
    name: 'lock file held',
    code: 'task-stuck',
    when: lockFileStuck,
    word: 'Locked',
    headline: (s) =>
      `For ${Math.round(knownValue(s.lockFile)?.seenForS ?? 0)} s a task has held the VM's lock.`,
    summary: (s) => {
      const file = knownValue(s.lockFile);
      return `A task has been seen holding the VM's lock for ${Math.round(file?.seenForS ?? 0)} s: ${taskWords(file?.holder ?? '')}.`;
    },
    confidence: 0.9,
    advised: null,
    warned: ALL_VERBS,
    advice: (s) =>
      lockHolderType(s) === 'cleanup'
        ? 'It tidies up after the last QEMU process and ends within 30 s by itself: ask again then.'
        : `Resolve that task first; a verb would wait for it and fail. On the host: fuser -v /var/lock/qemu-server/lock-${vm(s)}.conf`,
    inputs: ['lock file', 'task', 'VM state'],
  },
  {
    name: 'being resumed',
    code: 'in-transition',
    when: (s) => all(not(off(s)), lockedAs(s, 'suspended')),
    word: 'Busy',
    headline: () => 'The VM is being resumed from disk.',
    summary: () => 'The VM was suspended to disk and is being resumed: its lock goes when that is done.',
    confidence: 0.7,
    advised: null,
    warned: HARD,
    advice: () => 'Wait: a resume may take minutes. Its memory is lost when it is stopped now.',
    inputs: ['config lock', 'VM state', 'task'],
  },
];

/** Stands among the rules about disks: a still disk on a storage that is in trouble is no matter of QEMU. */
export const STORAGE_UNDER_STILL_DISK: Rule = {
  name: 'still disk on storage in trouble',
  code: 'host-storage-or-kernel',
  when: (s) =>
    all(
      runs(s),
      holds(s.hostStorage, (lines) => lines.length > 0),
      any(queueStuck(s), all(disksStill(s), not(guestAlive(s)))),
    ),
  word: 'Blocked',
  headline: (s) => `${disksRest(s) ?? 'A disk stands still.'} The host's storage reports errors.`,
  summary: (s) =>
    `The VM's disk stands still, and the host's kernel complains of its own storage: ${knownValue(s.hostStorage)?.at(-1)}`,
  confidence: 0.8,
  advised: null,
  warned: HARD,
  advice: () =>
    'Fix the storage first: a cycle would stop the VM and could not start it again. On the host: dmesg -T | tail -50; pvesm status (it may hang)',
  inputs: ['host storage', 'virtio queues', 'disk between A and B', 'threads in D', 'SSH'],
};
