// One triage for everybody who wants to know. Who comes while one is under way gets its report; a longer look is never answered by a
// short one. What nobody pressed for (a page that opens on a silent VM) starts no capture as long as a cheap look at status and SSH
// says that nothing has changed: then the last report is renewed from it.
import type { TriageReport } from '../../protocol/triage.ts';
import { runVerb, STATUS_LIMIT_MS, statusAnswer } from '../power-host/run-verb.ts';
import { ageSignals } from '../triage/combine.ts';
import { knownOrOld, knownValue } from '../triage/reading.ts';
import type { Signals } from '../triage/signals.ts';
import { triage } from '../triage/triage.ts';
import { sshSignal } from './ssh-signal.ts';
import type { Found } from './standing-finding.ts';
import { readStatus } from './status-signals.ts';
import {
  type Look,
  lookFor,
  powerHostSignal,
  probeFor,
  type TriageCause,
  type TriageDeps,
} from './triage-run.ts';

/** What moved says nothing about now when it is older than this: it is shown with its age, and advises nothing. */
const MOVEMENT_LIFE_MS = 5 * 60_000;
/** Longer than this nothing is renewed: somebody may have repaired it by another way. */
const RENEWED_MS = 15 * 60_000;

export interface SharedTriage {
  ask(cause: TriageCause): Promise<TriageReport>;
  /** The one that is under way. */
  looking(): UnderWay | undefined;
  /** What was found last; undefined: nothing yet. */
  found(): Found | undefined;
  /**
   * Looks cheaply whether what was found is still so: then it is confirmed, with what moved at its age. What has changed makes it past for
   * good, and where nothing could be learnt it stays as it was. It captures nothing and never rejects.
   */
  confirm(): Promise<void>;
  /** A reading spoke against it: it is past for good, also when the next reading is again as it was then. */
  overtaken(which: Found, why: string): void;
}

export interface UnderWay {
  /** Unix milliseconds. */
  readonly sinceMs: number;
  readonly longer: boolean;
}

interface Last {
  readonly look: Look;
  readonly atMs: number;
}

interface Running extends UnderWay {
  readonly report: Promise<TriageReport>;
  /** As long as its report may come to rest on an old capture, it answers nobody who pressed. */
  isCheap: boolean;
}

export function shareTriage(deps: TriageDeps): SharedTriage {
  const nowMs = (): number => (deps.now?.() ?? new Date()).getTime();
  let last: Last | undefined;
  let found: Found | undefined;
  let signals: Signals | undefined;
  let confirming: Promise<void> | undefined;
  let running: Running | undefined;

  async function full(cause: TriageCause): Promise<TriageReport> {
    const beganAtMs = nowMs();
    const look = await lookFor(deps, cause);
    const atMs = nowMs();
    last = look.captured ? { look, atMs } : undefined;
    const report = triage(look.signals);
    const { pid } = look.signals;
    found = {
      report,
      beganAtMs,
      lookedAtMs: atMs,
      confirmedAtMs: atMs,
      pid,
      ssh: look.signals.ssh.reading,
      vmState: knownValue(look.signals.vmState),
      hour: knownOrOld(look.signals.history)?.hour,
      changed: undefined,
    };
    signals = look.signals;
    return report;
  }

  async function confirm(): Promise<void> {
    const [before, seen] = [found, signals];
    if (before === undefined || seen === undefined || before.changed !== undefined) return;
    const now = await cheapLook(deps, {});
    // Somebody has had a better look meanwhile.
    if (found !== before) return;
    const verdict = compared(seen, now);
    if (verdict === 'same') found = confirmed(before, seen, now);
    if (verdict === 'changed')
      found = { ...before, changed: 'What the host or SSH says is not as it was then.' };
  }

  /** Judged anew: what it saw moving says less with every minute. */
  function confirmed(before: Found, seen: Signals, now: CheapLook): Found {
    const report = triage(carriedOver(seen, now, nowMs() - before.lookedAtMs));
    return { ...before, report, confirmedAtMs: nowMs() };
  }

  /** The last capture, if a cheap look may renew what was found in it. */
  function renewable(): Last | undefined {
    const before = last;
    // What was once seen otherwise advises nothing any more, however it looks now: it is looked at anew.
    if (found?.changed !== undefined && found.report.finding.advised !== null) return undefined;
    // A verb that ran since makes the last capture history, also where the process is the same.
    const counts = deps.evidence.latest()?.signals.evidence === before?.look.signals.evidence;
    return before === undefined || !counts || nowMs() - before.atMs > RENEWED_MS ? undefined : before;
  }

  async function renewed(cause: TriageCause, before: Last, onFull: () => void): Promise<TriageReport> {
    const now = await cheapLook(deps, cause);
    if (!isUnchanged(before.look.signals, now)) {
      onFull();
      return full(cause);
    }
    const report = triage(carriedOver(before.look.signals, now, nowMs() - before.atMs));
    if (found !== undefined && signals === before.look.signals)
      found = { ...found, report, confirmedAtMs: nowMs(), changed: undefined };
    return report;
  }

  return {
    ask(cause) {
      const longer = cause.longer === true;
      const isOvertaken = running !== undefined && (deps.verbBeganAtMs?.() ?? 0) >= running.sinceMs;
      const unasked = cause.unasked === true;
      const isEnough = running !== undefined && (running.longer || !longer) && (unasked || !running.isCheap);
      if (running !== undefined && isEnough && !isOvertaken) return running.report;
      const before = unasked ? renewable() : undefined;
      const look =
        before === undefined
          ? full(cause)
          : renewed(cause, before, () => {
              own.isCheap = false;
            });
      const report = look.finally(() => {
        if (running === own) running = undefined;
      });
      const own: Running = { longer, report, sinceMs: nowMs(), isCheap: before !== undefined };
      running = own;
      return report;
    },
    looking: () => running,
    found: () => found,
    overtaken(which, why) {
      if (found === which && found.changed === undefined) found = { ...found, changed: why };
    },
    confirm() {
      if (running !== undefined) return running.report.then(() => undefined).catch(() => undefined);
      confirming ??= confirm()
        .catch(() => undefined)
        .finally(() => {
          confirming = undefined;
        });
      return confirming;
    },
  };
}

