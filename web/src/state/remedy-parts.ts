// A remedy is a sentence with its command between backticks. A command is shown by itself, so that it can be read and copied whole; what is
// only a word or a line of somebody's configuration stays in the sentence. Pure.
export type RemedyPart =
  | { readonly kind: 'words' | 'code'; readonly text: string }
  | { readonly kind: 'command'; readonly text: string };

const isCommand = (code: string, before: string): boolean => {
  const inBrackets = before.lastIndexOf('(') > before.lastIndexOf(')');
  return /\S\s+\S/.test(code) && !code.trimEnd().endsWith(';') && !inBrackets;
};

export const remedyParts = (remedy: string): readonly RemedyPart[] => {
  const pieces = remedy.split('`');
  // An odd one is a character like any other.
  if (pieces.length % 2 === 0) return [{ kind: 'words', text: remedy }];
  const parts: RemedyPart[] = [];
  let before = '';
  for (const [index, piece] of pieces.entries()) {
    const last = parts.at(-1);
    if (index % 2 === 1)
      parts.push(
        isCommand(piece, before)
          ? { kind: 'command', text: piece.trim() }
          : { kind: 'code', text: piece.trim() },
      );
    else {
      // The stop of the sentence would begin the next line.
      const text = last?.kind === 'command' ? piece.replace(/^[.,:;]?\s*/, '') : piece;
      if (text.trim() !== '') parts.push({ kind: 'words', text });
    }
    before += piece;
  }
  return parts;
};
