// What the last status says of the VM now, for the table of verbs that apply. A reading that may be wrong is none. Pure.
import type { KnownVm } from '../../protocol/applicable-verbs.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import type { Reading } from './readings.ts';

export interface Bounds {
  readonly nowMs: number;
  /** The state must have been seen within this. */
  readonly freshMs: number;
  /** When the last verb ended that may have changed the VM: what was seen before that is over. Unix milliseconds. */
  readonly changedAtMs: number;
}

/** For a page, which shows what is older than this as not known. */
export const SHOWN_AS_KNOWN_MS = 15_000;

export function knownVm(
  reading: Reading<StatusAnswer> | undefined,
  { nowMs, freshMs, changedAtMs }: Bounds,
): KnownVm | undefined {
  const status = reading?.value.status;
  if (reading === undefined || status === undefined) return undefined;
  const { vmState, qmp, lock, busy, cluster, askedAgoS = 0 } = status;
  // A verb that the host carries out changes the state in the next moment; a VM without its configuration is not this host's.
  if (busy !== undefined || cluster !== undefined) return undefined;
  const seenMs = Date.parse(reading.at) - askedAgoS * 1_000;
  if (nowMs - seenMs > freshMs || seenMs <= changedAtMs) return undefined;
  return { state: vmState, monitorAnswers: qmp === 'answers', lock };
}
