// Characters that could make a command or its output look like another one: shown, not obeyed. Pure.
export interface TextPiece {
  readonly text: string;
  /** A stand-in for a character that would not have been seen. */
  readonly marked: boolean;
}

// C0 without tab and newline, DEL, C1, zero-width and invisible characters, bidi controls, line separators, tags.
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

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
