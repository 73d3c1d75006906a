import { visibleLine } from '../protocol/visible-text.ts';

/** A table of which each column is as wide as its widest cell. A cell says nothing that begins another line. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows.map((cells) => cells.map(visibleLine))];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => (cells[column] ?? '').length)));
  return all.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
