// Triage with its I/O: what the host and the VM say now, as cheaply as the case allows. A VM that answers SSH costs one status
// and one probe; only one that is silent costs a capture (which is kept as evidence), and a longer look costs two, half a minute
// apart. Needs no journal.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Evidence } from '../evidence/port.ts';
import { type BundleSignals, placementSaid } from '../evidence/signals.ts';
import type { Probed } from '../guest/port.ts';
import {
  type PowerPath,
  runVerb,
  STATUS_LIMIT_MS,
  statusAnswer,
  type VerbEnd,
  wasReached,
} from '../power-host/run-verb.ts';
import { addLook, preferKnown } from '../triage/combine.ts';
import type { PowerHostSignal, Signals, SshSignal } from '../triage/signals.ts';
import { LONGER_LOOK_S, triage } from '../triage/triage.ts';
import { evidenceNamed, lookAtMonitor, readCapture } from './printed-capture.ts';
import type { Readings } from './readings.ts';
import { sshSignal } from './ssh-signal.ts';
import { statusSignals } from './status-signals.ts';

export interface TriageDeps {
  readonly target: TargetName;
  readonly host: PowerPath;
  readonly readings: Pick<Readings, 'probeSsh' | 'noteHost'>;
  readonly evidence: Pick<Evidence, 'collect' | 'latest'>;
  /** When the last mutating verb began (Unix milliseconds): who asks after it is not answered by a look from before. */
  readonly verbBeganAtMs?: () => number | undefined;
  readonly now?: () => Date;
  readonly limits?: Partial<TriageLimits>;
}

export interface TriageLimits {
  readonly statusMs: number;
  /** Between the two captures of a longer look. */
  readonly longerMs: number;
}

/** Who wants to know; what is captured for it is linked to them. */
export interface TriageCause {
  readonly by: Actor;
  readonly session_id?: SessionId;
  /** Watch for half a minute, so that movement over time may decide. */
  readonly longer?: boolean;
  /** What SSH said a moment ago, where that is why somebody wants to know: it is not asked again. */
  readonly heard?: Probed;
  /** Nobody pressed for it: a page was opened. See triage-share.ts. */
  readonly unasked?: boolean;
}

// A host that is gone is known within the limit for connecting (ssh/connection.ts) and named as the cold case within 10 s all the same.
const LIMITS: TriageLimits = { statusMs: STATUS_LIMIT_MS, longerMs: LONGER_LOOK_S * 1_000 };
const PROBE_LIMIT_MS = 5_000;
/** A guest that thrashes may take this long to log anybody in: what answers late is alive. */
const PATIENT_PROBE_MS = 25_000;
// The host ends a capture after 20 s, looks at the state once more, and may have waited for somebody else's capture before.
const CAPTURE_LIMIT_MS = 60_000;

/** A capture says what was; longer than this it is history. */
const CAPTURE_LIFE_MS = 5 * 60_000;

/** What one look told, before it is judged. */
export interface Look {
  readonly signals: Signals;
  readonly captured: boolean;
}

export async function runTriage(deps: TriageDeps, cause: TriageCause): Promise<TriageReport> {
  return triage((await lookFor(deps, cause)).signals);
}

export async function lookFor(deps: TriageDeps, cause: TriageCause): Promise<Look> {
  const first = await look(deps, cause, probeFor(deps, cause));
  // What a longer look watches is what is captured: of a VM that is well, is stopped or cannot be asked about there is nothing to see.
  if (cause.longer !== true || !first.captured) return first;
  const patient = deps.readings.probeSsh(PATIENT_PROBE_MS).catch(() => NOT_ASKED);
  await sleep(deps.limits?.longerMs ?? LIMITS.longerMs);
  return look(deps, cause, patient);
}

export const probeFor = (
  { readings }: Pick<TriageDeps, 'readings'>,
  { heard }: Pick<TriageCause, 'heard'>,
): Promise<Probed> => (heard === undefined ? readings.probeSsh(PROBE_LIMIT_MS) : Promise.resolve(heard));

const NOT_ASKED: Probed = {
  answers: false,
  reading: 'unknown',
  reached: 'nothing',
  detail: 'SSH could not be asked.',
  ms: 0,
};

async function look(deps: TriageDeps, cause: TriageCause, probing: Promise<Probed>): Promise<Look> {
  const { host } = deps;
  const [end, probed] = await Promise.all([
    runVerb(host.ssh, 'status', { timeoutMs: deps.limits?.statusMs ?? LIMITS.statusMs }).then((ended) => {
      // What triage heard counts for the verb that follows, also where an older answer would still be fresh.
      deps.readings.noteHost(statusAnswer(ended, host.vmid));
      return ended;
    }),
    probing.catch(() => NOT_ASKED),
  ]);
  const ssh = sshSignal(probed);
  // Another VM's evidence says nothing about ours.
  const other = isOtherVm(end, host.vmid);
  const worthIt = !other && isWorthACapture(end, ssh, cause);
  const recent = other ? {} : recentCapture(deps, end, ssh);
  const captured = worthIt ? await capture(deps, cause, ssh) : recent;
  const at = (deps.now?.() ?? new Date()).toISOString();
  const heard = { target: deps.target, vmid: host.vmid, at, end, probed, captured };
  return { captured: worthIt, signals: signalsOf(heard) };
}

