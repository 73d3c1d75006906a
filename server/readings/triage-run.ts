// Triage with its I/O: what the host and the VM say now, as cheaply as the case allows. A VM that answers SSH costs one status
// and one probe; only one that is silent costs a capture (which is kept as evidence). Needs no journal.
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Evidence } from '../evidence/port.ts';
import type { BundleSignals } from '../evidence/signals.ts';
import type { HostStatus } from '../power-host/output.ts';
import { type PowerPath, runVerb, statusAnswer } from '../power-host/run-verb.ts';
import type { CaptureSignals, Signals } from '../triage/signals.ts';
import { triage } from '../triage/triage.ts';
import { evidenceNamed, readCapture } from './printed-capture.ts';
import type { Readings } from './readings.ts';

export interface TriageDeps {
  readonly target: TargetName;
  readonly host: PowerPath;
  readonly readings: Pick<Readings, 'probeSsh' | 'noteHost'>;
  readonly evidence: Pick<Evidence, 'collect'>;
  readonly now?: () => Date;
}

/** Who wants to know; what is captured for it is linked to them. */
export interface TriageCause {
  readonly by: Actor;
  readonly session_id?: SessionId;
}

// A cold case has to be named within 10 s.
const STATUS_LIMIT_MS = 9_000;
const PROBE_LIMIT_MS = 5_000;
// The host ends a capture after 20 s.
const CAPTURE_LIMIT_MS = 25_000;

export async function runTriage(deps: TriageDeps, cause: TriageCause): Promise<TriageReport> {
  const { host, readings } = deps;
  const [end, probe] = await Promise.all([
    runVerb(host.ssh, 'status', { timeoutMs: STATUS_LIMIT_MS }).then((ended) => {
      // What triage heard counts for the verb that follows, also where an older answer would still be fresh.
      readings.noteHost(statusAnswer(ended, host.vmid));
      return ended;
    }),
    readings.probeSsh(PROBE_LIMIT_MS).catch(() => ({ answers: false, detail: 'could not be asked' })),
  ]);
  const reachable = end.how === 'exited';
  const answer = statusAnswer(end, host.vmid);
  const { status } = answer;
  // Another VM's evidence says nothing about ours.
  const other = answer.status === undefined && answer.otherVm !== undefined;
  const sshSignal = { answers: probe.answers, detail: probe.detail };
  const silent = reachable && !other && !probe.answers && status?.busy === undefined;
  const captured = silent ? await capture(deps, cause, sshSignal) : readCapture(other ? '' : end.stdout);
  return triage({
    ...captured,
    target: deps.target,
    at: (deps.now ?? (() => new Date()))().toISOString(),
    powerHost: { reachable, detail: end.detail || 'gave no answer in time' },
    ...statusSignals(status, captured),
    ssh: sshSignal,
  });
}

/** What a status tells, with what a capture told where it does not. */
export function statusSignals(
  status: HostStatus | undefined,
  captured: Partial<BundleSignals>,
): Pick<Signals, 'vmState' | 'qmp' | 'busy'> & CaptureSignals {
  const qmp = status?.qmp === 'answers' || status?.qmp === 'silent' ? status.qmp : undefined;
  const configLock = captured.configLock ?? status?.lock;
  // A task belongs to the lock that was seen with it.
  const task = captured.configLock === undefined ? (status?.task ?? captured.task) : captured.task;
  const pid = captured.pid ?? status?.pid;
  return {
    vmState: captured.vmState ?? status?.vmState,
    qmp: captured.qmp ?? qmp,
    busy: status?.busy,
    ...(configLock === undefined ? {} : { configLock }),
    ...(task === undefined ? {} : { task }),
    ...(pid === undefined ? {} : { pid }),
  };
}

async function capture(
  { host, evidence }: TriageDeps,
  cause: TriageCause,
  sshSignal: Signals['ssh'],
): Promise<Partial<BundleSignals>> {
  const end = await runVerb(host.ssh, 'forensics', { timeoutMs: CAPTURE_LIMIT_MS });
  const id = end.host?.evidence ?? evidenceNamed(end.stdout);
  const collected =
    id === undefined
      ? undefined
      : await evidence.collect({ id, verb: 'forensics', ssh: sshSignal, ...cause });
  // What the bundle tells goes before what was printed; a bundle that is damaged or older tells less.
  return { ...readCapture(end.stdout), ...collected?.signals, ...(id === undefined ? {} : { evidence: id }) };
}
