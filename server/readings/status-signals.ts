// From a status to what triage looks at. A line that is missing is a signal that is not known. Pure.
import type { BundleSignals } from '../evidence/signals.ts';
import type { HostStatus } from '../power-host/output.ts';
import { addLook, preferKnown } from '../triage/combine.ts';
import { known, notAsked, type Reading } from '../triage/reading.ts';
import type { Signals } from '../triage/signals.ts';
import { lookAtMonitor } from './printed-capture.ts';

type StatusSignals = Pick<
  Signals,
  | 'vmState'
  | 'qmp'
  | 'busy'
  | 'placement'
  | 'configLock'
  | 'tasks'
  | 'uptimeS'
  | 'guestAgent'
  | 'pid'
  | 'vmid'
>;

/** What a status tells. */
export function readStatus(status: HostStatus | undefined): StatusSignals {
  if (status === undefined) return {};
  const { vmState, qmp, busy, lock, task, uptimeS, guestAgent, pid, vm } = status;
  const unsaid = notAsked('the host did not say it');
  return {
    vmState: known(vmState),
    qmp: lookAtMonitor(qmp),
    busy: known(busy ?? 'none'),
    placement: known('here'),
    // A script before 0.2 says nothing of a lock that is not there, nor of one that it cannot read.
    configLock: lock === undefined ? unsaid : known(lock),
    tasks: lock === undefined || lock === 'none' ? unsaid : known(task === undefined ? [] : [task]),
    uptimeS: uptimeS === undefined ? unsaid : known(uptimeS),
    guestAgent: agentSaid(guestAgent),
    ...(pid === undefined ? {} : { pid }),
    ...(vm === undefined ? {} : { vmid: vm }),
  };
}

const agentSaid = (answers: boolean | undefined): Reading<'answers' | 'silent'> => {
  if (answers === undefined) return notAsked('the host did not say it');
  return known(answers ? 'answers' : 'silent');
};

/**
 * What a status and a capture tell together. What is newer goes first; a task belongs to the lock that was seen with it, and two
 * looks at the monitor are counted one after the other.
 */
export function statusSignals(
  status: HostStatus | undefined,
  captured: Partial<BundleSignals>,
  newer: 'status' | 'capture',
): StatusSignals & Partial<BundleSignals> {
  const told = readStatus(status);
  const unsaid = notAsked('not captured');
  const [first, second] = newer === 'capture' ? [captured, told] : [told, captured];
  const withLock = first.configLock?.is === 'known' || second.configLock?.is !== 'known' ? first : second;
  return {
    ...preferKnown(first, second),
    ...(withLock.tasks === undefined ? {} : { tasks: withLock.tasks }),
    qmp: addLook(second.qmp ?? unsaid, first.qmp ?? unsaid),
  };
}
