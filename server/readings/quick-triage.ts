// Triage in the second before a verb: the last status, the last probe of SSH, and the last capture where it still describes
// what is. It may know less than a full triage and then finds less: it never holds up a verb for a capture. Pure.
import type { TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Latest } from '../evidence/port.ts';
import type { BundleSignals } from '../evidence/signals.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import type { CaptureSignals, Signals } from '../triage/signals.ts';
import { triage } from '../triage/triage.ts';
import { statusSignals } from './triage-run.ts';

export interface QuickSignals {
  readonly target: TargetName;
  /** Undefined: not asked yet, or no answer yet. */
  readonly host: StatusAnswer | undefined;
  readonly ssh: Signals['ssh'];
  readonly captured: Latest | undefined;
}

/** A capture says what was; longer than this it is history. */
const CAPTURE_LIFE_MS = 5 * 60_000;

export function quickReport(
  { target, host, captured, ...now }: QuickSignals,
  nowMs = Date.now(),
): TriageReport {
  const status = host?.status;
  const age = captured === undefined ? Number.POSITIVE_INFINITY : nowMs - captured.atMs;
  const recent = age < CAPTURE_LIFE_MS ? captured : undefined;
  // A guest that is well answers within the patience of this; one that does not is as it was.
  const asThen = now.ssh.answers === undefined && recent?.ssh.answers === false;
  const ssh = asThen ? { answers: false, detail: `${recent.ssh.detail} (when it was captured)` } : now.ssh;
  const usable = stillTrue(recent?.signals, host, ssh);
  return triage({
    ...usable,
    target,
    at: new Date(nowMs).toISOString(),
    powerHost: {
      reachable: host === undefined || status !== undefined || host.reachable,
      detail: host === undefined || status !== undefined ? '' : host.detail,
    },
    ...statusSignals(status, usable),
    // What the status says now goes before what a capture said.
    ...(status === undefined ? {} : { vmState: status.vmState }),
    ...(status?.qmp === 'answers' || status?.qmp === 'silent' ? { qmp: status.qmp } : {}),
    ssh,
  });
}

function stillTrue(
  signals: BundleSignals | undefined,
  host: StatusAnswer | undefined,
  ssh: Signals['ssh'],
): Partial<BundleSignals> {
  if (signals === undefined) return {};
  const now = host?.status;
  const another =
    now !== undefined &&
    (now.vmState !== signals.vmState ||
      (now.pid !== undefined && signals.pid !== undefined && now.pid !== signals.pid));
  if (another) return {};
  if (ssh.answers !== true) return signals;
  // The guest is back: of what was captured only its configuration and its holders still count.
  const { configLock, task, flock, quorum, haManaged, staged, throttles, evidence, vmid } = signals;
  const kept = { configLock, task, flock, quorum, haManaged, staged, throttles, evidence, vmid };
  return Object.fromEntries(
    Object.entries(kept).filter(([, value]) => value !== undefined),
  ) as CaptureSignals;
}
