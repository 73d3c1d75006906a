// What was read, and why not. Not asked, asked too late, stale, unreadable and zero are five different things: an unknown never
// counts as none, as zero or as now. Conditions over readings have three values, so that taking a reading away can only turn
// "yes" or "no" into "unknown", never one into the other. Pure.

export interface Known<T> {
  readonly is: 'known';
  readonly value: T;
}

export type Unread =
  /** Nobody asked, or there was nobody to ask: an older script, a step that was left out, time that was used up before. */
  | { readonly is: 'not-asked'; readonly why: string }
  /** Asked, and no answer came within the time. */
  | { readonly is: 'too-late'; readonly why: string }
  /** Something came that says nothing: cut off, garbage, an error. */
  | { readonly is: 'unreadable'; readonly why: string };

export type Reading<T> =
  | Known<T>
  | Unread
  /** It was so; whether it still is, is not known. */
  | { readonly is: 'stale'; readonly value: T; readonly ageS: number };

export const known = <T>(value: T): Known<T> => ({ is: 'known', value });
export const notAsked = (why: string): Unread => ({ is: 'not-asked', why });
export const tooLate = (why: string): Unread => ({ is: 'too-late', why });
export const unreadable = (why: string): Unread => ({ is: 'unreadable', why });

/** The value where it is known now. A reading that is absent was not asked. */
export const knownValue = <T>(reading: Reading<T> | undefined): T | undefined =>
  reading?.is === 'known' ? reading.value : undefined;

/** The value where it is or was known: to be shown with its own time, never to decide by. */
export const knownOrOld = <T>(reading: Reading<T> | undefined): T | undefined =>
  reading?.is === 'known' || reading?.is === 'stale' ? reading.value : undefined;

/** What was derived from a reading is known as far as the reading is. */
export function derive<A, B>(reading: Reading<A>, from: (value: A) => B): Reading<B> {
  if (reading.is === 'known') return known(from(reading.value));
  if (reading.is === 'stale') return { is: 'stale', value: from(reading.value), ageS: reading.ageS };
  return reading;
}

export const aged = <T>(reading: Reading<T>, ageS: number): Reading<T> => {
  if (reading.is === 'known') return { is: 'stale', value: reading.value, ageS };
  return reading.is === 'stale' ? { is: 'stale', value: reading.value, ageS: reading.ageS + ageS } : reading;
};

/** Why a reading is not known now: for what cannot be derived from it. */
export const lacking = (reading: Exclude<Reading<unknown>, Known<unknown>>): Unread =>
  reading.is === 'stale' ? unreadable(`what was told is ${showAge(reading.ageS)} old`) : reading;

/** The first that is known; else the first that says most about why not. */
export function firstKnown<T>(...readings: readonly (Reading<T> | undefined)[]): Reading<T> {
  const all = readings.filter((reading) => reading !== undefined);
  return (
    all.find(({ is }) => is === 'known') ??
    all.find(({ is }) => is === 'stale') ??
    all.find(({ is }) => is !== 'not-asked') ??
    all[0] ??
    notAsked('nobody asked')
  );
}

/** For a person. */
export function showReading<T>(reading: Reading<T> | undefined, show: (value: T) => string): string {
  if (reading === undefined) return 'not asked';
  switch (reading.is) {
    case 'known':
      return show(reading.value);
    case 'stale':
      return `${show(reading.value)}, ${showAge(reading.ageS)} ago; not known now`;
    case 'not-asked':
      return `not asked: ${reading.why}`;
    case 'too-late':
      return `no answer in time: ${reading.why}`;
    case 'unreadable':
      return `could not be read: ${reading.why}`;
    default:
      return reading satisfies never;
  }
}

const showAge = (seconds: number): string =>
  seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/** Kleene's logic: https://en.wikipedia.org/wiki/Three-valued_logic#Kleene_and_Priest_logics */
export type Truth = 'yes' | 'no' | 'unknown';

export const truthOf = (holds: boolean): Truth => (holds ? 'yes' : 'no');

/** Of a reading: unknown where it is not known now. `test` may say itself that the value does not tell. */
export function holds<T>(reading: Reading<T> | undefined, test: (value: T) => boolean | Truth): Truth {
  if (reading?.is !== 'known') return 'unknown';
  const result = test(reading.value);
  return typeof result === 'boolean' ? truthOf(result) : result;
}

export const all = (...truths: readonly Truth[]): Truth => {
  if (truths.includes('no')) return 'no';
  return truths.includes('unknown') ? 'unknown' : 'yes';
};

export const any = (...truths: readonly Truth[]): Truth => {
  if (truths.includes('yes')) return 'yes';
  return truths.includes('unknown') ? 'unknown' : 'no';
};

export const not = (truth: Truth): Truth => {
  if (truth === 'unknown') return 'unknown';
  return truth === 'yes' ? 'no' : 'yes';
};
