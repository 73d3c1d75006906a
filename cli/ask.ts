// `breakglass ask "…"`: one turn with the agent. Its questions are answered at the terminal. Ctrl-C stops the turn and waits for its end;
// a second one leaves.
import type { WireEvent } from '../protocol/events.ts';
import { visibleJson } from '../protocol/visible-text.ts';
import { ask, type ConsoleAddress } from './console-client.ts';
import { CliError, EXIT } from './failure.ts';
import { askPerson, denial, type Question, sendAnswer, showQuestion } from './questions.ts';
import { sessionEvents } from './session-events.ts';
import type { Room, Terminal } from './surroundings.ts';
import { TurnPrinter } from './turn-printer.ts';

export interface AskOptions {
  readonly prompt: string;
  readonly session: string | undefined;
  readonly target: string | undefined;
  readonly denyAll: boolean;
  readonly json: boolean;
}

/** Resolves with the exit code: 0 where the turn came to its end and the agent says no error. */
export async function askAgent(address: ConsoleAddress, options: AskOptions, room: Room): Promise<number> {
  if (options.session !== undefined && options.target !== undefined)
    throw new CliError('A session has its target already: leave --target out.', EXIT.usage);
  const terminal = options.denyAll ? undefined : room.terminal?.();
  const session = options.session ?? (await openSession(address, options.target));
  room.talk(`session ${session}`);
  const turn = new Turn(address, session, { room, terminal, denyAll: options.denyAll, json: options.json });
  return turn.run(options.prompt);
}

async function openSession(address: ConsoleAddress, target: string | undefined): Promise<string> {
  const opened = await ask<{ session_id: string }>(
    address,
    'POST',
    '/api/session',
    target === undefined ? {} : { target },
  );
  return opened.session_id;
}

interface TurnParts {
  readonly room: Room;
  readonly terminal: Terminal | undefined;
  readonly denyAll: boolean;
  readonly json: boolean;
}

class Turn {
  readonly #address: ConsoleAddress;
  readonly #session: string;
  readonly #parts: TurnParts;
  readonly #printer: TurnPrinter;
  readonly #leaving = new AbortController();
  /** The question that stands on the screen; aborted when somebody else has answered it. */
  readonly #standing = new Map<string, AbortController>();
  #asking: Promise<void> = Promise.resolve();
  /** What came while a question stood there. It is told afterwards: nothing that a VM or the agent wrote stands below a question. */
  #held: WireEvent[] | undefined;
  #turnId: string | undefined;
  #failed = false;
  #stops = 0;

  constructor(address: ConsoleAddress, session: string, parts: TurnParts) {
    this.#address = address;
    this.#session = session;
    this.#parts = parts;
    this.#printer = new TurnPrinter(parts.room);
  }

  async run(prompt: string): Promise<number> {
    const { room } = this.#parts;
    const undo = room.onInterrupt(() => this.#interrupt());
    try {
      const following = { session: this.#session, signal: this.#leaving.signal, talk: room.talk };
      let live = false;
      for await (const event of sessionEvents(this.#address, following)) {
        if (event === 'caught-up') {
          live = true;
          await this.#begin(prompt);
        } else if (live && this.#take(event) === 'over') {
          this.#leaving.abort();
          return this.#failed || this.#stops > 0 ? EXIT.failed : 0;
        }
      }
      throw new CliError(
        `You left. The turn is being stopped at the console; session ${this.#session} tells how it ended.`,
        EXIT.interrupted,
      );
    } finally {
      undo();
      for (const question of this.#standing.values()) question.abort();
      this.#release();
    }
  }

  #begin(prompt: string): Promise<unknown> {
    return ask(this.#address, 'POST', `/api/session/${encodeURIComponent(this.#session)}/prompt`, { prompt });
  }

  #take(event: WireEvent): 'over' | undefined {
    if (event.kind === 'user') this.#turnId ??= event.turn_id;
    const ours = 'turn_id' in event && event.turn_id === this.#turnId;
    if (this.#held === undefined) this.#tell(event);
    else this.#held.push(event);
    if (event.kind === 'approval_requested')
      this.#question({ ...event, session_id: this.#session, target: event.target ?? '' });
    if (event.kind === 'approval_resolved') this.#standing.get(event.approval_id)?.abort();
    if (event.kind === 'interrupted' || event.kind === 'cancelled' || event.kind === 'error')
      this.#failed = true;
    if (event.kind === 'result' && event.is_error) this.#failed = true;
    return event.kind === 'turn_end' && ours ? 'over' : undefined;
  }

  #tell(event: WireEvent): void {
    if (!this.#parts.json) this.#printer.take(event);
    else if ('id' in event) this.#parts.room.print(visibleJson(event, 0));
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#tell(event);
  }

  /** One after the other, while the stream goes on. */
  #question(question: Question): void {
    const { room, terminal, denyAll } = this.#parts;
    const standing = new AbortController();
    this.#standing.set(question.approval_id, standing);
    const answer = async (): Promise<void> => {
      if (standing.signal.aborted) return;
      this.#printer.pause();
      showQuestion(question, room);
      if (denyAll) {
        await sendAnswer(
          this.#address,
          question,
          denial('Whoever asked lets nothing be changed (--deny-all).'),
          room,
        );
        return;
      }
      if (terminal === undefined) {
        room.talk(`Nobody is at a terminal. It waits: breakglass approve ${question.approval_id}`);
        return;
      }
      this.#held = [];
      const said = await askPerson(terminal, standing.signal).finally(() => this.#release());
      if (standing.signal.aborted) return;
      if (said === undefined) room.talk(`No answer. It waits: breakglass approve ${question.approval_id}`);
      else await sendAnswer(this.#address, question, said, room);
    };
    this.#asking = this.#asking.then(answer);
  }

  #interrupt(): void {
    const { talk } = this.#parts.room;
    this.#stops += 1;
    if (this.#stops > 1) {
      this.#leaving.abort();
      return;
    }
    talk('Stopping the turn. Ctrl-C again leaves it.');
    ask(this.#address, 'POST', `/api/session/${encodeURIComponent(this.#session)}/cancel`, {}).catch(
      (error: unknown) =>
        talk(`The turn could not be stopped: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
}
