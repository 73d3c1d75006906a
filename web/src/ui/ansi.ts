// Splits terminal output into coloured pieces. Colours become classes, because the page allows no inline style. Every other
// escape sequence is dropped, also those that hide text. Pure.
import Anser from 'anser';
import { type TextPiece, visiblePieces } from '../../../protocol/visible-text.ts';

export interface AnsiPiece extends TextPiece {
  readonly classes: string;
}

const ESC = '\u001B';
const BEL = '\u0007';
const OSC = `${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)`;
const CSI_BUT_COLOUR = `${ESC}\\[[0-9;?]*[A-LN-Za-ln-z]`;
const CHARACTER_SET = `${ESC}[()][A-Z0-9]`;
const OTHER_SEQUENCES = new RegExp([OSC, CSI_BUT_COLOUR, CHARACTER_SET].join('|'), 'g');

/** Keeps of each progress line only what a terminal would show after its carriage returns. */
const settleLines = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(/^[^\n]*\r(?=[^\n\r])/gm, '');

const classesOf = (entry: Anser.AnserJsonEntry): string => {
  const names: string[] = [];
  // The sixteen named colours only: the palette cubes have no class.
  if (/^ansi-(bright-)?\w+$/.test(entry.fg ?? '')) names.push(entry.fg);
  if (/^ansi-(bright-)?\w+$/.test(entry.bg ?? '')) names.push(`${entry.bg}-bg`);
  for (const decoration of entry.decorations) {
    // Hidden text would be hidden from the operator too.
    if (decoration !== 'hidden' && decoration !== 'blink') names.push(`ansi-${decoration}`);
  }
  return names.join(' ');
};

export const ansiPieces = (text: string): AnsiPiece[] => {
  const clean = settleLines(text.replace(OTHER_SEQUENCES, ''));
  if (!clean.includes(ESC)) return visiblePieces(clean).map((piece) => ({ ...piece, classes: '' }));
  return Anser.ansiToJson(clean, { json: true, use_classes: true, remove_empty: true }).flatMap((entry) => {
    const classes = classesOf(entry);
    return visiblePieces(entry.content).map((piece) => ({ ...piece, classes }));
  });
};
