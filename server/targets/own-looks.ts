// Looks that nobody pressed for. Whoever opens the page of a VM that is silent wants to know why, and after a verb they want to know whether
// it helped. So one triage starts by itself, shared by all who look, as alerts start theirs: at most one at a time for a target, only while
// somebody reads its state, never beside a verb, and never on a host that is slow. A page that nobody reads costs nothing.
//
// What it costs at most, for one target that somebody reads all the time: a look a minute, four in a quarter of an hour, eight in two hours,
// and one after each mutating verb. A look of a VM that answers SSH captures nothing.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { type RunStateKind, runStateKind } from '../../protocol/vm-states.ts';
import type { LastChange } from '../power/port.ts';
import type { Diagnosis } from '../readings/diagnosis.ts';
import { SHOWN_AS_KNOWN_MS } from '../readings/known-vm.ts';
import type { Readings } from '../readings/readings.ts';
import { type Found, type Since, standing } from '../readings/standing-finding.ts';

export interface OwnLooks {
  /** A person reads the state of the target now. Returns at once. */
  watched(): void;
  close(): void;
}

export interface OwnLookParts {
  readonly diagnosis: Pick<Diagnosis, 'triage' | 'looking'>;
  readonly readings: Pick<Readings, 'refresh' | 'askedSince'>;
  /** What is known now. */
  readonly known: () => Known;
  /** Of all targets: see LookRoom. */
  readonly room: LookRoom;
  readonly logger: Logger;
  readonly nowMs?: () => number;
}

export interface Known extends Omit<Since, 'nowMs'> {
  readonly found: Found | undefined;
  readonly change: LastChange | undefined;
}

export interface Situation extends Known {
  readonly nowMs: number;
  readonly looking: boolean;
  /** Since when the power host is being asked, and has not answered. */
  readonly hostAskedMs: number | undefined;
}

/** `after-verb`: what it did is not known yet. `trouble`: nothing is known of why. `old`: what was seen moving says nothing more. */
type Reason = 'after-verb' | 'trouble' | 'old';

/** A page asks every ten seconds. */
const WATCHED_MS = 30_000;
/** For both sides to answer. The host's own limit for a status is longer: then it is too busy for a capture. */
const ANSWER_MS = 12_000;
const SLOW_HOST_MS = 5_000;
/** A verb of which nobody read anything for so long needs no look by itself any more. */
const AFTER_VERB_MS = 5 * 60_000;
/** What moved says nothing about now after five minutes (readings/triage-share.ts): the next look ends before that. */
const OLD_MS = 4.5 * 60_000;
/** A probe that has just come back is not repeated for the look that it causes. */
const HEARD_MS = 8_000;

/** Why a look is due; undefined: it is not. Pure. */
export function reasonToLook(situation: Situation): Reason | undefined {
  const { nowMs, host, ssh, change, found, looking, hostAskedMs } = situation;
  if (looking) return undefined;
  // Until it is over, also until its wait for SSH is, the operation itself tells.
  if (change !== undefined && change.overAtMs === undefined) return undefined;
  const isNow = ({ at }: { readonly at: string }): boolean =>
    nowMs - Date.parse(at) <= SHOWN_AS_KNOWN_MS &&
    Date.parse(at) > (change?.endedAtMs ?? Number.NEGATIVE_INFINITY);
  if (host === undefined || !isNow(host) || !mayBeAsked(host.value)) return undefined;
  if (hostAskedMs !== undefined && nowMs - hostAskedMs > SLOW_HOST_MS) return undefined;
  if (change?.overAtMs !== undefined && nowMs - change.overAtMs < AFTER_VERB_MS)
    if (found === undefined || found.beganAtMs < change.overAtMs) return 'after-verb';
  const kind = kindOf(host.value.status?.vmState);
  // A VM that is off, asleep or left is silent by right.
  const silent = kind === 'runs' && ssh !== undefined && isNow(ssh) && SILENT.has(ssh.value.reading);
  if (!silent && !HELD.has(kind)) return undefined;
  const stands = found !== undefined && standing(found, situation).past === undefined;
  if (!stands) return 'trouble';
  // Only what is advised rests on what moves. Nothing else is worth a capture that takes the place of another.
  return found.report.finding.advised !== null && nowMs - found.lookedAtMs > OLD_MS ? 'old' : undefined;
}

