// Text that a VM, a power host or a model wrote, made harmless: characters that could make a command or its output look like a different
// one, or that would command a terminal, are shown as stand-ins. For the page, the emergency page and the command. Pure.
export interface TextPiece {
  readonly text: string;
  /** A stand-in for an invisible character. */
  readonly marked: boolean;
}

// Control, format (zero-width, bidi, tags), line separator and other characters that are drawn as nothing, and halves of a pair; except
// tab, newline and the two selectors that only say how an emoji is drawn.
const HIDDEN =
  /(?!\t|\n|\uFE0E|\uFE0F)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]/gu;

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

/** For one line: nothing in it begins another one. */
export const visibleLine = (text: string): string =>
  visibleText(text).replaceAll('\n', '⟨\\n⟩').replaceAll('\t', ' ');

// They join letters in some scripts, and the parts of an emoji; between two such they hide nothing.
const JOINED =
  /(?<=[\p{L}\p{M}\p{Extended_Pictographic}]|\p{Emoji_Modifier}|\uFE0F)[\u200C\u200D](?=[\p{L}\p{Extended_Pictographic}])/gu;

/** Whether all of it can be seen, on one line: for a name that other people read. */
export const isOneVisibleLine = (text: string): boolean =>
  !/[\t\n]/.test(text) && text.replace(JOINED, '').search(HIDDEN) < 0;

/** The same value as JSON, readable by every program and harmless in a terminal. */
export const visibleJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(HIDDEN, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
