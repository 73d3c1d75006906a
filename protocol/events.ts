// Every event of the wire. The stored event is the wire event: a journaled event carries `id` and `at`, was on disk
// before any client saw it and never changes. An ephemeral event has no id and is never journaled.
import { z } from 'zod';
import { Approval, ApprovalAnswer, Grant, PolicyMode } from './approvals.ts';
import { DrillStep, LinkCount, LinkName } from './doctor.ts';
import { EvidenceStatus } from './evidence.ts';
import { HostKeyAccepted } from './host-keys.ts';
import { NotificationResult } from './notifications.ts';
import { Actor, OperationState, OperationStep, Outcome, VerbResult } from './operations.ts';
import { TriageReport } from './triage.ts';
import {
  eventId,
  evidenceId,
  instant,
  operationId,
  sessionId,
  targetName,
  toolCallId,
  turnId,
  verb,
  type Wire,
} from './wire.ts';

/** Names and shapes of these never change: clients depend on them. */
export const FIXED_KINDS: readonly string[] = [
  'user',
  'session',
  'text',
  'tool',
  'result',
  'error',
  'cancelled',
  'turn_end',
  'done',
];

const CommandEnd = z
  .enum(['exited', 'timed_out', 'stopped', 'unreachable', 'connection_lost', 'denied', 'unknown'])
  .describe(
    'how a command in the VM ended, the first cause. `unknown`: the server stopped meanwhile. `unreachable`: ssh never reached a shell. `connection_lost`: it reached one and lost it, so the command may still run',
  );
export type CommandEnd = Wire<typeof CommandEnd>;

const ToolInput = z
  .looseObject({ command: z.string().exactOptional().describe('what one would type') })
  .describe('the input as it is shown; for a command, `command` is what one would type');
export type ToolInput = Wire<typeof ToolInput>;

const stream = z.enum(['stdout', 'stderr']);

const AccessChange = z.enum([
  'signed_in',
  'signed_out',
  'refused',
  'device_ended',
  'token_made',
  'token_revoked',
  'link_made',
  'passkey_added',
  'passkey_removed',
  'share_made',
  'share_ended',
  'host_key_accepted',
]);
export type AccessChange = Wire<typeof AccessChange>;