/** What refuses us is alive. */
const SILENT: ReadonlySet<string> = new Set(['silent', 'unreachable']);

const kindOf = (state: string | undefined): RunStateKind | undefined =>
  state === undefined ? 'runs' : runStateKind(state);

/** Not by a person's wish, and not on its way to somewhere. */
const HELD: ReadonlySet<RunStateKind | undefined> = new Set([
  undefined,
  'held',
  'moving',
  'storage',
  'ended',
  'broken',
  'panicked',
  'watchdog',
]);

/** Whoever carries out a verb is left alone, and so is a host that takes its time. One that cannot be reached costs nothing. */
const mayBeAsked = (answer: NonNullable<Since['host']>['value']): boolean =>
  answer.status === undefined
    ? answer.otherVm === undefined && answer.how !== 'timed_out'
    : answer.status.busy === undefined;

const BOUNDS = [
  { looks: 1, withinMs: 60_000 },
  { looks: 4, withinMs: 15 * 60_000 },
  { looks: 8, withinMs: 2 * 60 * 60_000 },
] as const;
const LONGEST_MS = Math.max(...BOUNDS.map(({ withinMs }) => withinMs));

/** Whether one more look stays within the bounds. Pure. */
export const isWithinPace = (beganMs: readonly number[], nowMs: number): boolean =>
  BOUNDS.every(({ looks, withinMs }) => beganMs.filter((ms) => nowMs - ms < withinMs).length < looks);

/** How many targets may be looked at by themselves at once: each look starts ssh processes, and captures on power hosts that targets share. */
export interface LookRoom {
  /** -> gives it back; undefined: there is none now. */
  take(): (() => void) | undefined;
}

const LOOKS_AT_ONCE = 2;

export function createLookRoom(places = LOOKS_AT_ONCE): LookRoom {
  let free = places;
  return {
    take() {
      if (free <= 0) return undefined;
      free -= 1;
      let given = false;
      return () => {
        if (!given) free += 1;
        given = true;
      };
    },
  };
}

export function createOwnLooks(parts: OwnLookParts): OwnLooks {
  const { diagnosis, readings, known, room, logger } = parts;
  const now = parts.nowMs ?? Date.now;
  let watchedMs = Number.NEGATIVE_INFINITY;
  let waiting = false;
  let closed = false;
  let begun: readonly number[] = [];
  /** The verb that was looked after, or whose look failed: there is one. */
  let lookedAfterMs: number | undefined;

  function consider(): void {
    const nowMs = now();
    if (closed || nowMs - watchedMs > WATCHED_MS) return;
    const what = known();
    const reason = reasonToLook({
      ...what,
      nowMs,
      looking: diagnosis.looking() !== undefined,
      hostAskedMs: readings.askedSince('power_host'),
    });
    if (reason === undefined) return;
    begun = begun.filter((ms) => nowMs - ms < LONGEST_MS);
    if (reason === 'after-verb') {
      if (lookedAfterMs === what.change?.beganAtMs) return;
    } else if (!isWithinPace(begun, nowMs)) return;
    const giveBack = room.take();
    if (giveBack === undefined) return;
    begun = [...begun, nowMs];
    if (reason === 'after-verb') lookedAfterMs = what.change?.beganAtMs;
    const heard =
      what.ssh !== undefined && nowMs - Date.parse(what.ssh.at) < HEARD_MS ? what.ssh.value : undefined;
    diagnosis
      .triage({
        by: SERVER,
        unasked: reason === 'trouble',
        ...(heard === undefined || reason === 'after-verb' ? {} : { heard }),
      })
      .then((report: TriageReport) => logger.info({ reason, code: report.finding.code }, 'looked by itself'))
      .catch((error: unknown) => logger.warn({ err: error, reason }, 'a look of its own failed'))
      .finally(giveBack);
  }

  return {
    watched() {
      watchedMs = now();
      if (waiting) return;
      waiting = true;
      void readings
        .refresh(ANSWER_MS)
        .catch(() => undefined)
        .finally(() => {
          waiting = false;
          consider();
        });
    },
    close() {
      closed = true;
    },
  };
}
