// What doctor says in words: the head of all links, the line in the frame, and in which order and groups the links stand. Pure.
import type { Doctor, Examination, Link, LinkCode, LinkState } from '../../../protocol/doctor.ts';
import type { StreamVerdict } from '../../../protocol/doctor-stream.ts';
import { withStream } from '../../../protocol/examination.ts';
import type { Tone } from './tone.ts';
import { capital, roughAge, roughSpan } from './words.ts';

export const LINK_TONE: Readonly<Record<LinkState, Tone>> = {
  works: 'ok',
  doubtful: 'warn',
  broken: 'bad',
  'not-checked': 'none',
  'not-used': 'none',
};
export const LINK_WORD: Readonly<Record<LinkState, string>> = {
  works: 'works',
  doubtful: 'doubtful',
  broken: 'broken',
  'not-checked': 'not checked',
  'not-used': 'not used',
};

/** Who looks at this page measures whether streams come through; the server cannot. A request that failed measured nothing. */
export type Measured = StreamVerdict | { readonly state: 'not-checked'; readonly detail: string };

/** The examination with what this browser has measured in it. */
export const withMeasured = (examination: Examination, measured: Measured | null): Examination => {
  if (measured === null) return examination;
  const seen = examination.links.find(({ code }) => code === 'edge-stream');
  // What could not be measured here takes nothing away.
  if (measured.state === 'not-checked' && seen?.state !== 'not-checked') return examination;
  return withStream(examination, {
    ...measured,
    detail: `${measured.detail} Measured from this browser.`,
  });
};

const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

/** Enough for an examination that is late because the console was busy or asleep. */
const LATE_MS = 30 * 60_000;
const DAY_MS = 24 * 3_600_000;

/** Nobody has looked when somebody should have, so what was seen is old. */
export const isOverdue = ({ last, next_at }: Doctor, nowMs: number): boolean => {
  if (last === null) return true;
  const due = next_at === null ? Date.parse(last.at) + DAY_MS : Date.parse(next_at);
  return nowMs > due + LATE_MS;
};

export interface Head {
  readonly tone: Tone;
  readonly words: string;
}

/** While this browser measures the stream, that link is neither a gap nor well. */
const isBeingMeasured = ({ code, state }: Link, measuring: boolean): boolean =>
  measuring && code === 'edge-stream' && state === 'not-checked';

export const headOf = ({ count, links }: Examination, measuring: boolean): Head => {
  const skipped = count['not-checked'] - links.filter((link) => isBeingMeasured(link, measuring)).length;
  if (count.broken > 0)
    return { tone: 'bad', words: `${many(count.broken, 'link is', 'links are')} broken.` };
  if (count.doubtful > 0)
    return {
      tone: 'warn',
      words: `No link is broken, ${many(count.doubtful, 'is', 'are')} doubtful.`,
    };
  if (skipped > 0)
    return {
      tone: 'none',
      words: `${many(count.works, 'link works', 'links work')}, ${many(skipped, 'was', 'were')} not checked.`,
    };
  return { tone: 'ok', words: count.works === 1 ? 'The one link works.' : `All ${count.works} links work.` };
};

/** When it was looked at, and when that is done next. */
export const checkedWords = (doctor: Doctor, nowMs: number): string => {
  const { last, next_at } = doctor;
  if (last === null) return 'Never checked.';
  const checked = `Checked ${roughAge(last.at, nowMs)}`;
  if (next_at === null) return `${checked}. It is not checked by itself.`;
  const left = Date.parse(next_at) - nowMs;
  if (left > 0) return `${checked}, next in ${roughSpan(left)}.`;
  return isOverdue(doctor, nowMs) ? `${checked}. The next check is overdue.` : `${checked}, next soon.`;
};

export interface FrameLine {
  readonly tone: Tone;
  readonly stale: boolean;
  readonly words: string;
}

/** Of one link where there are several targets: which target's it is. */
export const nameOf = ({ title, target }: Pick<Link, 'title' | 'target'>, several: boolean): string =>
  several && target !== undefined && !title.includes(target) ? `${title}, ${target}` : title;

/** What fits into two lines of a phone. */
const MOST_NAMED = 2;