/** What happened: one object for each kind of event. */
export const JournaledBody = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('session_opened'), session_id: sessionId }).describe('The session exists.'),
  z
    .object({ kind: z.literal('session_renamed'), title: z.string(), by: z.string() })
    .describe('Somebody gave the session a name.'),
  z.object({ kind: z.literal('user'), text: z.string() }).describe('A prompt.'),
  z.object({ kind: z.literal('session'), session_id: sessionId }).describe('A turn begins.'),
  z
    .object({ kind: z.literal('text'), text: z.string() })
    .describe("One finished block of the agent's prose."),
  z
    .object({
      kind: z.literal('tool'),
      name: z.string(),
      input: ToolInput,
      tool_call_id: toolCallId,
    })
    .describe('The agent calls a tool. It is on disk before the tool runs.'),
  z
    .object({
      kind: z.literal('tool_result'),
      tool_call_id: toolCallId,
      name: z.string(),
      is_error: z.boolean(),
      output: z.string().describe('the whole output, up to the recording cap'),
      truncated: z.boolean().describe('the cap was hit'),
      exit_code: z.number().nullable().exactOptional(),
      ended: CommandEnd.exactOptional(),
      far_side: z
        .enum(['proven', 'unproven'])
        .exactOptional()
        .describe('after a stop or a time limit: whether the far side was seen to be gone'),
      duration_ms: z.number(),
    })
    .describe('What the tool answered.'),
  z
    .object({ kind: z.literal('far_side'), tool_call_id: toolCallId, far_side: z.literal('proven') })
    .describe('Perhaps after the turn: a stop that could not be proven in time was proven after all.'),
  z
    .object({
      kind: z.literal('result'),
      is_error: z.boolean(),
      result: z.string(),
      duration_ms: z.number(),
    })
    .describe("The agent's last word of the turn."),
  z
    .object({ kind: z.literal('error'), error: z.string(), code: z.string().exactOptional() })
    .describe('What went wrong, as a sentence for a person.'),
  z
    .object({
      kind: z.literal('cancelled'),
      by: z.string().exactOptional(),
      note: z.string().exactOptional(),
    })
    .describe('Somebody stopped the turn.'),
  z
    .object({ kind: z.literal('interrupted'), reason: z.string() })
    .describe('The turn did not come to its end: a limit, or the server ended.'),
  z.object({ kind: z.literal('turn_end') }).describe('The last event of every turn, exactly once.'),
  z
    .object({ kind: z.literal('queued'), text: z.string(), queue_id: z.string() })
    .describe('A prompt waits for its turn.'),
  z
    .object({
      kind: z.literal('unqueued'),
      queue_id: z.string(),
      reason: z.enum(['started', 'removed', 'lost']),
    })
    .describe('It waits no longer.'),
  z.object({ kind: z.literal('note'), text: z.string() }).describe('A remark of the server.'),
  z
    .object({
      kind: z.literal('usage'),
      model: z.string(),
      input_tokens: z.number(),
      output_tokens: z.number(),
      cost_usd: z.number().describe('of this turn, as the CLI estimates it'),
    })
    .describe('What the turn used of the model.'),
  z.object({ kind: z.literal('finding'), report: TriageReport }).describe('Triage was asked for.'),
  z
    .object({
      kind: z.literal('power_started'),
      verb,
      by: Actor,
      finding: TriageReport.exactOptional().describe(
        'what triage said right before a mutating verb, from the latest signals',
      ),
    })
    .describe('An operation begins.'),
  z.object({ kind: z.literal('power_step'), verb, step: OperationStep }).describe('A step of it.'),
  z.object({ kind: z.literal('power_output'), verb, stream, text: z.string() }).describe('Its output.'),
  z
    .object({
      kind: z.literal('power_finished'),
      verb,
      state: OperationState.exclude(['running']),
      result: VerbResult.exactOptional(),
      outcome: Outcome.exactOptional(),
      steps: z.array(OperationStep),
    })
    .describe('An operation ended.'),
  z
    .object({
      kind: z.literal('evidence'),
      evidence_id: evidenceId,
      verb,
      status: EvidenceStatus,
      summary: z.string(),
    })
    .describe('A bundle was kept here. `operation_id` and `session_id` say what caused it.'),
  z
    .object({
      kind: z.literal('approval_requested'),
      tool_call_id: toolCallId,
      ...Approval.omit({ session_id: true, target: true, at: true }).shape,
    })
    .describe('The agent may not do this without a person, and waits for an answer.'),
  z
    .object({
      kind: z.literal('approval_resolved'),
      approval_id: z.guid(),
      answer: ApprovalAnswer,
      by: z.string(),
      reason: z.string().exactOptional().describe('with `denied`: a sentence for the agent'),
    })
    .describe('It was answered, or can no longer be. What was approved runs once, after this is on disk.'),
  z
    .object({
      kind: z.literal('grant_started'),
      ...Grant.pick({ grant_id: true, by: true, expires_at: true }).shape,
    })
    .describe('Repair commands of this session run without asking until then.'),
  z
    .object({
      kind: z.literal('grant_ended'),
      grant_id: z.guid(),
      why: z.enum(['ended', 'expired', 'tightened', 'restarted']),
    })
    .describe('They are asked for again.'),
  z
    .object({
      kind: z.literal('policy_changed'),
      mode: PolicyMode,
      version: z.int(),
      by: z.string(),
      loosened_until: instant.exactOptional(),
    })
    .describe('What the agent may do in this session was tightened, or loosened for a time.'),
  z
    .object({
      kind: z.literal('incident_opened'),
      incident_id: z.guid(),
      title: z.string(),
      source: z.string().describe('who sent the alert'),
      detail: z
        .string()
        .exactOptional()
        .describe('what the monitor says of it, and its labels: text from outside, cut and made visible'),
    })
    .describe('An alert came for a target that had no open incident. Its session is this one.'),
  z
    .object({
      kind: z.literal('incident_alert'),
      incident_id: z.guid(),
      status: z.enum(['firing', 'resolved']),
      title: z.string(),
      times: z.number().exactOptional().describe('how often it came since the last such event; absent: once'),
      fingerprints: z
        .array(z.string())
        .exactOptional()
        .describe('which alerts; absent: there are too many, and from here on they are only counted'),
    })
    .describe('Alerts of an incident came, came again, or were resolved.'),
  z
    .object({
      kind: z.literal('incident_verdict'),
      incident_id: z.guid(),
      title: z.string(),
      report: TriageReport.exactOptional().describe('absent where triage failed; `detail` says why'),
      detail: z.string().describe('one sentence for a notification: what was found and what is advised'),
      agent: z.enum(['looks', 'not-configured', 'nothing-to-look-with', 'unavailable']),
    })
    .describe('Triage without AI has looked at what the alert is about.'),
  z
    .object({
      kind: z.literal('incident_closed'),
      incident_id: z.guid(),
      title: z.string(),
      by: z.string(),
      why: z
        .enum(['resolved', 'person', 'silent'])
        .exactOptional()
        .describe('`silent`: nothing was heard of its alerts for a day'),
    })
    .describe('All its alerts are resolved, or a person closed it, or nothing was heard of it for a day.'),
  z
    .object({
      kind: z.literal('notified'),
      channel: z.string().describe('`push`, `ntfy` or `webhook`'),
      about: eventId.describe('the event that it tells of'),
      result: NotificationResult,
      detail: z.string().describe('a sentence for a person'),
    })
    .describe('What became of a notification.'),
  z
    .object({
      kind: z.literal('access'),
      what: AccessChange,
      detail: z.string().describe('a sentence for a person'),
      address: z.string().exactOptional().describe('the address at the other end of the connection'),
      times: z.number().exactOptional().describe('how often it was seen; absent: once'),
      host_key: HostKeyAccepted.exactOptional().describe('only of `host_key_accepted`'),
    })
    .describe('Somebody came in, was refused, or changed who may come in. Belongs to no session.'),
  z
    .object({
      kind: z.literal('configured'),
      version: z.string(),
      policy: PolicyMode,
      targets: z.array(z.string()),
      ways_in: z.array(z.string()).describe('how one can sign in; no secret'),
    })
    .describe('The console started with this configuration. Belongs to no session.'),
  z
    .object({
      kind: z.literal('examined'),
      count: LinkCount,
      broken: z.array(LinkName),
      newly_broken: z.array(LinkName).describe('worked, or was doubtful, when it was looked at before'),
      mended: z.array(LinkName).describe('was broken when it was looked at before'),
    })
    .describe('Doctor looked at all links. What it saw is in `GET /api/doctor`. Belongs to no session.'),
  z
    .object({
      kind: z.literal('drilled'),
      ok: z.boolean(),
      steps: z.array(DrillStep),
      evidence_id: evidenceId.exactOptional(),
    })
    .describe('The way of a night was walked on the target. Belongs to no session.'),
]);
export type JournaledBody = Wire<typeof JournaledBody>;

