// The first run: whether this console is set up, what is to be done next, and whether the page opens with that. Pure.
import type { Doctor, Examination, Link, LinkCode } from '../../../protocol/doctor.ts';
import type { Me } from '../../../protocol/me.ts';
import { chainOf } from './doctor-words.ts';

/** Without these nobody gets a VM back. The model is not among them: power works without it. */
const ESSENTIAL: ReadonlySet<LinkCode> = new Set([
  'configuration',
  'data-directory',
  'ssh-key',
  'vm-route',
  'vm-repair',
  'power-route',
  'power-login',
  'power-junk',
  'power-status',
]);

/** In the order of the chain. */
export const essentialOf = ({ links }: Examination): readonly Link[] =>
  links.filter(({ code, state }) => ESSENTIAL.has(code) && state !== 'not-used');

/** What works in spite of a doubt is no hindrance on the first day. */
const isHindrance = ({ state }: Link): boolean => state === 'broken' || state === 'not-checked';

export const isSetUp = (examination: Examination): boolean => {
  const links = essentialOf(examination);
  return links.length > 0 && !links.some(isHindrance);
};

/** The one thing to do: the first that is broken, else the first that could not be looked at. Undefined: there is none. */
export const nextOf = (examination: Examination): Link | undefined => {
  const links = essentialOf(examination).filter(isHindrance);
  return links.find(({ state }) => state === 'broken') ?? links[0];
};

const RECHECK_MS = 15_000;
const RECHECK_MOST_MS = 300_000;

/**
 * Between two checks that nobody asked for, milliseconds. `times`: how many there were since anything changed. A login that is refused again
 * and again may get this console banned where it wants to come in.
 */
export const recheckPauseMs = (times: number): number => Math.min(RECHECK_MS * 2 ** times, RECHECK_MOST_MS);

/** What is in the way, as one word to compare. */
export const hindrancesOf = (examination: Examination): string =>
  essentialOf(examination)
    .filter(isHindrance)
    .map(({ code, state, target = '' }) => `${target}/${code}/${state}`)
    .join(' ');

/** The agent and its model, for whoever wants them. */
export const optionalOf = ({ links }: Examination): readonly Link[] =>
  links.filter(({ code }) => chainOf(code) === 'agent');

export interface Known {
  readonly me: Pick<Me, 'role' | 'lab' | 'keys'>;
  readonly doctor: Doctor;
  /** What this browser remembers of the checklist. */
  readonly remembered: 'begun' | 'dismissed' | null;
}

/**
 * Whether the page may open with the checklist, as far as it can be told without looking for sessions and operations: a console on which
 * anything was ever done is in use, and a machine that is down must not be mistaken for one that was never set up.
 */
export const looksNew = ({ me, doctor: { last }, remembered }: Known): boolean => {
  if (me.role !== 'operator' || me.lab !== null || remembered === 'dismissed') return false;
  if (last === null) return true;
  if (isSetUp(last)) return false;
  const powerWorked = last.links.some(({ code, state }) => code === 'power-status' && state === 'works');
  return remembered === 'begun' || !me.keys.present || !powerWorked;
};
