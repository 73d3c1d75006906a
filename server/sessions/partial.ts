// What is being written right now and is not in the journal yet: the running text block and the output of running tools.
// A client that attaches in mid-turn gets it once, as snapshots.
import type { EphemeralEvent, JournaledBody } from '../../protocol/events.ts';
import type { SessionId, ToolCallId, TurnId } from '../../protocol/ids.ts';

/** Per stream of a tool: what a late viewer sees of it. The whole is in `tool_result`. */
const KEPT_CHARACTERS = 64 * 1024;

type Stream = 'stdout' | 'stderr';

export class Partial {
  readonly #scope: { readonly session_id: SessionId; readonly turn_id: TurnId };
  #text = '';
  readonly #outputs = new Map<ToolCallId, Map<Stream, string>>();

  constructor(session_id: SessionId, turn_id: TurnId) {
    this.#scope = { session_id, turn_id };
  }

  delta(text: string, snapshot: boolean): EphemeralEvent {
    this.#text = snapshot ? text : this.#text + text;
    return { kind: 'text_delta', ...this.#scope, text, ...(snapshot ? { snapshot } : {}) };
  }

  output(toolCallId: ToolCallId, stream: Stream, text: string): EphemeralEvent {
    const streams = this.#outputs.get(toolCallId) ?? new Map<Stream, string>();
    streams.set(stream, ((streams.get(stream) ?? '') + text).slice(-KEPT_CHARACTERS));
    this.#outputs.set(toolCallId, streams);
    return { kind: 'tool_output', ...this.#scope, tool_call_id: toolCallId, stream, text };
  }

  /** A finished event is in the journal: what it finishes is partial no more. */
  finished(body: JournaledBody): void {
    if (body.kind === 'text') this.#text = '';
    if (body.kind === 'tool_result') this.#outputs.delete(body.tool_call_id);
  }

  snapshot(): readonly EphemeralEvent[] {
    const events: EphemeralEvent[] = [];
    if (this.#text !== '')
      events.push({ kind: 'text_delta', ...this.#scope, text: this.#text, snapshot: true });
    for (const [tool_call_id, streams] of this.#outputs) {
      for (const [stream, text] of streams)
        events.push({ kind: 'tool_output', ...this.#scope, tool_call_id, stream, text, snapshot: true });
    }
    return events;
  }
}
