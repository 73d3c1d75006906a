// What a scrape says, as a test reads it: the value of a series by its name and labels.
import { expect } from 'vitest';

/** @param labels all of them, in any order; those that are empty may be left out */
export function sample(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const line of text.split('\n')) {
    const [, series, inner = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (series !== name) continue;
    const found = Object.fromEntries(
      [...inner.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)]
        .map(([, label = '', text = '']) => [label, text] as const)
        .filter(([, text]) => text !== ''),
    );
    if (
      expect.objectContaining(labels).asymmetricMatch(found) &&
      Object.keys(found).length === Object.keys(labels).length
    )
      return Number(value);
  }
  return undefined;
}

/** The names of all metrics of ours and their types. */
export const metricsIn = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
