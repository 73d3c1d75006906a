// What stands in the chat, row by row: looks that went well are one row, a verb of the agent is its operation and nothing else. Pure.
import { isMutating } from '../../../protocol/verbs.ts';
import { isGoodLook, lookName } from './tool-words.ts';
import type { Item, ToolItem } from './transcript.ts';
import { duration } from './words.ts';

type OperationItem = Extract<Item, { readonly kind: 'operation' }>;
export type Look = ToolItem | OperationItem;

export type Row =
  | { readonly kind: 'looks'; readonly key: number; readonly looks: readonly Look[] }
  | {
      readonly kind: 'operation';
      readonly key: number;
      readonly item: OperationItem;
      readonly call: ToolItem | undefined;
    }
  | { readonly kind: 'item'; readonly key: number; readonly item: Exclude<Item, OperationItem> };

const isLook = (item: Item): item is Look => {
  if (item.kind === 'tool') return isGoodLook(item);
  if (item.kind !== 'operation') return false;
  const { by, verb, state } = item.operation;
  return by.type === 'agent' && state === 'succeeded' && !isMutating(verb);
};

/** The last command stays open, because its output is what is being read. */
export const chatRows = (items: readonly Item[]): readonly Row[] => {
  const operations = new Set(items.flatMap((item) => (item.kind === 'operation' ? [item.operation.id] : [])));
  const shown = items.filter((item) => !(item.kind === 'tool' && operations.has(item.operationId ?? '')));
  const last = shown.findLast(({ kind }) => kind === 'tool' || kind === 'operation');
  const rows: Row[] = [];
  for (const item of shown) {
    const before = rows.at(-1);
    if (isLook(item) && item !== last) {
      if (before?.kind === 'looks') rows[rows.length - 1] = { ...before, looks: [...before.looks, item] };
      else rows.push({ kind: 'looks', key: item.key, looks: [item] });
    } else if (item.kind === 'operation') {
      const call = items.find((each) => each.kind === 'tool' && each.operationId === item.operation.id);
      rows.push({ kind: 'operation', key: item.key, item, call: call?.kind === 'tool' ? call : undefined });
    } else rows.push({ kind: 'item', key: item.key, item });
  }
  return rows;
};

const tookMs = (look: Look): number => {
  if (look.kind === 'tool') return look.result?.durationMs ?? 0;
  const { started_at, finished_at } = look.operation;
  return Math.max(0, Date.parse(finished_at ?? started_at) - Date.parse(started_at));
};
const nameOf = (look: Look): string => (look.kind === 'tool' ? lookName(look) : look.operation.verb);

/** `3 looks`, `df, du, lsof`, `5.2 s`. */
export const looksWords = (looks: readonly Look[]): { count: string; names: string; took: string } => ({
  count: looks.length === 1 ? '1 look' : `${looks.length} looks`,
  names: [...new Set(looks.map(nameOf))].join(', '),
  took: duration(looks.reduce((sum, look) => sum + tookMs(look), 0)),
});

/** An item as text, for when it could not be drawn. Never throws. */
export const plainItem = (item: Item): string => {
  if (item.kind === 'user' || item.kind === 'text' || item.kind === 'remark') return String(item.text);
  if (item.kind === 'tool')
    return [item.input.command, item.result?.output ?? item.live].filter(Boolean).join('\n\n');
  return JSON.stringify(item, null, 2);
};
