// An event stream of the console, frame by frame.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { reasonOf } from './console-client.ts';
import { NoAnswer } from './failure.ts';

export interface Frame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** The console says something every 20 s, if only a comment. A connection that is silent for longer than this is dead. */
const SILENCE_MS = 90_000;

type Bytes = Uint8Array<ArrayBuffer>;

/** Ends where the console ended the stream. Throws `NoAnswer` where it broke off, or nothing came for too long. */
export async function* frames(answer: Response, silenceMs: number = SILENCE_MS): AsyncGenerator<Frame> {
  if (answer.body === null) return;
  let timer: NodeJS.Timeout | undefined;
  const wait = (controller: TransformStreamDefaultController<Bytes>): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => controller.error(new Error(`nothing came for ${silenceMs / 1_000} s`)),
      silenceMs,
    );
  };
  const alive = new TransformStream<Bytes, Bytes>({
    start: wait,
    transform(chunk, controller) {
      wait(controller);
      controller.enqueue(chunk);
    },
  });
  const parsed = answer.body
    .pipeThrough(alive)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  try {
    for await (const { id, event, data } of parsed) yield { id, event, data };
  } catch (error) {
    throw new NoAnswer(`The connection to the console was lost: ${reasonOf(error)}.`);
  } finally {
    clearTimeout(timer);
  }
}