export type JournaledKind = JournaledBody['kind'];

/** Where an event belongs. */
const EventScope = z.object({
  actor: Actor,
  target: targetName.exactOptional(),
  session_id: sessionId.exactOptional(),
  turn_id: turnId.exactOptional(),
  operation_id: operationId.exactOptional(),
});
export type EventScope = Wire<typeof EventScope>;

/** An event before the journal gave it its id and time. */
export type NewEvent = JournaledBody & EventScope;

/** What every journaled event carries besides its body. */
export const EventStamp = EventScope.extend({
  id: eventId.describe('its place in the journal; rises strictly'),
  at: instant,
  v: z.literal(1).describe('version of the record'),
});

/** An event as it is stored and sent. */
export type JournalEvent = NewEvent & Wire<typeof EventStamp>;

const snapshot = z
  .boolean()
  .exactOptional()
  .describe('`text` replaces what was shown so far: on attach, or after a retry that begins again');

/** Never journaled, no id. */
export const EphemeralEvent = z.discriminatedUnion('kind', [
  z
    .object({
      kind: z.literal('text_delta'),
      session_id: sessionId,
      turn_id: turnId,
      text: z.string(),
      snapshot,
    })
    .describe('Running text of the block that is being written.'),
  z
    .object({
      kind: z.literal('tool_output'),
      session_id: sessionId,
      turn_id: turnId,
      tool_call_id: toolCallId,
      stream,
      text: z.string(),
      snapshot,
    })
    .describe('Running output of a tool.'),
  z
    .object({ kind: z.literal('error'), session_id: sessionId, turn_id: turnId, error: z.string() })
    .describe('The journal could not take the event that would have said this.'),
  z
    .object({
      kind: z.literal('looking'),
      session_id: sessionId,
      nonce: z.string().describe('for `POST /api/looking`'),
    })
    .describe(
      'Does a person look at this now? Answered only by a page that is visible and has the focus; then nobody is notified of what just happened here.',
    ),
  z.object({ kind: z.literal('done') }).describe('The last frame of the one-turn chat.'),
]);
export type EphemeralEvent = Wire<typeof EphemeralEvent>;

export type WireEvent = JournalEvent | EphemeralEvent;
