// What follows from the links of an examination, for whoever has them: server, page and command. It is apart from the schemas because the
// page loads none.
import type { Examination, Link } from './doctor.ts';

export function countOf(links: readonly Link[]): Examination['count'] {
  const count = { works: 0, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 };
  for (const { state } of links) count[state]++;
  return count;
}

/** What whoever comes in by the edge has measured of its event streams takes the place of what the console could not see. */
export function withStream(
  examination: Examination,
  measured: Pick<Link, 'state' | 'detail' | 'remedy'>,
): Examination {
  const links = examination.links.map((link): Link => {
    if (link.code !== 'edge-stream') return link;
    const { because: _, remedy: __, ...rest } = link;
    return { ...rest, ...measured };
  });
  return { ...examination, links, count: countOf(links) };
}
