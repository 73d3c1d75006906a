// A link as a value: its code, what it needs, and how it is looked at. A look changes nothing.
import type { LinkCode, LinkState } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';

/** What was seen of a link. */
export interface Seen {
  readonly state: LinkState;
  /** A sentence for a person. Never a secret, nor a part of one. */
  readonly detail: string;
  /** Exactly what to do. */
  readonly remedy?: string;
}

export interface LinkLook {
  readonly code: LinkCode;
  /** A few words. */
  readonly title: string;
  /** Of its own target, or of the console itself: where one of them is broken, this link is not looked at. */
  readonly needs: readonly LinkCode[];
  /** What it throws is a verdict too, and so is a look that takes longer than its limit: see examine.ts. */
  readonly look: (signal: AbortSignal) => Promise<Seen>;
  /** Default 15 s. */
  readonly limitMs?: number;
}

/** Links that are looked at one after the other. Chains are looked at side by side. */
export interface Chain {
  /** Absent: of the console itself. */
  readonly target?: TargetName;
  readonly links: readonly LinkLook[];
  /** Gives back what the looks of one examination share. */
  readonly end?: () => Promise<void>;
}

export const works = (detail: string): Seen => ({ state: 'works', detail });
export const doubtful = (detail: string, remedy: string): Seen => ({ state: 'doubtful', detail, remedy });
export const broken = (detail: string, remedy: string): Seen => ({ state: 'broken', detail, remedy });
export const notUsed = (detail: string): Seen => ({ state: 'not-used', detail });
/** Nobody could look from here. */
export const notChecked = (detail: string, remedy?: string): Seen => ({
  state: 'not-checked',
  detail,
  ...(remedy === undefined ? {} : { remedy }),
});

export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? cause.message || error.message : error.message;
};
