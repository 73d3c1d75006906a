// Triage in the second before a verb, from the last status, the last probe of SSH, and the last capture if that still describes the
// VM. It may know less than a full triage and then finds less, because no verb waits for a capture. Pure.
import type { TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Latest } from '../evidence/port.ts';
import { type BundleSignals, placementSaid } from '../evidence/signals.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import { knownValue } from '../triage/reading.ts';
import type { PowerHostSignal, SshSignal } from '../triage/signals.ts';
import { triage } from '../triage/triage.ts';
import { READING_LIFE_MS } from './readings.ts';
import { statusSignals } from './status-signals.ts';

export interface QuickSignals {
  readonly target: TargetName;
  /** Undefined when it was not asked yet, or has not answered yet. */
  readonly host: StatusAnswer | undefined;
  readonly ssh: SshSignal;
  readonly captured: Latest | undefined;
}

/** A capture that is older than this says nothing about now. */
const CAPTURE_LIFE_MS = 5 * 60_000;

export function quickReport(
  { target, host, captured, ...now }: QuickSignals,
  nowMs = Date.now(),
): TriageReport {
  const status = host?.status;
  const age = captured === undefined ? Number.POSITIVE_INFINITY : nowMs - captured.atMs;
  const recent = age < CAPTURE_LIFE_MS ? captured : undefined;
  // A healthy guest would have answered in the time that we wait, and one that has not is taken to be as before. What was just said
  // counts whatever it was: a guest that needs seconds to log anybody in has not died because a second was too short for it.
  const asThen =
    recent !== undefined &&
    now.ssh.reading === 'unknown' &&
    recent.ssh.reading !== 'unknown' &&
    (recent.ssh.reading !== 'works' || age < READING_LIFE_MS);
  const ssh = asThen ? { ...recent.ssh, detail: `${recent.ssh.detail} (when it was captured)` } : now.ssh;
  const usable = stillTrue(recent, host, ssh);
  const elsewhere = host === undefined || host.status !== undefined ? undefined : placementSaid(host.detail);
  return triage({
    ...statusSignals(status, usable, 'status'),
    ...(elsewhere === undefined ? {} : { placement: elsewhere }),
    target,
    at: new Date(nowMs).toISOString(),
    powerHost: powerHostNow(host),
    ssh,
  });
}

function powerHostNow(host: StatusAnswer | undefined): PowerHostSignal {
  if (host === undefined) return { reading: 'unknown', detail: 'not asked yet' };
  if (host.status !== undefined) return { reading: 'answers', detail: '' };
  return { reading: host.reachable ? 'answers' : 'unreachable', detail: host.detail };
}

function stillTrue(
  captured: Latest | undefined,
  host: StatusAnswer | undefined,
  ssh: SshSignal,
): Partial<BundleSignals> {
  if (captured === undefined) return {};
  const { signals } = captured;
  const now = host?.status;
  const then = knownValue(signals.vmState);
  const another =
    now !== undefined &&
    ((then !== undefined && now.vmState !== then) ||
      (now.pid !== undefined && signals.pid !== undefined && now.pid !== signals.pid));
  if (another) return {};
  // SSH that works now as it did then says nothing new: a data disk may be stalled under a guest that lives.
  if (ssh.reading !== 'works' || captured.ssh.reading === 'works') return signals;
  // The guest is back. Of the capture only the configuration and the holders of locks still count.
  const { configLock, tasks, lockFile, quorum, ha, staged, throttles, evidence, vmid } = signals;
  const kept = { configLock, tasks, lockFile, quorum, ha, staged, throttles, evidence, vmid };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
}