type CheapLook = Pick<Signals, 'ssh' | 'powerHost' | 'at'> & ReturnType<typeof readStatus>;

async function cheapLook(deps: TriageDeps, cause: Pick<TriageCause, 'heard'>): Promise<CheapLook> {
  const [end, probed] = await Promise.all([
    runVerb(deps.host.ssh, 'status', { timeoutMs: deps.limits?.statusMs ?? STATUS_LIMIT_MS }),
    probeFor(deps, cause),
  ]);
  const answer = statusAnswer(end, deps.host.vmid);
  deps.readings.noteHost(answer);
  return {
    ...readStatus(answer.status),
    powerHost: powerHostSignal(end),
    ssh: sshSignal(probed),
    at: (deps.now?.() ?? new Date()).toISOString(),
  };
}

/** `untold`: a host or a probe that was not heard proves no change, and that all is as it was neither. */
function compared(before: Signals, now: CheapLook): 'same' | 'changed' | 'untold' {
  const [then, host] = [before.powerHost.reading, now.powerHost.reading];
  const sshUnheard = now.ssh.reading === 'unknown' && before.ssh.reading !== 'unknown';
  if (host !== then) return host === 'answers' && then !== 'slow' ? 'changed' : 'untold';
  if (sshUnheard) return 'untold';
  if (host === 'unreachable' || host === 'refused')
    return now.ssh.reading === before.ssh.reading ? 'same' : 'changed';
  if (host !== 'answers' || knownValue(now.vmState) === undefined) return 'untold';
  return isUnchanged(before, now) ? 'same' : 'changed';
}

/** The same process in the same state, and SSH says what it said. */
function isUnchanged(before: Signals, now: CheapLook): boolean {
  const same = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && a === b;
  const silent = (s: Pick<Signals, 'qmp'>): boolean => (knownValue(s.qmp)?.silentLooks ?? 0) > 0;
  const lock = knownValue(now.configLock);
  return (
    same(knownValue(before.vmState), knownValue(now.vmState)) &&
    before.pid === now.pid &&
    (now.qmp?.is !== 'known' || silent(before) === silent(now)) &&
    (lock === undefined || lock === knownValue(before.configLock)) &&
    before.ssh.reading === now.ssh.reading &&
    before.ssh.refusal === now.ssh.refusal
  );
}

const MOVEMENT = [
  'queues',
  'disks',
  'watched',
  'vcpus',
  'memory',
  'networkOut',
  'history',
  'lockFile',
  'stuckThreads',
] as const satisfies readonly (keyof Signals)[];

/** What was captured, with what was just heard; what moved has its age. */
function carriedOver(before: Signals, now: CheapLook, ageMs: number): Signals {
  const { busy, powerHost, ssh, at } = now;
  return {
    ...(ageMs > MOVEMENT_LIFE_MS ? ageSignals(before, MOVEMENT, ageMs / 1_000) : before),
    powerHost,
    ssh,
    at,
    ...(busy === undefined ? {} : { busy }),
  };
}
