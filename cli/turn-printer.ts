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
    switch (event.kind) {
      case 'text_delta':
        this.#write(event.snapshot === true ? event.text : this.#shown + event.text);
        return;
      case 'text':
        this.#write(event.text);
        this.#endBlock();
        return;
      case 'tool':
        this.#say(`$ ${event.input.command ?? `${event.name} ${JSON.stringify(event.input)}`}`);
        return;
      case 'tool_result':
        this.#output(event.output);
        this.#say(
          `  ${event.is_error ? 'failed' : 'done'}${typeof event.exit_code === 'number' ? `, exit code ${event.exit_code}` : ''}, ${(event.duration_ms / 1_000).toFixed(1)} s${event.far_side === 'unproven' ? '; it is not proven that it no longer runs' : ''}`,
        );
        return;
      case 'power_started':
        this.#say(`${event.verb} begins, by ${event.by.name}`);
        return;
      case 'power_finished':
        this.#say(`${event.verb} ${event.state}: ${event.outcome?.summary ?? ''}`);
        return;
      case 'finding':
        this.#say(`triage: ${event.report.finding.summary} (${event.report.finding.code})`);
        return;
      case 'evidence':
        this.#say(`evidence ${event.evidence_id} (${event.status})`);
        return;
      case 'approval_resolved':
        this.#say(`${event.answer} by ${event.by}${event.reason === undefined ? '' : `: ${event.reason}`}`);
        return;
      case 'error':
        this.#say(`error: ${event.error}`);
        return;
      case 'cancelled':
        this.#say(`stopped${event.by === undefined ? '' : ` by ${event.by}`}`);
        return;
      case 'interrupted':
        this.#say(`interrupted: ${event.reason}`);
        return;
      case 'note':
        this.#say(event.text);
        return;
      default:
    }
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

  #output(text: string): void {
    const lines = text.replace(/\n+$/, '').split('\n');
    if (lines.join('') === '') return;
    for (const line of lines.slice(0, OUTPUT_LINES)) this.#say(`  ${line}`);
    if (lines.length > OUTPUT_LINES) this.#say(`  … (${lines.length - OUTPUT_LINES} more lines)`);
  }
}