function isOtherVm(end: VerbEnd, vmid: number | undefined): boolean {
  const answer = statusAnswer(end, vmid);
  return answer.status === undefined && answer.otherVm !== undefined;
}
const otherVmSaid = (end: VerbEnd, vmid: number | undefined): string => {
  const answer = statusAnswer(end, vmid);
  return answer.status === undefined ? answer.detail : '';
};

const elsewhereOf = (end: VerbEnd) => placementSaid(`${end.stderr}\n${end.host?.outcome ?? ''}`);

/** Of a VM that answers SSH only who asks for the longer look wants one. */
function isWorthACapture(end: VerbEnd, ssh: SshSignal, { longer }: TriageCause): boolean {
  const { status } = statusAnswer(end, undefined);
  return (
    wasReached(end) &&
    (ssh.reading !== 'works' || longer === true) &&
    status?.busy === undefined &&
    elsewhereOf(end) === undefined
  );
}

/** A VM that answers SSH is not captured for this; what somebody captured while it answered, a moment ago, still counts. */
function recentCapture({ evidence }: TriageDeps, end: VerbEnd, ssh: SshSignal): Partial<BundleSignals> {
  const latest = evidence.latest();
  const { status } = statusAnswer(end, undefined);
  const counts =
    latest !== undefined &&
    ssh.reading === 'works' &&
    latest.ssh.reading === 'works' &&
    Date.now() - latest.atMs < CAPTURE_LIFE_MS &&
    status?.pid !== undefined &&
    status.pid === latest.signals.pid;
  return preferKnown(counts ? latest.signals : {}, readCapture(end.stdout));
}

/** What was heard, as what triage looks at. Pure. */
export function signalsOf(heard: {
  readonly target: string;
  /** The VM that it must be about; undefined: whatever the host says. */
  readonly vmid: number | undefined;
  readonly at: string;
  /** The end of `status`. */
  readonly end: VerbEnd;
  readonly probed: Probed;
  readonly captured: Partial<BundleSignals>;
}): Signals {
  const { target, vmid, at, end, probed, captured } = heard;
  const elsewhere = elsewhereOf(end);
  return {
    ...(vmid === undefined ? {} : { vmid }),
    ...statusSignals(statusAnswer(end, vmid).status, captured, 'capture'),
    ...(elsewhere === undefined ? {} : { placement: elsewhere }),
    target,
    at,
    powerHost: isOtherVm(end, vmid)
      ? { reading: 'answers', detail: otherVmSaid(end, vmid) }
      : powerHostSignal(end),
    ssh: sshSignal(probed),
  };
}

export function powerHostSignal(end: Pick<VerbEnd, 'how' | 'begun' | 'detail' | 'failure'>): PowerHostSignal {
  switch (end.how) {
    case 'exited':
      return { reading: 'answers', detail: '' };
    case 'timed_out':
      return wasReached(end)
        ? { reading: 'slow', detail: 'reached, but it did not answer in time' }
        : { reading: 'unreachable', detail: end.detail || 'gave no answer in time' };
    case 'unreachable':
      return {
        reading: end.failure?.reading === 'refused' ? 'refused' : 'unreachable',
        detail: end.detail || 'gave no answer in time',
      };
    case 'connection_lost':
      return { reading: 'lost', detail: end.detail || 'the connection was lost' };
    case 'aborted':
      return { reading: 'unknown', detail: 'not asked to the end' };
    default:
      return end.how satisfies never;
  }
}

async function capture(
  { host, evidence }: TriageDeps,
  cause: TriageCause,
  sshNow: SshSignal,
): Promise<Partial<BundleSignals>> {
  const { by, session_id } = cause;
  const beganAtMs = Date.now();
  const end = await runVerb(host.ssh, 'forensics', { timeoutMs: CAPTURE_LIMIT_MS });
  const id = end.host?.evidence ?? evidenceNamed(end.stdout);
  const collected =
    id === undefined
      ? undefined
      : await evidence.collect({
          id,
          verb: 'forensics',
          ssh: sshNow,
          beganAtMs,
          by,
          ...(session_id === undefined ? {} : { session_id }),
        });
  return capturedSignals(end, id, collected?.signals);
}

/** What the bundle tells goes before what was printed; a bundle that is damaged or older tells less. Pure. */
export function capturedSignals(
  end: Pick<VerbEnd, 'stdout' | 'host'>,
  id: string | undefined,
  bundle: BundleSignals | undefined,
): Partial<BundleSignals> {
  const told = preferKnown(bundle ?? {}, readCapture(end.stdout));
  return {
    ...told,
    // The closing line is one more look at the monitor, seconds after the others.
    qmp: addLook(told.qmp, lookAtMonitor(end.host?.qmp)),
    ...(id === undefined ? {} : { evidence: id }),
  };
}
