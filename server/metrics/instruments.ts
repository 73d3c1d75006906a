// All that is counted, and its names (https://prometheus.io/docs/practices/naming). What can be known beforehand begins at zero, so that a
// rate is right from the first time that something happens. No label names a person, a session, a prompt or a command.
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { ApprovalAnswer } from '../../protocol/approvals.ts';
import type { TargetName } from '../../protocol/ids.ts';
import { NotificationResult } from '../../protocol/notifications.ts';
import { VERBS } from '../../protocol/verbs.ts';

/** `refused`: it was not begun, because the host carries out another verb or answers for another VM. */
export const OPERATION_OUTCOMES = ['succeeded', 'failed', 'unknown', 'refused'] as const;
export const TURN_OUTCOMES = ['completed', 'failed', 'stopped', 'interrupted'] as const;
export const ALERT_SOURCES = ['alertmanager', 'uptime-kuma', 'other'] as const;
const CHANNELS = ['push', 'ntfy', 'webhook'] as const;

/** prom-client's own that break the rules of names: gauges that end with _total. Their parts are there too. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** A status takes a second, a capture twenty, a start that reads the VM's memory from disk minutes. */
const OPERATION_SECONDS = [1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1_200];
/** A commit waits up to 10 ms for others (server/journal/sqlite.ts), and then for the disk. */
const APPEND_SECONDS = [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12];

export type Instruments = ReturnType<typeof createInstruments>;

export function createInstruments(targets: readonly TargetName[]) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);

  const operations = new Counter({
    name: 'breakglass_operations_total',
    help: 'Operations that are over, by target, verb and outcome.',
    labelNames: ['target', 'verb', 'outcome'],
    registers,
  });
  const operationSeconds = new Histogram({
    name: 'breakglass_operation_duration_seconds',
    help: 'How long operations took, with the wait for SSH after a verb that changes the VM.',
    labelNames: ['verb', 'outcome'],
    buckets: OPERATION_SECONDS,
    registers,
  });
  const approvals = new Counter({
    name: 'breakglass_approvals_total',
    help: 'Questions of the agent that are over, by answer.',
    labelNames: ['answer'],
    registers,
  });
  const sessions = new Counter({
    name: 'breakglass_sessions_opened_total',
    help: 'Sessions that were opened, by people and by alerts.',
    registers,
  });
  const turns = new Counter({
    name: 'breakglass_turns_total',
    help: 'Turns that are over, by how they ended.',
    labelNames: ['outcome'],
    registers,
  });
  const appendSeconds = new Histogram({
    name: 'breakglass_journal_append_seconds',
    help: 'From an append to the journal until it was on disk.',
    buckets: APPEND_SECONDS,
    registers,
  });
  const appendsRefused = new Counter({
    name: 'breakglass_journal_appends_refused_total',
    help: 'Appends that could not be written.',
    registers,
  });
  const notifications = new Counter({
    name: 'breakglass_notifications_total',
    help: 'Notifications that are settled, by channel and result.',
    labelNames: ['channel', 'result'],
    registers,
  });
  const alerts = new Counter({
    name: 'breakglass_alerts_total',
    help: 'Alerts of incidents as they were recorded, by target and whether they fired or were resolved.',
    labelNames: ['target', 'status'],
    registers,
  });
  const incidents = new Counter({
    name: 'breakglass_incidents_total',
    help: 'Incidents that alerts have opened, by target and by who sent the first alert.',
    labelNames: ['target', 'source'],
    registers,
  });

  for (const verb of VERBS)
    for (const outcome of OPERATION_OUTCOMES) {
      operationSeconds.zero({ verb, outcome });
      for (const target of targets) operations.inc({ target, verb, outcome }, 0);
    }
  for (const answer of ApprovalAnswer.options) approvals.inc({ answer }, 0);
  for (const outcome of TURN_OUTCOMES) turns.inc({ outcome }, 0);
  for (const channel of CHANNELS)
    for (const result of NotificationResult.options) notifications.inc({ channel, result }, 0);
  for (const target of targets) {
    for (const status of ['firing', 'resolved']) alerts.inc({ target, status }, 0);
    for (const source of ALERT_SOURCES) incidents.inc({ target, source }, 0);
  }
  return {
    registry,
    operations,
    operationSeconds,
    approvals,
    sessions,
    turns,
    appendSeconds,
    appendsRefused,
    notifications,
    alerts,
    incidents,
  };
}
