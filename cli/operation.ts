// Watching an operation to its end. It runs at the console, whoever watches: a connection that is lost is made again, and Ctrl-C leaves it
// going on.
import type { Operation, OperationFrame } from '../protocol/operations.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { type Attempts, attach, pause } from './attach.ts';
import type { ConsoleAddress } from './console-client.ts';
import { frames } from './event-frames.ts';
import { CliError, EXIT, NoAnswer } from './failure.ts';
import type { Print, Room, Tint } from './surroundings.ts';

export const howToWatch = (id: string): string => `breakglass watch ${id}`;

/** Ctrl-C aborts its signal. */
export interface Watching extends Attempts {
  readonly id: string;
}

/** Resolves with the operation as it ended. Throws a CliError that says how to watch on. */
export async function watchToEnd(
  address: ConsoleAddress,
  watching: Watching,
  talk: Print,
): Promise<Operation> {
  const { id, signal } = watching;
  const progress = new Progress(talk);
  for (;;) {
    const answer = await attach(address, {
      ...watching,
      path: `/api/operations/${encodeURIComponent(id)}/stream`,
      goesOn: `The operation may still run. Watch it again: ${howToWatch(id)}`,
      onWait: (why) => talk(`${why} Trying again.`),
    });
    if (answer === undefined) throw left(id);
    try {
      for await (const { data } of frames(answer)) {
        const ended = progress.take(JSON.parse(data) as OperationFrame);
        if (ended !== undefined) return ended;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    if (signal.aborted) throw left(id);
    talk('The connection was lost. The operation goes on at the console; asking for it again.');
    progress.beginAgain();
    await pause(watching);
  }
}

const left = (id: string): CliError =>
  new CliError(`You left. The operation goes on. Watch it: ${howToWatch(id)}`, EXIT.interrupted);

/** Tells each step and each line of output once, however often the stream begins again. */
class Progress {
  readonly #talk: Print;
  readonly #told = new Map<number, string>();
  readonly #shown = { stdout: 0, stderr: 0 };
  readonly #received = { stdout: 0, stderr: 0 };
  readonly #rest = { stdout: '', stderr: '' };

  constructor(talk: Print) {
    this.#talk = talk;
  }

  beginAgain(): void {
    this.#received.stdout = 0;
    this.#received.stderr = 0;
  }

  /** The operation, once it has ended. */
  take(frame: OperationFrame): Operation | undefined {
    if (frame.kind === 'output') {
      this.#output(frame.stream, frame.text);
      return undefined;
    }
    const { operation } = frame;
    for (const [index, { name, ms, ok }] of operation.steps.entries()) {
      const line = `${name}: ${ok === undefined ? (ms === undefined ? 'runs' : 'not known') : `${ok ? 'ok' : 'failed'}${ms === undefined ? '' : `, ${(ms / 1_000).toFixed(1)} s`}`}`;
      if (this.#told.get(index) !== line) this.#talk(line);
      this.#told.set(index, line);
    }
    return operation.finished_at === undefined ? undefined : operation;
  }

  #output(stream: 'stdout' | 'stderr', text: string): void {
    const from = this.#received[stream];
    this.#received[stream] += text.length;
    const fresh = text.slice(Math.max(0, this.#shown[stream] - from));
    this.#shown[stream] = Math.max(this.#shown[stream], this.#received[stream]);
    const lines = (this.#rest[stream] + fresh).split('\n');
    this.#rest[stream] = lines.pop() ?? '';
    for (const line of lines) this.#talk(`  ${visibleLine(line)}`);
  }
}

/** The verified outcome. Resolves with the exit code. */
export function tellOutcome(
  operation: Operation,
  json: boolean,
  { print, talk }: Pick<Room, 'print' | 'talk'>,
): number {
  const { id, verb, state, outcome, result, evidence_id } = operation;
  if (json) print(visibleJson(operation));
  else {
    const summary =
      outcome?.summary ??
      (result === undefined
        ? 'There is no result.'
        : result.stderr.trim() || `Exit code ${result.exit_code}.`);
    print(
      `${verb} ${state}: ${state === 'succeeded' && outcome === undefined ? 'Done.' : visibleLine(summary)}`,
      {
        word: state,
        tone: TONES[state],
      },
    );
    if (evidence_id !== undefined) print(`evidence: ${evidence_id}`);
  }
  for (const warning of outcome?.warnings ?? []) talk(`warning: ${visibleLine(warning)}`);
  if (state === 'unknown') talk(`Look again: breakglass status ${operation.target}; the operation is ${id}.`);
  return state === 'succeeded' ? 0 : EXIT.failed;
}

const TONES = {
  succeeded: 'good',
  failed: 'bad',
  unknown: 'doubtful',
  running: 'doubtful',
} as const satisfies Record<Operation['state'], Tint['tone']>;

export async function watch(
  address: ConsoleAddress,
  { id, json }: { readonly id: string; readonly json: boolean },
  room: Room,
): Promise<number> {
  const leaving = new AbortController();
  const undo = room.onInterrupt(() => leaving.abort());
  try {
    return tellOutcome(await watchToEnd(address, { id, signal: leaving.signal }, room.talk), json, room);
  } finally {
    undo();
  }
}
