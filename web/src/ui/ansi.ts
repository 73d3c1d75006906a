// Splits the lines of terminal output into coloured pieces. Colours become classes, because the page allows no inline style; what would
// hide text becomes nothing. Pure.
import Anser from 'anser';
import { type TextPiece, visiblePieces } from '../../../protocol/visible-text.ts';
import { COLOUR, styleAfter } from './settled-lines.ts';

export interface AnsiPiece extends TextPiece {
  readonly classes: string;
}

const ESC = '\u001B';

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

/** Of lines that are settled: of escape sequences they hold colours only. */
export const ansiPieces = (text: string): AnsiPiece[] => {
  if (!text.includes(ESC)) return visiblePieces(text).map((piece) => ({ ...piece, classes: '' }));
  return Anser.ansiToJson(text, { json: true, use_classes: true, remove_empty: true }).flatMap((entry) => {
    const classes = classesOf(entry);
    return visiblePieces(entry.content).map((piece) => ({ ...piece, classes }));
  });
};

export interface Chunk {
  readonly lines: number;
  /** Of at most this many lines, with the colours that were on before it. */
  readonly text: string;
}

/** In pieces that are coloured and laid out only when they are looked at. */
export const chunksOf = (lines: readonly string[], size: number): readonly Chunk[] => {
  const chunks: Chunk[] = [];
  let style = '';
  for (let from = 0; from < lines.length; from += size) {
    const part = lines.slice(from, from + size);
    const text = part.join('\n');
    chunks.push({ lines: part.length, text: `${style}${text}` });
    style = styleAfter(text, style);
  }
  return chunks;
};

/** The same without colours. */
export const uncoloured = (text: string): string => text.replace(COLOUR, '');
