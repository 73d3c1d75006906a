// How a report names times, people and answers.
import type { Actor } from '../../protocol/operations.ts';

/** UTC, to the second: 2026-11-27 02:11:05. */
export const timeOf = (at: string): string => at.slice(0, 19).replace('T', ' ');

export const whoOf = ({ type, name }: Actor): string =>
  type === 'operator' ? name : type === 'agent' ? `${name} (agent)` : 'console';

export const seconds = (ms: number): string => {
  const s = ms / 1_000;
  if (s < 10) return `${s.toFixed(1)} s`;
  return s < 120 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`;
};

/** The first line of a text, cut for a row. */
export function inShort(text: string, most = 200): string {
  const line = text.split('\n').find((each) => each.trim() !== '') ?? '';
  const more = line.length > most || text.trim().length > line.trim().length;
  return `${line.slice(0, most).trimEnd()}${more ? ' …' : ''}`;
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
