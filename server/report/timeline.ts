// What happened when: one row for each event that a reader needs, in the order of the journal.
import type { JournalEvent } from '../../protocol/events.ts';
import { type Block, sentence, table } from './document.ts';
import type { EventOf } from './story.ts';
import { inShort, plural, seconds, timeOf, whoOf } from './words.ts';

export function timeline(
  events: readonly JournalEvent[],
  leftOut: { readonly count: number; readonly after: number },
): Block[] {
  const rows = events.flatMap((event, index) => {
    const what = whatOf(event);
    const row = what === undefined ? [] : [[timeOf(event.at), whoOf(event.actor), what]];
    return leftOut.count > 0 && index === leftOut.after - 1
      ? [...row, ['…', '', `${plural(leftOut.count, 'event')} left out here`]]
      : row;
  });
  return rows.length === 0 ? [sentence('Nothing is recorded.')] : [table(['UTC', 'Who', 'What'], rows)];
}

/** Undefined for what only repeats or closes another event. */
function whatOf(event: JournalEvent): string | undefined {
  switch (event.kind) {
    case 'session_opened':
      return 'opened the session';
    case 'user':
      return `asked: ${inShort(event.text)}`;
    case 'result':
      return event.is_error
        ? `ended with an error: ${inShort(event.result)}`
        : `said: ${inShort(event.result)}`;
    case 'tool':
      return event.input.command === undefined
        ? `calls ${event.name}`
        : `command: ${inShort(event.input.command)}`;
    case 'tool_result':
      return event.is_error ? `the command ${endOf(event)}` : undefined;
    case 'error':
      return `error: ${event.error}`;
    case 'cancelled':
      return `stopped the turn${event.note === undefined ? '' : `: ${event.note}`}`;
    case 'interrupted':
      return `the turn was interrupted: ${event.reason}`;
    case 'finding':
      return `triage: ${event.report.finding.summary} (${event.report.finding.code})`;
    case 'power_started':
      return event.verb === 'status' ? undefined : `pressed ${event.verb}`;
    case 'power_finished':
      return event.verb === 'status'
        ? undefined
        : `${event.verb} ${event.state}: ${event.outcome?.summary ?? 'nothing more is recorded'}`;
    case 'evidence':
      return `kept evidence ${event.evidence_id} (${event.status}): ${event.summary}`;
    case 'approval_requested':
      return `asked to run: ${inShort(event.asked.input.command)}`;
    case 'approval_resolved':
      return `answer by ${event.by}: ${event.answer}${event.reason === undefined ? '' : `, ${event.reason}`}`;
    case 'grant_started':
      return `let repair commands run without asking until ${timeOf(event.expires_at)}`;
    case 'grant_ended':
      return `repair commands are asked for again (${event.why})`;
    case 'policy_changed':
      return `set the policy to ${event.mode}${event.loosened_until === undefined ? '' : ` until ${timeOf(event.loosened_until)}`}`;
    case 'incident_opened':
      return `alert from ${event.source}: ${event.title}`;
    case 'incident_alert':
      return `alert ${event.status}${event.times === undefined ? '' : ` (${event.times} times)`}: ${event.title}`;
    case 'incident_verdict':
      return `looked because of the alert: ${event.detail}`;
    case 'incident_closed':
      return `incident closed by ${event.by}${event.why === undefined ? '' : ` (${event.why})`}`;
    case 'notified':
      return `notification by ${event.channel} ${event.result}: ${event.detail}`;
    case 'access':
      return event.what === 'host_key_accepted' ? event.detail : undefined;
    case 'drilled': {
      const failed = event.steps.filter(({ ok }) => !ok).map(({ name }) => name);
      return failed.length === 0 ? 'drill: every step worked' : `drill: ${failed.join(', ')} failed`;
    }
    case 'session_renamed':
    case 'session':
    case 'text':
    case 'far_side':
    case 'turn_end':
    case 'queued':
    case 'unqueued':
    case 'note':
    case 'usage':
    case 'power_step':
    case 'power_output':
    case 'configured':
    case 'examined':
      return undefined;
  }
}

/** From the first event to the last. */
export const spanOf = (events: readonly JournalEvent[]): string => {
  const [first, last] = [events.at(0), events.at(-1)];
  if (first === undefined || last === undefined) return 'nothing is recorded';
  return `${timeOf(first.at)} to ${timeOf(last.at)} UTC (${seconds(Date.parse(last.at) - Date.parse(first.at))})`;
};

function endOf({ ended, exit_code, output }: EventOf<'tool_result'>): string {
  const how = ended === undefined || ended === 'exited' ? 'failed' : `ended: ${ended.replaceAll('_', ' ')}`;
  const code = exit_code === undefined || exit_code === null ? '' : ` with exit code ${exit_code}`;
  const said = inShort(output);
  return `${how}${code}${said === '' ? '' : `: ${said}`}`;
}
