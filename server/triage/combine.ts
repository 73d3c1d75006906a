// Signals from two sources made one, and signals made old. Pure.
import { aged, firstKnown, known, knownValue, type Reading } from './reading.ts';
import type { Signals } from './signals.ts';

const isReading = (value: unknown): value is Reading<unknown> =>
  typeof value === 'object' && value !== null && 'is' in value;

/** Key by key: what is known goes before what is not; of two that are known the first counts. */
export function preferKnown<A extends object, B extends object>(first: A, second: B): A & B {
  const others = new Map<string, unknown>(Object.entries(second));
  const chosen = Object.entries(first).map(([key, value]: [string, unknown]) => {
    const other = others.get(key);
    return [key, isReading(value) && isReading(other) ? firstKnown(value, other) : (value ?? other)] as const;
  });
  return { ...second, ...first, ...Object.fromEntries(chosen) };
}

/** Looks at the monitor one after the other: one that answered ends the count of silent ones. */
export function addLook(
  earlier: Signals['qmp'],
  later: Exclude<Signals['qmp'], undefined>,
): Exclude<Signals['qmp'], undefined> {
  const [before, after] = [knownValue(earlier), knownValue(later)];
  if (after === undefined) return firstKnown(earlier, later);
  return after.silentLooks === 0 || before === undefined
    ? later
    : known({ silentLooks: before.silentLooks + after.silentLooks });
}

/** The signals of these names are as old as that: what they say was so. */
export function ageSignals<S extends object>(signals: S, names: readonly (keyof S)[], ageS: number): S {
  const old = names.flatMap((name) => {
    const reading: unknown = signals[name];
    return isReading(reading) ? [[name, aged(reading, ageS)] as const] : [];
  });
  return { ...signals, ...Object.fromEntries(old) };
}
