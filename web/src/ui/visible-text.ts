// Makes characters visible that could make a command or its output look like a different one. Pure.
export interface TextPiece {
  readonly text: string;
  /** A stand-in for an invisible character. */
  readonly marked: boolean;
}

// Control, format (zero-width, bidi, tags) and line separator characters, except tab and newline.
const HIDDEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const NAMES: Readonly<Record<number, string>> = { 0: '\\0', 7: '\\a', 8: '\\b', 13: '\\r', 27: '\\e' };

const nameOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
};

export const visiblePieces = (text: string): TextPiece[] => {
  const pieces: TextPiece[] = [];
  let start = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > start) pieces.push({ text: text.slice(start, match.index), marked: false });
    pieces.push({ text: nameOf(match[0]), marked: true });
    start = match.index + match[0].length;
  }
  if (start < text.length) pieces.push({ text: text.slice(start), marked: false });
  return pieces;
};

/** For prose: one string, stand-ins in angle brackets. */
export const visibleText = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(HIDDEN, (character) => `⟨${nameOf(character)}⟩`);
