// What a command printed: both streams interleaved as they came, decoded, capped. Live listeners see what is recorded.
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

  /** Whole characters only: one that is cut by a chunk's border waits for its rest. */
  decode(stream: Stream, chunk: Buffer): string {
    return this.#decoders[stream].write(chunk);
  }

  /** What is left of a character that never came whole. */
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
      // Cut at the cap, and not through a character.
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
