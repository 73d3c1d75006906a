// From a status to what triage looks at. A line that is missing is a signal that is not known. Pure.
import { type BundleSignals, placementSaid } from '../evidence/signals.ts';
import type { HostStatus } from '../power-host/output.ts';
import { addLook, preferKnown } from '../triage/combine.ts';
import { aged, known, notAsked, type Reading, tooLate, unreadable } from '../triage/reading.ts';
import type { Placement, Signals } from '../triage/signals.ts';
import { lookAtMonitor } from './printed-capture.ts';

type StatusSignals = Pick<
  Signals,
  | 'vmState'
  | 'qmp'
  | 'busy'
  | 'placement'
  | 'configLock'
  | 'tasks'
  | 'lockFile'
  | 'uptimeS'
  | 'guestAgent'
  | 'pid'
  | 'vmid'
>;

/** What a status tells. */
export function readStatus(status: HostStatus | undefined): StatusSignals {
  if (status === undefined) return {};
  const { vmState, qmp, busy, lock, task, uptimeS, guestAgent, pid, vm, holder, askedAgoS } = status;
  const unsaid = notAsked('the host did not say it');
  // Of a silent monitor nobody has a state: what is said then is that there is a process, and that was seen now.
  const stateAgoS = qmp === 'silent' ? undefined : askedAgoS;
  return {
    vmState: agedBy(known(vmState), stateAgoS),
    qmp: agedBy(monitorSaid(status), askedAgoS),
    busy: known(busy ?? 'none'),
    placement: placementOf(status),
    // A script before 0.2 says nothing of a lock that is not there, nor of one that it cannot read.
    configLock: lock === undefined ? unsaid : known(lock),
    tasks: lock === undefined || lock === 'none' ? unsaid : known(task === undefined ? [] : [{ said: task }]),
    // One that is free is not told.
    lockFile: holder === undefined ? unsaid : known({ holder, seenForS: undefined }),
    uptimeS: uptimeS === undefined ? unsaid : known(uptimeS),
    guestAgent: agentSaid(guestAgent),
    ...(pid === undefined ? {} : { pid }),
    ...(vm === undefined ? {} : { vmid: vm }),
  };
}

const agedBy = <T>(reading: Reading<T>, ageS: number | undefined): Reading<T> =>
  ageS === undefined ? reading : aged(reading, ageS);

function monitorSaid({ qmp, monitor }: HostStatus): Exclude<Signals['qmp'], undefined> {
  if (qmp !== undefined || monitor === undefined) return lookAtMonitor(qmp);
  return monitor.startsWith('not asked') ? notAsked(monitor) : unreadable(monitor);
}

/** Without its configuration a VM is not this host's, whatever process there is. */
function placementOf({ cluster }: HostStatus): Reading<Placement> {
  if (cluster === undefined) return known('here');
  return placementSaid(cluster) ?? (/does not answer/.test(cluster) ? tooLate(cluster) : unreadable(cluster));
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
