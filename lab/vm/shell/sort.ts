// `sort -h`, which the interpreter takes for `sort -n`: sizes as du and df print them.

const SCALE: Readonly<Record<string, number>> = { '': 0, K: 1, k: 1, M: 2, G: 3, T: 4, P: 5 };

/** Sign, then unit, then number: as GNU sort compares, without converting. */
const sizeOf = (text: string): readonly [number, number] => {
  const match = /^\s*(-?\d+(?:\.\d+)?)([KkMGTP]?)/.exec(text);
  return match ? [SCALE[match[2] ?? ''] ?? 0, Number(match[1])] : [0, 0];
};

export const wantsSizes = (args: readonly string[]): boolean =>
  args.some((arg) => /^-[a-zA-Z]*h/.test(arg) || arg === '--human-numeric-sort' || /^-k\d+.*h/.test(arg));

export const sortSizes = (text: string, args: readonly string[]): string => {
  const flags =
    args.filter((arg) => /^-[a-zA-Z]/.test(arg)).join('') + (args.includes('--reverse') ? 'r' : '');
  const keyArgument =
    args.find((arg) => /^-k\d/.test(arg)) ?? (args.includes('-k') ? `-k${args[args.indexOf('-k') + 1]}` : '');
  const column = Number(/^-k(\d+)/.exec(keyArgument)?.[1] ?? 1) - 1;
  const key = (line: string): string => (column === 0 ? line : (line.trim().split(/\s+/)[column] ?? ''));
  const reverse = flags.includes('r') || /r/.test(keyArgument.slice(2)) ? -1 : 1;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const rows = lines.map((line) => ({ line, size: sizeOf(key(line)) }));
  rows.sort(
    (a, b) => reverse * (a.size[0] - b.size[0] || a.size[1] - b.size[1] || (a.line < b.line ? -1 : 1)),
  );
  const out = rows.map(({ line }) => line);
  const unique = flags.includes('u') ? [...new Set(out)] : out;
  return unique.map((line) => `${line}\n`).join('');
};
