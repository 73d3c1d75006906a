// People whom the edge counts to one group only look. The group stands where the edge names its people: in a header that the trusted proxy
// sets, or in a claim of the JWT that it signs. What cannot be read for certain makes an observer, never an operator.
import type { JWTPayload } from 'jose';
import { comesWith, type DistinctHeaders, onlyValueOf } from './proxies.ts';

export interface ObserverGroup {
  /** The header, in lower case, or the claim. */
  readonly in: string;
  readonly group: string;
}

/** Of a person whom the edge names. */
export type EdgeRole = 'operator' | 'observer';

/** Authentik joins groups with |, Authelia with commas, others with semicolons. No group that is configured has one of these in its name. */
const SEPARATORS = /[|,;]/;

export function roleInHeaders(observers: ObserverGroup | undefined, headers: DistinctHeaders): EdgeRole {
  if (observers === undefined || !comesWith(headers, observers.in)) return 'operator';
  const groups = onlyValueOf(headers, observers.in);
  return groups === undefined || has(groups, observers.group) ? 'observer' : 'operator';
}

export function roleInClaims(observers: ObserverGroup | undefined, payload: JWTPayload): EdgeRole {
  const groups = observers === undefined ? undefined : payload[observers.in];
  if (observers === undefined || groups === undefined || groups === null) return 'operator';
  if (typeof groups === 'string') return has(groups, observers.group) ? 'observer' : 'operator';
  if (!Array.isArray(groups) || groups.some((each) => typeof each !== 'string')) return 'observer';
  return groups.includes(observers.group) ? 'observer' : 'operator';
}

/** Node reads a header's bytes as Latin-1; a proxy may have meant UTF-8. */
const has = (groups: string, group: string): boolean =>
  [groups, Buffer.from(groups, 'latin1').toString('utf8')].some((text) =>
    text.split(SEPARATORS).some((each) => each.trim() === group),
  );
