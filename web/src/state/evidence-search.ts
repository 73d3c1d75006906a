// Searches the sections of an evidence bundle for plain text, ignoring case. Pure.
import type { EvidenceSection } from '../../../protocol/evidence.ts';

export interface Hits {
  readonly found: readonly {
    readonly name: string;
    readonly lines: readonly { readonly number: number; readonly text: string }[];
  }[];
  readonly lines: number;
  /** More lines match than are shown. */
  readonly cut: boolean;
}

/** A phone does not show more lines well. */
const MOST_LINES = 400;
const LONGEST_LINE = 400;

/** Null if the query is empty. */
export const searchSections = (sections: readonly EvidenceSection[], query: string): Hits | null => {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return null;
  let total = 0;
  const found = sections.flatMap(({ name, text }) => {
    const lines: { number: number; text: string }[] = [];
    for (const [n, line] of text.split('\n').entries()) {
      const at = line.toLowerCase().indexOf(wanted);
      if (at < 0) continue;
      total += 1;
      if (total > MOST_LINES) continue;
      // Of a long line, such as JSON, the part around the match is shown.
      const from = line.length <= LONGEST_LINE ? 0 : Math.max(0, at - LONGEST_LINE / 2);
      const part = line.slice(from, from + LONGEST_LINE);
      const [head, tail] = [from > 0 ? '… ' : '', from + LONGEST_LINE < line.length ? ' …' : ''];
      lines.push({ number: n + 1, text: `${head}${part}${tail}` });
    }
    return lines.length > 0 ? [{ name, lines }] : [];
  });
  return { found, lines: total, cut: total > MOST_LINES };
};
