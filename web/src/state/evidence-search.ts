// Search in the sections of an evidence bundle: plain text, no case. Pure.
import type { EvidenceSection } from '../../../protocol/evidence.ts';

export interface Hits {
  readonly found: readonly {
    readonly name: string;
    readonly lines: readonly { readonly number: number; readonly text: string }[];
  }[];
  readonly lines: number;
  /** There are more than are shown. */
  readonly cut: boolean;
}

/** More lines than a phone shows well. */
const MOST_LINES = 400;
const LONGEST_LINE = 400;

/** Null: nothing is asked for. */
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
      // A long line (JSON) is shown around the match.
      const from = line.length <= LONGEST_LINE ? 0 : Math.max(0, at - LONGEST_LINE / 2);
      const part = line.slice(from, from + LONGEST_LINE);
      const [head, tail] = [from > 0 ? '… ' : '', from + LONGEST_LINE < line.length ? ' …' : ''];
      lines.push({ number: n + 1, text: `${head}${part}${tail}` });
    }
    return lines.length > 0 ? [{ name, lines }] : [];
  });
  return { found, lines: total, cut: total > MOST_LINES };
};
