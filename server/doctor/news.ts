// What an examination says that the one before did not. Pure.
import type { Link, LinkName } from '../../protocol/doctor.ts';

export interface News {
  readonly broken: LinkName[];
  /** Worked, or was doubtful, when it was looked at before. */
  readonly newly_broken: LinkName[];
  /** Was broken when it was looked at before. */
  readonly mended: LinkName[];
}

const keyOf = ({ code, target }: LinkName): string => `${target ?? ''}/${code}`;
const nameOf = ({ code, target }: Link): LinkName => ({ code, ...(target === undefined ? {} : { target }) });
const isWell = ({ state }: Pick<Link, 'state'>): boolean => state === 'works' || state === 'doubtful';

export function newsOf(links: readonly Link[], before: readonly Link[]): News {
  const stateBefore = new Map(before.map((link) => [keyOf(link), link]));
  const was = (link: Link): Link | undefined => stateBefore.get(keyOf(link));
  const broken = links.filter(({ state }) => state === 'broken');
  return {
    broken: broken.map(nameOf),
    newly_broken: broken
      .filter((link) => {
        const earlier = was(link);
        return earlier !== undefined && isWell(earlier);
      })
      .map(nameOf),
    mended: links.filter((link) => isWell(link) && was(link)?.state === 'broken').map(nameOf),
  };
}

/** A state that says less than one before: what is not checked now, because something else is in the way, keeps what was known of it. */
export function known(links: readonly Link[], before: readonly Link[]): readonly Link[] {
  const stateBefore = new Map(before.map((link) => [keyOf(link), link]));
  return links.map((link) => (link.state === 'not-checked' ? (stateBefore.get(keyOf(link)) ?? link) : link));
}
