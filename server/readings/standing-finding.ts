// Whether what triage found still stands. A finding belongs to a moment and a process: a verb, another process or time makes it past,
// and one that is past advises nothing. Pure.
import type { SshReading } from '../../protocol/ssh-reading.ts';
import type { DiskWrites, StandingFinding, TriageReport } from '../../protocol/triage.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import type { Reading, SshProbe } from './readings.ts';

/** What triage found, and when that was last seen to be so. Times in Unix milliseconds. */
export interface Found {
  readonly report: TriageReport;
  /** When the look began that it rests on: a verb that began later is not in it. */
  readonly beganAtMs: number;
  /** When that look ended. */
  readonly lookedAtMs: number;
  /** When a cheap look last said that nothing has changed; at first the same. */
  readonly confirmedAtMs: number;
  /** Of the QEMU process; undefined: there was none, or it is not known. */
  readonly pid: number | undefined;
  /** What SSH and the host said of the VM then; undefined where it is not known. */
  readonly ssh: SshReading | undefined;
  readonly vmState: string | undefined;
  /** What the VM wrote in the hour before. */
  readonly hour: DiskWrites | undefined;
  /** What a later look saw that is not as it was then, in a sentence. */
  readonly changed: string | undefined;
}

/** A page polls more often than the difference of these two, so that a finding is confirmed before it would be past. */
const CONFIRM_AFTER_MS = 90_000;
const CONFIRMED_FOR_MS = 120_000;
/** Longer than this nothing is confirmed: somebody may have repaired it by another way. */
const STANDS_AT_MOST_MS = 15 * 60_000;
/** Of the host's clock and of seconds that are cut off. */
const CLOCK_SLACK_MS = 5_000;

export interface Since {
  readonly nowMs: number;
  readonly host: Reading<StatusAnswer> | undefined;
  readonly ssh: Reading<SshProbe> | undefined;
  /** The last mutating verb; undefined: none that is known. */
  readonly verb:
    | { readonly verb: MutatingVerb; readonly by: { readonly name: string }; readonly beganAtMs: number }
    | undefined;
}

export function standing(found: Found, since: Since): StandingFinding {
  const past = whyPast(found, since);
  return {
    report: found.report,
    at: new Date(found.confirmedAtMs).toISOString(),
    ...(found.pid === undefined ? {} : { pid: found.pid }),
    ...(found.hour === undefined ? {} : { hour: found.hour }),
    ...(past === undefined ? {} : { past }),
  };
}

/** Whether it is time for a cheap look, and one could still say that it holds: what a verb has made past no look brings back. */
export const isWorthConfirming = (found: Found, since: Since): boolean =>
  since.nowMs - found.confirmedAtMs > CONFIRM_AFTER_MS &&
  whyPast({ ...found, confirmedAtMs: since.nowMs }, since) === undefined;

/** What a reading that is newer than its look says against it; undefined: nothing does. Once seen it counts for good: see triage-share.ts. */
export function contradiction(found: Found, { host, ssh }: Pick<Since, 'host' | 'ssh'>): string | undefined {
  const other = host === undefined ? undefined : anotherProcess(found, host);
  return other ?? saysOtherwise(found, host, ssh);
}

/** Undefined while it stands. */
function whyPast(found: Found, { nowMs, host, ssh, verb }: Since): string | undefined {
  if (verb !== undefined && verb.beganAtMs >= found.beganAtMs)
    return `It is from before ${verb.verb} by ${verb.by.name}.`;
  const otherwise = contradiction(found, { host, ssh });
  if (otherwise !== undefined) return otherwise;
  if (found.changed !== undefined) return found.changed;
  if (nowMs - found.lookedAtMs > STANDS_AT_MOST_MS) return 'It is older than 15 minutes.';
  if (nowMs - found.confirmedAtMs > CONFIRMED_FOR_MS)
    return 'It is older than two minutes, and nobody has seen since that it is still so.';
  return undefined;
}

const SSH_NOW: Readonly<Record<Exclude<SshReading, 'unknown'>, string>> = {
  works: 'SSH works now; it did not then.',
  refused: 'SSH answers otherwise now: it refuses us.',
  silent: 'SSH is silent now; it was not then.',
  unreachable: 'There is no route to the VM now; there was one then.',
};

/** What a look that is newer says, where the finding's own look said something else. What is not known says nothing. */
function saysOtherwise(found: Found, host: Since['host'], ssh: Since['ssh']): string | undefined {
  const newer = (at: string): boolean => Date.parse(at) > found.lookedAtMs;
  const state = host?.value.status?.vmState;
  if (host !== undefined && newer(host.at) && state !== undefined && found.vmState !== undefined)
    if (state !== found.vmState) return `The VM's state is ${state} now; it was ${found.vmState} then.`;
  if (ssh === undefined || !newer(ssh.at) || found.ssh === undefined || found.ssh === 'unknown')
    return undefined;
  const { reading } = ssh.value;
  return reading === 'unknown' || reading === found.ssh ? undefined : SSH_NOW[reading];
}

/** What a status that is newer says of the process that was looked at. A status that names no process proves nothing. */
function anotherProcess(found: Found, { value: { status }, at }: Reading<StatusAnswer>): string | undefined {
  const seenMs = Date.parse(at);
  if (status === undefined || seenMs < found.lookedAtMs) return undefined;
  const { pid, vmState, uptimeS } = status;
  if (found.pid !== undefined && pid === undefined && vmState === 'stopped')
    return 'The QEMU process that it is about is gone.';
  const isOther = found.pid !== undefined && pid !== undefined && pid !== found.pid;
  // The number may be used again, and of a VM that was stopped there is none; an age says it too.
  const isYounger =
    pid !== undefined &&
    uptimeS !== undefined &&
    seenMs - uptimeS * 1_000 > found.lookedAtMs + CLOCK_SLACK_MS;
  return isOther || isYounger ? 'It is about another QEMU process than the one that runs now.' : undefined;
}
