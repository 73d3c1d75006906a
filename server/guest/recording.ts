// What a command printed: both streams in the order in which they came, decoded, up to a cap. Live listeners see what is recorded.
import { StringDecoder } from 'node:string_decoder';

type Stream = 'stdout' | 'stderr';

const OUTPUT_CAP_BYTES = 1_048_576;

export class Recording {
  truncated = false;
  readonly #parts: string[] = [];
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #onOutput: (stream: Stream, text: string) => void;
  #leftBytes: number;

  constructor(onOutput: (stream: Stream, text: string) => void, capBytes = OUTPUT_CAP_BYTES) {
    this.#onOutput = onOutput;
    this.#leftBytes = capBytes;
  }

  /** Gives whole characters only. One that is split over two chunks waits for its rest. */
  decode(stream: Stream, chunk: Buffer): string {
    return this.#decoders[stream].write(chunk);
  }

  /** Gives what is left of a character that never came whole. */
  flush(stream: Stream): string {
    return this.#decoders[stream].end();
  }

  add(stream: Stream, text: string): void {
    if (text === '') return;
    if (this.#leftBytes <= 0) {
      this.truncated = true;
      return;
    }
    let kept = text;
    if (Buffer.byteLength(text) > this.#leftBytes) {
      this.truncated = true;
      // Cut at the cap, but not in the middle of a character.
      kept = new StringDecoder('utf8').write(Buffer.from(text).subarray(0, this.#leftBytes));
      this.#leftBytes = 0;
    } else {
      this.#leftBytes -= Buffer.byteLength(text);
    }
    this.#parts.push(kept);
    if (kept !== '') this.#onOutput(stream, kept);
  }

  text(): string {
    return this.#parts.join('');
  }
}
