// The events of one night, as a console would have journaled them: an alert, triage, a question that was denied, one that was approved, a
// stop that could not be proven, a cycle, a notification that did not arrive. What the VM printed is hostile.
import type { JournalEvent, NewEvent } from '../../protocol/events.ts';
import {
  type EvidenceId,
  eventId,
  newOperationId,
  newSessionId,
  newTurnId,
  type TargetName,
  toolCallId,
} from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';

export const TARGET = 'devvm' as TargetName;
const SERVER: Actor = { type: 'server', name: 'breakglass' };
const AGENT: Actor = { type: 'agent', name: 'claude' };
const ANNA: Actor = { type: 'operator', name: 'anna', via: 'proxy' };

export const REPORT: TriageReport = {
  target: TARGET,
  at: '2026-11-27T02:11:00.000Z',
  cautions: [
    { code: 'staged-configuration', text: 'Staged configuration is pending: memory.', warned: ['reset'] },
  ],
  finding: {
    code: 'block-path-stalled',
    headline: '0 bytes written in 2 s while QEMU answers',
    summary: 'The block path of QEMU is stalled.',
    confidence: 0.92,
    advised: 'cycle',
    warned: ['reset'],
    advice: 'Cycle it: only a fresh process helps.',
    inputs: [
      { name: 'diskwrite', value: '0 bytes in 2 s' },
      { name: 'qmp', value: 'answers | as ever' },
    ],
  },
};

export function nightOf(session = newSessionId()): readonly JournalEvent[] {
  const turn_id = newTurnId();
  const operation_id = newOperationId();
  const incident_id = '6f2f44c5-0c7e-4f5c-9f0a-0d8b3f0b2a11';
  const deny = 'a9a3e1c2-3b44-4f6b-8b3f-6d3b5a0e0001';
  const allow = 'a9a3e1c2-3b44-4f6b-8b3f-6d3b5a0e0002';
  const asked = (approval_id: string, call: string, command: string): NewEvent => ({
    kind: 'approval_requested',
    tool_call_id: toolCallId(call),
    approval_id,
    asked: { account: 'repair', input: { host: 'devvm', command } },
    binding: 'x',
    expires_at: '2026-11-27T02:25:00.000Z',
    observer: true,
    actor: AGENT,
  });
  const ran = (call: string, command: string, account: string): NewEvent => ({
    kind: 'tool',
    name: 'ssh',
    input: { host: 'devvm', account, command: `ssh devvm ${command}` },
    tool_call_id: toolCallId(call),
    actor: AGENT,
  });
  const printed = (call: string, output: string, more: object = {}): NewEvent =>
    ({
      kind: 'tool_result',
      tool_call_id: toolCallId(call),
      name: 'ssh',
      is_error: false,
      output,
      truncated: false,
      exit_code: 0,
      ended: 'exited',
      duration_ms: 1_240,
      actor: AGENT,
      ...more,
    }) as NewEvent;
  const events: readonly NewEvent[] = [
    { kind: 'session_opened', session_id: session, actor: SERVER },
    {
      kind: 'incident_opened',
      incident_id,
      title: 'devvm is down | <b>now</b>',
      source: 'uptime-kuma',
      actor: SERVER,
    },
    {
      kind: 'incident_verdict',
      incident_id,
      title: 'devvm is down',
      report: REPORT,
      detail: 'The block path is stalled. Advised: cycle.',
      agent: 'not-configured',
      actor: SERVER,
    },
    {
      kind: 'notified',
      channel: 'ntfy',
      about: eventId(3),
      result: 'failed',
      detail: 'ntfy.example did not answer.',
      actor: SERVER,
    },
    { kind: 'user', text: 'Look at it, please.', actor: ANNA },
    ran('c1', 'dmesg | tail', 'observer'),
    printed(
      'c1',
      'last words\n```\n# not a heading\n\u001B[31mred\u202E\n| a | b |\n<script>alert(1)</script>\n',
    ),
    ran('c2', 'rm -rf /var/log/old', 'repair'),
    asked(deny, 'c2', 'rm -rf /var/log/old'),
    {
      kind: 'approval_resolved',
      approval_id: deny,
      answer: 'denied',
      by: 'anna',
      reason: 'Copy it elsewhere first.',
      actor: ANNA,
    },
    printed('c2', 'Denied by anna: Copy it elsewhere first.', {
      is_error: true,
      ended: 'denied',
      exit_code: null,
    }),
    ran('c3', 'systemctl restart orders-api', 'repair'),
    asked(allow, 'c3', 'systemctl restart orders-api'),
    { kind: 'approval_resolved', approval_id: allow, answer: 'approved', by: 'anna', actor: ANNA },
    printed('c3', '', {
      is_error: true,
      ended: 'timed_out',
      exit_code: null,
      far_side: 'unproven',
      duration_ms: 120_000,
    }),
    { kind: 'result', is_error: false, result: 'It hangs.\nUse cycle.', duration_ms: 130_000, actor: AGENT },
    { kind: 'turn_end', actor: SERVER },
    { kind: 'power_started', verb: 'cycle', by: ANNA, finding: REPORT, actor: ANNA, operation_id },
    {
      kind: 'evidence',
      evidence_id: '20261127T021500Z-102-cycle' as EvidenceId,
      verb: 'cycle',
      status: 'complete',
      summary: 'The block path is stalled.',
      actor: SERVER,
      operation_id,
    },
    {
      kind: 'power_finished',
      verb: 'cycle',
      state: 'succeeded',
      result: { verb: 'cycle', exit_code: 0, stdout: 'ok', stderr: '', rejected: false },
      outcome: {
        summary: 'The VM runs in a new process, and SSH answers.',
        vm_state: 'running',
        new_process: true,
        ssh_answers: true,
        ssh_after_s: 21,
      },
      steps: [
        { name: 'forensics', at: '2026-11-27T02:20:00.000Z', ms: 9_400, ok: true },
        { name: 'stop', at: '2026-11-27T02:20:10.000Z', ms: 3_100, ok: true },
      ],
      actor: ANNA,
      operation_id,
    },
    {
      kind: 'incident_closed',
      incident_id,
      title: 'devvm is down',
      by: 'breakglass',
      why: 'resolved',
      actor: SERVER,
    },
  ];
  const inTurn: readonly JournalEvent['kind'][] = ['user', 'tool', 'tool_result', 'result', 'turn_end'];
  return events.map((event, index) => ({
    ...event,
    target: TARGET,
    ...(event.kind.startsWith('power_') || event.kind === 'evidence' ? {} : { session_id: session }),
    ...(inTurn.includes(event.kind) ? { turn_id } : {}),
    id: eventId(index + 1),
    at: new Date(Date.parse('2026-11-27T02:10:00Z') + index * 30_000).toISOString(),
    v: 1,
  })) as readonly JournalEvent[];
}
