// A turn as text: the agent's prose on stdout as it is written, its tools and what they printed, in short, on stderr.
import type { WireEvent } from '../protocol/events.ts';
import { visibleLine, visibleProse } from '../protocol/visible-text.ts';
import type { Room } from './surroundings.ts';

const OUTPUT_LINES = 10;

export class TurnPrinter {
  readonly #room: Pick<Room, 'write' | 'talk'>;
  /** What of the block that is being written is on the screen. */
  #shown = '';

  constructor(room: Pick<Room, 'write' | 'talk'>) {
    this.#room = room;
  }

  take(event: WireEvent): void {
    if (event.kind === 'text_delta')
      this.#write(event.snapshot === true ? event.text : this.#shown + event.text);
    else if (event.kind === 'text') {
      this.#write(event.text);
      this.#endBlock();
    } else for (const line of linesOf(event)) this.#say(line);
  }

  /** A line that is not finished is ended, before somebody is asked something or the stream begins again. */
  pause(): void {
    if (this.#shown !== '') this.#endBlock();
  }

  /** The block as it is now. Where it begins again, it is written again below. */
  #write(text: string): void {
    if (!text.startsWith(this.#shown)) this.#endBlock();
    this.#room.write(visibleProse(text.slice(this.#shown.length)));
    this.#shown = text;
  }

  #endBlock(): void {
    if (this.#shown !== '' && !this.#shown.endsWith('\n')) this.#room.write('\n');
    this.#shown = '';
  }

  #say(line: string): void {
    this.pause();
    this.#room.talk(visibleLine(line));
  }
}

function linesOf(event: WireEvent): readonly string[] {
  switch (event.kind) {
    case 'tool':
      return [`$ ${event.input.command ?? `${event.name} ${JSON.stringify(event.input)}`}`];
    case 'tool_result':
      return [...inShort(event.output), endOf(event)];
    case 'power_started':
      return [`${event.verb} begins, by ${event.by.name}`];
    case 'power_finished':
      return [`${event.verb} ${event.state}: ${event.outcome?.summary ?? ''}`];
    case 'finding':
      return [`triage: ${event.report.finding.summary} (${event.report.finding.code})`];
    case 'evidence':
      return [`evidence ${event.evidence_id} (${event.status})`];
    case 'approval_resolved':
      return [`${event.answer} by ${event.by}${event.reason === undefined ? '' : `: ${event.reason}`}`];
    case 'error':
      return [`error: ${event.error}`];
    case 'cancelled':
      return [`stopped${event.by === undefined ? '' : ` by ${event.by}`}`];
    case 'interrupted':
      return [`interrupted: ${event.reason}`];
    case 'note':
      return [event.text];
    // A question is shown by whoever asks it; the rest tells a person nothing.
    case 'text_delta':
    case 'text':
    case 'tool_output':
    case 'approval_requested':
    case 'user':
    case 'result':
    case 'session':
    case 'session_opened':
    case 'session_renamed':
    case 'turn_end':
    case 'done':
    case 'far_side':
    case 'queued':
    case 'unqueued':
    case 'usage':
    case 'power_step':
    case 'power_output':
    case 'grant_started':
    case 'grant_ended':
    case 'policy_changed':
    case 'incident_opened':
    case 'incident_alert':
    case 'incident_verdict':
    case 'incident_closed':
    case 'notified':
    case 'looking':
    case 'access':
    case 'configured':
    case 'examined':
    case 'drilled':
      return [];
  }
}

function inShort(output: string): string[] {
  const lines = output.replace(/\n+$/, '').split('\n');
  if (lines.join('') === '') return [];
  const more = lines.length - OUTPUT_LINES;
  return [
    ...lines.slice(0, OUTPUT_LINES).map((line) => `  ${line}`),
    ...(more > 0 ? [`  … (${more} more lines)`] : []),
  ];
}

function endOf({
  is_error,
  exit_code,
  duration_ms,
  far_side,
}: Extract<WireEvent, { kind: 'tool_result' }>): string {
  const code = typeof exit_code === 'number' ? `, exit code ${exit_code}` : '';
  const left = far_side === 'unproven' ? '; it is not proven that it no longer runs' : '';
  return `  ${is_error ? 'failed' : 'done'}${code}, ${(duration_ms / 1_000).toFixed(1)} s${left}`;
}
