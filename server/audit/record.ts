// What of the journal leaves this machine as the audit log, and in which words: a function from an event to a record, or to nothing.
// The table has an entry for every kind of event, so a new kind does not compile until somebody decided about it.
import { createHash } from 'node:crypto';
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';

/** The id is unique in one journal. A journal that began anew or came from a backup may use it again, so `key` has the time too. */
interface AuditStamp {
  readonly key: string;
  readonly id: number;
  readonly at: string;
  readonly actor: JournalEvent['actor'];
  readonly target?: string;
  readonly session_id?: string;
  readonly turn_id?: string;
  readonly operation_id?: string;
}

/** `event` says what happened; the rest depends on it (docs/record.md). */
export interface AuditBody {
  readonly event: string;
  readonly [field: string]: unknown;
}

export type AuditRecord = AuditStamp & AuditBody;

type EventOf<Kind extends JournaledKind> = Extract<JournalEvent, { kind: Kind }>;

/** `null`: not part of the audit log. What the agent says and what a verb prints on its way are in the journal only. */
const AUDIT: { readonly [Kind in JournaledKind]: ((event: EventOf<Kind>) => AuditBody) | null } = {
  session_opened: () => ({ event: 'session-opened' }),
  session_renamed: ({ title, by }) => ({ event: 'session-renamed', by, title }),
  user: ({ text }) => ({ event: 'prompt', text }),
  queued: ({ text, queue_id }) => ({ event: 'prompt-queued', queue_id, text }),
  unqueued: ({ queue_id, reason }) => ({ event: 'prompt-unqueued', queue_id, reason }),
  tool: ({ name, tool_call_id, input }) => ({ event: 'command', tool: name, tool_call_id, input }),
  tool_result: ({
    name,
    tool_call_id,
    output,
    is_error,
    truncated,
    exit_code,
    ended,
    far_side,
    duration_ms,
  }) => ({
    event: 'command-ended',
    tool: name,
    tool_call_id,
    is_error,
    exit_code,
    ended,
    far_side,
    duration_ms,
    output_bytes: Buffer.byteLength(output),
    output_sha256: sha256(output),
    output_truncated: truncated,
  }),
  far_side: ({ tool_call_id, far_side }) => ({ event: 'command-proven-ended', tool_call_id, far_side }),
  cancelled: ({ by, note }) => ({ event: 'stopped', by, note }),
  interrupted: ({ reason }) => ({ event: 'interrupted', reason }),
  note: ({ text }) => ({ event: 'note', text }),
  finding: ({ report }) => ({ event: 'finding', code: report.finding.code }),
  power_started: ({ verb, by, finding }) => ({ event: 'verb', verb, by, finding: finding?.finding.code }),
  power_finished: ({ verb, state, result, outcome }) => ({
    event: 'verb-ended',
    verb,
    state,
    exit_code: result?.exit_code,
    rejected: result?.rejected,
    outcome,
  }),
  evidence: ({ evidence_id, verb, status }) => ({ event: 'evidence', evidence_id, verb, status }),
  access: ({ what, detail, address, times, host_key }) => ({
    event: 'access',
    what,
    detail,
    address,
    times,
    host_key,
  }),
  configured: ({ version, policy, targets, ways_in }) => ({
    event: 'configured',
    version,
    policy,
    targets,
    ways_in,
  }),
  approval_requested: ({ approval_id, asked, binding, expires_at }) => ({
    event: 'approval-requested',
    approval_id,
    asked,
    binding,
    expires_at,
  }),
  approval_resolved: ({ approval_id, answer, by, reason }) => ({
    event: 'approval-resolved',
    approval_id,
    answer,
    by,
    reason,
  }),
  grant_started: ({ grant_id, by, expires_at }) => ({ event: 'grant', grant_id, by, expires_at }),
  grant_ended: ({ grant_id, why }) => ({ event: 'grant-ended', grant_id, why }),
  policy_changed: ({ mode, by, loosened_until }) => ({ event: 'policy', mode, by, loosened_until }),
  incident_opened: ({ incident_id, title, source, detail }) => ({
    event: 'incident',
    incident_id,
    title,
    source,
    detail,
  }),
  incident_alert: ({ incident_id, status, title, times }) => ({
    event: 'incident-alert',
    incident_id,
    status,
    title,
    times,
  }),
  incident_verdict: ({ incident_id, report, detail, agent }) => ({
    event: 'incident-verdict',
    incident_id,
    finding: report?.finding.code,
    detail,
    agent,
  }),
  incident_closed: ({ incident_id, by, why }) => ({ event: 'incident-closed', incident_id, by, why }),
  notified: ({ channel, about, result, detail }) => ({ event: 'notified', channel, about, result, detail }),
  examined: ({ count, broken, newly_broken, mended }) => ({
    event: 'examined',
    count,
    broken,
    newly_broken,
    mended,
  }),
  drilled: ({ ok, steps, evidence_id }) => ({
    event: 'drilled',
    ok,
    failed: steps.filter((step) => !step.ok).map(({ name }) => name),
    evidence_id,
  }),
  session: null,
  text: null,
  result: null,
  error: null,
  turn_end: null,
  usage: null,
  power_step: null,
  power_output: null,
};

export const AUDITED_KINDS: readonly JournaledKind[] = (Object.keys(AUDIT) as JournaledKind[]).filter(
  (kind) => AUDIT[kind] !== null,
);

/** Undefined when the event is no part of the audit log. */
export function auditRecord(event: JournalEvent): AuditRecord | undefined {
  // The compiler cannot see that the entry found by an event's kind takes that event.
  const entry = AUDIT[event.kind] as ((event: JournalEvent) => AuditBody) | null;
  if (entry === null) return undefined;
  const { id, at, actor, target, session_id, turn_id, operation_id } = event;
  return {
    key: `${id}@${at}`,
    id,
    at,
    actor,
    ...(target === undefined ? {} : { target }),
    ...(session_id === undefined ? {} : { session_id }),
    ...(turn_id === undefined ? {} : { turn_id }),
    ...(operation_id === undefined ? {} : { operation_id }),
    ...entry(event),
  };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
