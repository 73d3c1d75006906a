// What happened to one target lately, from the journal: so that a device that was not there knows it, and a restart does not forget it. It
// reads a bounded part once and follows from then on; without a journal there is nothing.
import type { JournalEvent } from '../../protocol/events.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { Recent, RecentOperation } from '../../protocol/recent.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { Journal } from '../journal/port.ts';
import type { Found, Since } from '../readings/standing-finding.ts';

export interface PastOfTarget {
  recent(): Recent | undefined;
  /** What triage found before this process began, as far as it is recorded. Its process is not known, so nobody can confirm it. */
  found(): Found | undefined;
  /** The last mutating verb that is recorded. */
  verb(): Since['verb'];
  close(): void;
}

const KINDS = ['power_started', 'power_finished', 'evidence', 'finding'] as const;
/** A busy agent asks for status again and again; behind so many events nothing is recent. */
const READ_EVENTS = 200;
const SHOWN_OPERATIONS = 5;
/** More than are shown, so that one that takes long still finds its beginning when it ends. */
const KEPT_OPERATIONS = 50;
/** The record says when a look ended. It takes less than this, and a verb within it may be in the look or not. */
const LOOK_TAKES_MS = 60_000;

export function pastOfTarget(
  target: TargetName,
  journal: Journal | undefined,
  onFailure: (error: unknown) => void,
): PastOfTarget {
  const operations = new Map<string, RecentOperation>();
  let evidence: Recent['evidence'];
  let found: Found | undefined;
  let verb: Since['verb'];

  function apply(event: JournalEvent): void {
    if (event.kind === 'evidence') evidence = { id: event.evidence_id, at: event.at };
    if (event.kind === 'finding') found = recordedFinding(event.report, target) ?? found;
    if (event.kind === 'power_started' && isMutating(event.verb))
      verb = { verb: event.verb, by: event.by, beganAtMs: Date.parse(event.at) };
    const { operation_id: id } = event;
    if (id === undefined) return;
    if (event.kind === 'power_started' && event.verb !== 'status') {
      const { verb: word, by, at } = event;
      operations.set(id, { id, verb: word, by, state: 'running', started_at: at });
      const [oldest] = operations.keys();
      if (operations.size > KEPT_OPERATIONS && oldest !== undefined) operations.delete(oldest);
    }
    const begun = operations.get(id);
    if (event.kind !== 'power_finished' || begun === undefined) return;
    const { state, at, outcome } = event;
    const summary = outcome === undefined ? {} : { summary: outcome.summary };
    operations.set(id, { ...begun, state, finished_at: at, ...summary });
  }

  const filter = { target, kinds: KINDS };
  // What comes while the older ones are read waits for them, so that each end comes after its beginning.
  let waiting: JournalEvent[] | undefined = [];
  const unfollow = journal?.follow(filter, (event) => {
    if (waiting === undefined) apply(event);
    else waiting.push(event);
  });
  void (journal?.newest(filter, READ_EVENTS) ?? Promise.resolve([]))
    .catch((error: unknown) => {
      onFailure(error);
      return [];
    })
    .then((newestFirst) => {
      const held = waiting ?? [];
      waiting = undefined;
      const first = held[0]?.id ?? Number.POSITIVE_INFINITY;
      for (const event of newestFirst.toReversed()) if (event.id < first) apply(event);
      for (const event of held) apply(event);
    });
  return {
    recent() {
      const shown = [...operations.values()];
      if (shown.length === 0 && evidence === undefined) return undefined;
      return {
        operations: shown.toReversed().slice(0, SHOWN_OPERATIONS),
        ...(evidence === undefined ? {} : { evidence }),
      };
    },
    found: () => found,
    verb: () => verb,
    close: () => unfollow?.(),
  };
}

function recordedFinding(report: TriageReport, target: TargetName): Found | undefined {
  const atMs = Date.parse(report.at);
  if (!Number.isFinite(atMs) || report.target !== target) return undefined;
  return {
    report,
    beganAtMs: atMs - LOOK_TAKES_MS,
    lookedAtMs: atMs,
    confirmedAtMs: atMs,
    pid: undefined,
    ssh: undefined,
    vmState: undefined,
    hour: undefined,
    changed: undefined,
  };
}
