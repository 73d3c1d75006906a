// Text that a VM, a power host or a model wrote, made harmless: characters that could make a command or its output look like a different
// one, or that would command a terminal, are shown as stand-ins. For the page, the emergency page and the command. Pure.
export interface TextPiece {
  readonly text: string;
  /** A stand-in for an invisible character. */
  readonly marked: boolean;
}

// Control, format (zero-width, bidi, tags), line separator and other characters that are drawn as nothing, and halves of a pair; except
// tab, newline and, after an emoji, the two selectors that only say how it is drawn.
const NOTHING = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]`;
const SELECTOR = String.raw`(?<=\p{Extended_Pictographic}|[#*0-9](?=.\u{20E3}))[\u{FE0E}\u{FE0F}]`;
const HIDDEN = new RegExp(`(?!\\t|\\n|${SELECTOR})${NOTHING}`, 'gu');

// In prose an invisible character also stays where a script or an emoji needs it: a joiner between parts of one emoji or between letters
// of a script that joins, a variant of a Han or Mongolian letter, the flags of England, Scotland and Wales. Elsewhere it is shown.
// https://www.unicode.org/reports/tr31/#Layout_and_Format_Control_Characters
const JOINING = [
  'Arab',
  'Syrc',
  'Mong',
  'Nkoo',
  'Deva',
  'Beng',
  'Guru',
  'Gujr',
  'Orya',
  'Taml',
  'Telu',
  'Knda',
  'Mlym',
  'Sinh',
  'Khmr',
  'Mymr',
]
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const IN_PROSE = new RegExp(
  [
    String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}]\u{FE0F}?)\u{200D}(?=\p{Extended_Pictographic})`,
    `(?<=[${JOINING}]\\p{M}*)[\\u{200C}\\u{200D}](?=[${JOINING}])`,
    String.raw`(?<=\p{Script=Han})[\u{FE00}-\u{FE02}\u{E0100}-\u{E01EF}]`,
    String.raw`(?<=\p{Script=Mong})[\u{180B}-\u{180D}\u{180F}]`,
    String.raw`(?<=\u{1F3F4}[\u{E0061}-\u{E007A}]{0,5})[\u{E0061}-\u{E007A}](?=[\u{E0061}-\u{E007A}]{0,5}\u{E007F})`,
    String.raw`(?<=\u{1F3F4}[\u{E0061}-\u{E007A}]{5})\u{E007F}`,
  ].join('|'),
  'u',
);
const HIDDEN_IN_PROSE = new RegExp(`(?!\\t|\\n|${SELECTOR}|${IN_PROSE.source})${NOTHING}`, 'gu');

const NAMES: Readonly<Record<number, string>> = { 0: '\\0', 7: '\\a', 8: '\\b', 13: '\\r', 27: '\\e' };

const nameOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
};

const piecesBut = (text: string, hidden: RegExp): TextPiece[] => {
  const pieces: TextPiece[] = [];
  let start = 0;
  for (const match of text.matchAll(hidden)) {
    if (match.index > start) pieces.push({ text: text.slice(start, match.index), marked: false });
    pieces.push({ text: nameOf(match[0]), marked: true });
    start = match.index + match[0].length;
  }
  if (start < text.length) pieces.push({ text: text.slice(start), marked: false });
  return pieces;
};

/** For what is run, and what was printed: every invisible character is shown. */
export const visiblePieces = (text: string): TextPiece[] => piecesBut(text, HIDDEN);
/** For what a person or the model says in sentences. */
export const prosePieces = (text: string): TextPiece[] => piecesBut(text, HIDDEN_IN_PROSE);

const textBut = (text: string, hidden: RegExp): string =>
  text.replaceAll('\r\n', '\n').replace(hidden, (character) => `⟨${nameOf(character)}⟩`);

/** One string, stand-ins in angle brackets. */
export const visibleText = (text: string): string => textBut(text, HIDDEN);
/** The same for sentences, in which joined emoji and scripts stay joined. */
export const visibleProse = (text: string): string => textBut(text, HIDDEN_IN_PROSE);

/** Text inside HTML, also inside quotes: it begins no markup and ends none. */
export const escapedMarkup = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** For one line: nothing in it begins another one. */
export const visibleLine = (text: string): string =>
  visibleText(text).replaceAll('\n', '⟨\\n⟩').replaceAll('\t', ' ');

// They join letters in some scripts, and the parts of an emoji; between two such they hide nothing.
const JOINED =
  /(?<=[\p{L}\p{M}\p{Extended_Pictographic}]|\p{Emoji_Modifier}|\uFE0F)[\u200C\u200D](?=[\p{L}\p{Extended_Pictographic}])/gu;

/** Whether all of it can be seen, on one line: for a name that other people read. */
export const isOneVisibleLine = (text: string): boolean =>
  !/[\t\n]/.test(text) && text.replace(JOINED, '').search(HIDDEN) < 0;

/**
 * The same value as JSON, readable by every program and harmless in a terminal.
 * @param indent 0: on one line
 */
export const visibleJson = (value: unknown, indent = 2): string =>
  JSON.stringify(value, null, indent).replace(HIDDEN, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
