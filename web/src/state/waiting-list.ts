// Which questions wait, put together from the two places that tell of them: the stream of the open session, at once, and the list of
// all sessions, every few seconds. Pure.
import type { Approval } from '../../../protocol/approvals.ts';

/** An answer of the list may have been put together before a question that the stream told of at the same moment. */
const LIST_LAG_MS = 3_000;

export interface WaitingSources {
  /** Of all sessions, as last listed. */
  readonly listed: readonly Approval[];
  /** Of the open session, as its stream tells; empty while the stream is not there. */
  readonly streamed: readonly Approval[];
  /** Of which it is known that they were answered or ended. An id never comes back. */
  readonly gone: ReadonlySet<string>;
  readonly nowMs: number;
}

/** Each once, the one that ends first first. */
export const waitingNow = ({ listed, streamed, gone, nowMs }: WaitingSources): readonly Approval[] => {
  const byId = new Map([...listed, ...streamed].map((approval) => [approval.approval_id, approval]));
  return [...byId.values()]
    .filter(({ approval_id, expires_at }) => !gone.has(approval_id) && Date.parse(expires_at) > nowMs)
    .toSorted((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
};

/** Those that a new list leaves out although it must know them: they have ended meanwhile. */
export const leftOut = (
  known: readonly Approval[],
  list: readonly Approval[],
  seenAtMs: ReadonlyMap<string, number>,
  askedAtMs: number,
): readonly Approval[] => {
  const there = new Set(list.map(({ approval_id }) => approval_id));
  return known.filter(
    ({ approval_id }) =>
      !there.has(approval_id) && (seenAtMs.get(approval_id) ?? 0) + LIST_LAG_MS <= askedAtMs,
  );
};

/** The one that is shown stays until it has ended: a newer or more urgent one never takes its place under a thumb. */
export const shownOf = (waiting: readonly Approval[], shownId: string | undefined): Approval | undefined =>
  waiting.find(({ approval_id }) => approval_id === shownId) ?? waiting[0];

/** The next one, round and round. */
export const nextOf = (waiting: readonly Approval[], shownId: string | undefined): string | undefined => {
  const at = waiting.findIndex(({ approval_id }) => approval_id === shownId);
  return waiting[(at + 1) % Math.max(1, waiting.length)]?.approval_id;
};
