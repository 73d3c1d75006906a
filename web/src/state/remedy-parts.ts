// A remedy is a sentence for a person, often with a command in it. The command is shown by itself, so that it can be read and copied whole.
// It stands between backticks, or at the end: what follows the last colon and is no sentence, for it has no full stop. What is only a word
// or a line of somebody's configuration stays where it is. Pure.
export interface RemedyPart {
  readonly kind: 'words' | 'code' | 'command';
  readonly text: string;
}

const isCommand = (code: string, before: string): boolean => {
  const inBrackets = before.lastIndexOf('(') > before.lastIndexOf(')');
  return /\S\s+\S/.test(code) && !code.trimEnd().endsWith(';') && !inBrackets;
};

const isBalanced = (text: string): boolean =>
  text.split('"').length % 2 === 1 && text.split("'").length % 2 === 1;

/** Where the command at the end begins; -1: there is none. A colon between quotes is part of it. */
const commandAt = (remedy: string): number => {
  if (/[.!?)]\s*$/.test(remedy)) return -1;
  for (let colon = remedy.lastIndexOf(': '); colon >= 0; colon = remedy.lastIndexOf(': ', colon - 1)) {
    const tail = remedy.slice(colon + 2);
    if (isBalanced(tail)) return /\S\s+\S/.test(tail) && !/\. [A-Z]/.test(tail) ? colon + 2 : -1;
    if (colon === 0) break;
  }
  // All of it: `chmod 600 key`.
  return /^[a-z][\w/-]* \S/.test(remedy) && !/\. |, and /.test(remedy) ? 0 : -1;
};

const unmarked = (remedy: string): readonly RemedyPart[] => {
  const at = commandAt(remedy);
  if (at < 0) return [{ kind: 'words', text: remedy }];
  const command: RemedyPart = { kind: 'command', text: remedy.slice(at).trim() };
  return at === 0 ? [command] : [{ kind: 'words', text: remedy.slice(0, at) }, command];
};

export const remedyParts = (remedy: string): readonly RemedyPart[] => {
  const pieces = remedy.split('`');
  // An odd one is a character like any other.
  if (pieces.length === 1 || pieces.length % 2 === 0) return unmarked(remedy);
  const parts: RemedyPart[] = [];
  let before = '';
  for (const [index, piece] of pieces.entries()) {
    const last = parts.at(-1);
    if (index % 2 === 1)
      parts.push({ kind: isCommand(piece, before) ? 'command' : 'code', text: piece.trim() });
    else {
      // The stop of the sentence would begin the next line.
      const text = last?.kind === 'command' ? piece.replace(/^[.,:;]?\s*/, '') : piece;
      if (text.trim() !== '') parts.push({ kind: 'words', text });
    }
    before += piece;
  }
  return parts;
};