/** The one quiet line in the page's frame. What only the browser can measure is no gap in it: the view does that. */
export const frameLine = (doctor: Doctor, several: boolean, nowMs: number): FrameLine => {
  const { last, running } = doctor;
  if (last === null)
    return running === null
      ? { tone: 'none', stale: false, words: 'Links never checked' }
      : { tone: 'busy', stale: false, words: 'The links are being checked' };
  const stale = isOverdue(doctor, nowMs);
  const when = roughAge(last.at, nowMs);
  const links = last.links.filter(({ code, state }) => code !== 'edge-stream' || state !== 'not-checked');
  const of = (wanted: LinkState) => links.filter(({ state }) => state === wanted);
  const named = (found: readonly Link[]): string => {
    const names = found.slice(0, MOST_NAMED).map((link) => nameOf(link, several));
    return names.join(', ') + (found.length > MOST_NAMED ? ` and ${found.length - MOST_NAMED} more` : '');
  };
  const [broken, doubtful, skipped] = [of('broken'), of('doubtful'), of('not-checked')];
  if (broken.length > 0)
    return {
      tone: 'bad',
      stale,
      words: `${many(broken.length, 'link', 'links')} broken, seen ${when}: ${named(broken)}`,
    };
  if (doubtful.length > 0)
    return {
      tone: 'warn',
      stale,
      words: `${many(doubtful.length, 'link', 'links')} doubtful, seen ${when}: ${named(doubtful)}`,
    };
  if (skipped.length > 0)
    return { tone: 'none', stale, words: `Links checked ${when}, ${skipped.length} could not be` };
  return { tone: 'ok', stale, words: `All links checked ${when}` };
};

/** The parts of the way from a phone at night to a VM that runs. */
const CHAINS = {
  console: 'This console',
  agent: 'Agent and model',
  vm: 'The VM',
  power: 'The power path',
  people: 'How people come in',
  leaves: 'What leaves',
  drill: 'Rehearsal',
} as const;
export type Chain = keyof typeof CHAINS;

/** A console of another version may know further codes. */
export const chainOf = (code: LinkCode): Chain => {
  const [head = ''] = code.split('-');
  switch (head) {
    case 'agent':
    case 'model':
      return 'agent';
    case 'vm':
    case 'power':
    case 'drill':
      return head;
    case 'edge':
      return 'people';
    case 'notify':
    case 'audit':
      return 'leaves';
    default:
      return 'console';
  }
};

const chainWords = (chain: Chain, target: string | undefined): string => {
  if (target === undefined) return CHAINS[chain];
  // A target may have a key of its own.
  return chain === 'console' ? `This console, for ${target}` : `${CHAINS[chain]} of ${target}`;
};

export interface LinkGroup {
  readonly key: string;
  readonly title: string;
  readonly links: readonly Link[];
  readonly words: string;
}

const URGENCY: readonly LinkState[] = ['broken', 'doubtful', 'not-checked'];

/** What a person should look at: broken first, then doubtful, then what could not be checked; within these in the order of the chain. */
export const toLookAt = ({ links }: Examination, measuring: boolean): readonly Link[] =>
  URGENCY.flatMap((wanted) =>
    links.filter((link) => link.state === wanted && !isBeingMeasured(link, measuring)),
  );

/** What is well or not used, by the part of the way it belongs to. */
export const calmGroups = ({ links }: Examination, measuring: boolean): readonly LinkGroup[] => {
  const calm = links.filter(
    (link) => link.state === 'works' || link.state === 'not-used' || isBeingMeasured(link, measuring),
  );
  const groups = new Map<string, Link[]>();
  for (const link of calm) {
    const key = `${link.target ?? ''} ${chainOf(link.code)}`;
    groups.set(key, [...(groups.get(key) ?? []), link]);
  }
  return [...groups].flatMap(([key, own]) => {
    const [first] = own;
    if (first === undefined) return [];
    const works = own.filter(({ state }) => state === 'works').length;
    const unused = own.filter(({ state }) => state === 'not-used').length;
    const measured = own.length - works - unused;
    const words = [
      ...(works > 0 ? [`${works} ${works === 1 ? 'works' : 'work'}`] : []),
      ...(unused > 0 ? [`${unused} not used`] : []),
      ...(measured > 0 ? [`${measured} being measured`] : []),
    ].join(', ');
    return [{ key, title: chainWords(chainOf(first.code), first.target), links: own, words }];
  });
};

/** The link that stands in the way of another: of the same target, else of the console. */
export const blockerOf = (link: Link, { links }: Examination): Link | undefined => {
  const named = links.filter(({ code }) => code === link.because);
  return (
    named.find(({ target }) => target === link.target) ?? named.find(({ target }) => target === undefined)
  );
};

/** For its element on the page. */
export const linkId = ({ code, target }: Pick<Link, 'code' | 'target'>): string =>
  target === undefined ? `link-${code}` : `link-${code}-${target}`;

const DRILL_STEP_WORDS = {
  links: 'Links',
  status: 'Status of the VM',
  triage: 'Triage',
  forensics: 'Forensics',
  evidence: 'Evidence read back',
  notification: 'Notification',
} as const;

/** A console of another version may walk further steps. */
export const drillStepWords = (name: string): string =>
  DRILL_STEP_WORDS[name as keyof typeof DRILL_STEP_WORDS] ?? capital(name);
