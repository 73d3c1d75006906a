// What stands beside any finding and changes what a verb will do. All that hold are said, in this order.
import type { MutatingVerb } from '../../protocol/verbs.ts';
import type { Signals } from './signals.ts';

interface CautionRule {
  readonly code: string;
  readonly when: (signals: Signals) => boolean;
  readonly text: (signals: Signals) => string;
  readonly warned: readonly MutatingVerb[];
}

export const CAUTIONS: readonly CautionRule[] = [
  {
    code: 'quorum-lost',
    when: (s) => s.quorum === false,
    text: () =>
      'The cluster has no quorum: start would fail (cluster not ready - no quorum?), so stop and cycle would strand the VM.',
    warned: ['cycle', 'start', 'stop'],
  },
  {
    code: 'ha-managed',
    when: (s) => s.haManaged === true,
    text: () =>
      'The VM is managed by HA: start and stop are requests to its manager, which carries them out when it sees fit and may start the VM again.',
    warned: [],
  },
  {
    code: 'staged-configuration',
    when: (s) => (s.staged?.length ?? 0) > 0,
    text: (s) =>
      `Staged configuration is pending: ${s.staged?.join(', ')}. Only cycle applies it; reset does not.`,
    warned: [],
  },
  {
    code: 'verb-in-progress',
    when: (s) => s.busy !== undefined,
    text: (s) =>
      `The host is carrying out a verb: ${s.busy}. Wait for its end; what is read meanwhile may be half-way.`,
    warned: [],
  },
];
