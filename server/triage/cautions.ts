// What stands beside any finding and changes what a verb will do. All that hold are said, in this order; one that may hold withholds
// the verbs that it warns of.
import type { MutatingVerb } from '../../protocol/verbs.ts';
import { parseTask } from '../../protocol/vm-states.ts';
import { lockedAs, lockHolderType, off } from './conditions.ts';
import { all, holds, knownValue, type Truth, truthOf } from './reading.ts';
import type { Signals } from './signals.ts';

export interface CautionRule {
  readonly code: string;
  readonly when: (signals: Signals) => Truth;
  readonly text: (signals: Signals) => string;
  readonly warned: readonly MutatingVerb[];
  /** What is not known, where `when` is unknown and a verb is withheld for it. */
  readonly doubt: string;
}

export const CAUTIONS: readonly CautionRule[] = [
  {
    code: 'quorum-lost',
    when: (s) => holds(s.quorum, (quorum) => !quorum),
    text: () =>
      'The cluster has no quorum: start would fail (cluster not ready - no quorum?), so stop and cycle would strand the VM.',
    warned: ['cycle', 'start', 'stop'],
    doubt: 'whether the cluster has quorum',
  },
  {
    code: 'cluster-not-read',
    // Only where it was asked: then /etc/pve hangs or is gone, and qm hangs or fails with it.
    when: ({ quorum }) => truthOf(quorum?.is === 'too-late' || quorum?.is === 'unreadable'),
    text: ({ quorum }) =>
      `The cluster's file system (/etc/pve) could not be read${quorum !== undefined && 'why' in quorum ? `: ${quorum.why}` : ''}. Quorum and HA are not known; a start may fail, so stop and cycle may strand the VM.`,
    warned: ['cycle', 'start', 'stop'],
    doubt: 'whether /etc/pve can be read',
  },
  {
    code: 'ha-managed',
    when: (s) => holds(s.ha, (ha) => ha === 'managed'),
    text: () =>
      'The VM is managed by HA: start and stop are requests to its manager, which carries them out when it sees fit and may start the VM again.',
    warned: [],
    doubt: 'whether it is managed by HA',
  },
  {
    code: 'ha-frozen',
    when: (s) => holds(s.ha, (ha) => ha === 'frozen'),
    text: () =>
      'The VM is managed by HA, and the manager is disarmed (freeze): it carries out no start and no stop until it is armed again (ha-manager crm-command arm-ha).',
    warned: ['cycle', 'start', 'stop'],
    doubt: 'whether its HA manager is frozen',
  },
  {
    code: 'staged-configuration',
    when: (s) => holds(s.staged, (staged) => staged.length > 0),
    text: (s) =>
      `Staged configuration is pending: ${knownValue(s.staged)?.join(', ')}. ${all(off(s), lockedAs(s, 'suspended')) === 'yes' ? 'The start that resumes it does not apply it; a cycle after that does.' : 'Only cycle applies it; reset does not.'}`,
    warned: [],
    doubt: 'what configuration is staged',
  },
  {
    code: 'shutdown-pressed',
    when: (s) => holds(s.lockFile, () => lockHolderType(s) === 'qmshutdown'),
    text: (s) =>
      `A Shutdown pressed in the web interface${by(s)} waits for the guest and holds the VM's lock. A stop or a cycle by a person overrules it.`,
    warned: [],
    doubt: 'who holds the lock file',
  },
  {
    code: 'verb-in-progress',
    when: (s) => holds(s.busy, (busy) => busy !== 'none'),
    text: (s) =>
      `The host is carrying out a verb: ${knownValue(s.busy)}. Wait for its end; what is read meanwhile may be half-way.`,
    warned: [],
    doubt: 'whether the host carries out a verb',
  },
];

const by = (s: Signals): string => {
  const task = parseTask(knownValue(s.lockFile)?.holder ?? '');
  return task === undefined ? '' : ` by ${task.user}`;
};
