// Models write code fences inside code fences of the same length: a Markdown file that has a shell block of its own. By the letter of
// CommonMark the inner end closes the outer block, the prose after it is code, and Copy copies half. Here the outer fence is
// made longer than what it holds, if only that way every fence has its end. Pure.

interface Fence {
  readonly line: number;
  readonly char: string;
  readonly length: number;
  readonly hasInfo: boolean;
}

const FENCE = /^[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)$/;

const fenceAt = (text: string, line: number): Fence | undefined => {
  const [, mark = '', info = ''] = FENCE.exec(text) ?? [];
  return mark === ''
    ? undefined
    : { line, char: mark.charAt(0), length: mark.length, hasInfo: info.trim() !== '' };
};

const closes = (open: Fence, { char, length, hasInfo }: Fence): boolean =>
  !hasInfo && char === open.char && length >= open.length;

interface Block {
  readonly open: Fence;
  readonly close: Fence;
  /** The longest fence in it. */
  readonly longest: number;
}

/** The outer blocks if a fence with a language inside another one opens a block of its own; undefined if a fence then has no end. */
const outerBlocks = (fences: readonly Fence[]): readonly Block[] | undefined => {
  const blocks: Block[] = [];
  const open: Fence[] = [];
  let longest = 0;
  for (const fence of fences) {
    const inner = open.at(-1);
    const outer = open[0];
    if (inner !== undefined && closes(inner, fence)) {
      open.pop();
      if (outer === inner) blocks.push({ open: inner, close: fence, longest });
      else longest = Math.max(longest, fence.length);
    } else if (inner === undefined) {
      open.push(fence);
      longest = 0;
    } else if (fence.hasInfo) {
      open.push(fence);
      longest = Math.max(longest, fence.length);
    }
  }
  return open.length > 0 ? undefined : blocks;
};

export const withNestedFences = (source: string): string => {
  const lines = source.split('\n');
  const fences = lines.flatMap((text, line) => fenceAt(text, line) ?? []);
  if (fences.length < 4) return source;
  for (const { open, close, longest } of outerBlocks(fences) ?? []) {
    if (longest < open.length) continue;
    for (const { line, char } of [open, close])
      lines[line] = lines[line]?.replace(/`{3,}|~{3,}/, char.repeat(longest + 1)) ?? '';
  }
  return lines.join('\n');
};
