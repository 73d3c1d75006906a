// How much of an output is kept, and how much goes back to the model. The whole is in the journal; the model gets head and
// tail, because Claude Code replaces a result over some tens of KB by a 2 KB preview and a file.

/** What the journal keeps of one tool's output. */
export const RECORD_CAP_CHARS = 256 * 1024;
/** What the model reads of it: well below the size at which Claude Code cuts by itself. */
export const MODEL_CAP_CHARS = 16 * 1024;

export interface Kept {
  readonly text: string;
  readonly truncated: boolean;
}

/** Head and tail with a line between that says how much was left out. Never splits a surrogate pair. */
export function headAndTail(text: string, cap: number): Kept {
  if (text.length <= cap) return { text, truncated: false };
  const half = Math.floor(cap / 2);
  const head = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, '');
  const tail = text.slice(text.length - half).replace(/^[\uDC00-\uDFFF]/, '');
  const left = text.length - head.length - tail.length;
  return { text: `${head}\n[… ${left} characters left out here …]\n${tail}`, truncated: true };
}
