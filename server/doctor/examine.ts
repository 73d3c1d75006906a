// Walks the chains of one examination. Whatever a look does, a link gets a verdict: a look that hangs is broken, one that throws could
// not be made, and what needs a broken link is not looked at.
import type { Link, LinkCode } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import { LINK_CODES } from '../../protocol/link-codes.ts';
import { type Chain, type LinkLook, reasonOf, type Seen } from './link.ts';

export interface Bounds {
  /** For one look that has no limit of its own. */
  readonly lookMs: number;
  /** For the whole: below the minute for which an edge waits for an answer. What was not looked at by then is not checked. */
  readonly wholeMs: number;
  /** How many targets are looked at at once: each has two chains, and an ssh process at most in each. */
  readonly targetsAtOnce: number;
}

export const BOUNDS: Bounds = { lookMs: 15_000, wholeMs: 55_000, targetsAtOnce: 4 };

/** The links of the console itself first, then target by target, each in the order of LINK_CODES. */
export async function examine(
  chains: readonly Chain[],
  bounds: Bounds = BOUNDS,
  closing: AbortSignal = new AbortController().signal,
): Promise<readonly Link[]> {
  const verdicts = new Map<string, PromiseWithResolvers<Link>>();
  for (const { target, links } of chains)
    for (const { code } of links) verdicts.set(keyOf(code, target), Promise.withResolvers());
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), bounds.wholeMs);
  const stopped = AbortSignal.any([over.signal, closing]);

  const verdictOf = (code: LinkCode, target: TargetName | undefined): Promise<Link> | undefined =>
    (verdicts.get(keyOf(code, target)) ?? verdicts.get(keyOf(code, undefined)))?.promise;

  async function walk({ target, links, end }: Chain): Promise<void> {
    for (const link of links) {
      const needed = await Promise.all(link.needs.map(async (code) => verdictOf(code, target)));
      const startedAt = performance.now();
      const standing = standsInTheWay(needed);
      const seen = standing ?? (await look(link, bounds, stopped));
      verdicts.get(keyOf(link.code, target))?.resolve({
        code: link.code,
        ...(target === undefined ? {} : { target }),
        title: link.title,
        ...seen,
        docs: `docs/doctor.md#${link.code}`,
        ...(standing === undefined ? { took_ms: Math.round(performance.now() - startedAt) } : {}),
      });
    }
    // What is left behind by it is no verdict.
    await end?.().catch(() => undefined);
  }

  const ofTargets = Map.groupBy(
    chains.filter(({ target }) => target !== undefined),
    ({ target }) => target,
  );
  await Promise.all([
    ...chains.filter(({ target }) => target === undefined).map(walk),
    atMost(bounds.targetsAtOnce, [...ofTargets.values()], (those) => Promise.all(those.map(walk))),
  ]).finally(() => clearTimeout(timer));

  return inOrder(await Promise.all([...verdicts.values()].map(({ promise }) => promise)), [
    ...ofTargets.keys(),
  ]);
}

/** The console's own first, then target by target as they are given; each in the order of LINK_CODES. */
export function inOrder(
  links: readonly Link[],
  targets: readonly (TargetName | undefined)[],
): readonly Link[] {
  const order = [undefined, ...targets];
  const place = ({ code, target }: Link): number =>
    order.indexOf(target) * LINK_CODES.length + LINK_CODES.indexOf(code);
  return links.toSorted((a, b) => place(a) - place(b));
}

const keyOf = (code: LinkCode, target: TargetName | undefined): string => `${target ?? ''}/${code}`;

/** What is broken, or was not looked at itself, hides what needs it; what is not used is not needed. */
function standsInTheWay(
  needed: readonly (Link | undefined)[],
): (Seen & { readonly because?: LinkCode }) | undefined {
  const unused = needed.find((link) => link?.state === 'not-used');
  if (unused !== undefined) return { state: 'not-used', detail: unused.detail };
  const inTheWay = needed.find((link) => link?.state === 'broken' || link?.state === 'not-checked');
  if (inTheWay === undefined) return undefined;
  const because = inTheWay.because ?? inTheWay.code;
  return {
    state: 'not-checked',
    because,
    detail: `Not checked because ${because} ${inTheWay.state === 'broken' || inTheWay.because !== undefined ? 'is broken' : 'was not checked'}.`,
  };
}

async function look(link: LinkLook, bounds: Bounds, stopped: AbortSignal): Promise<Seen> {
  if (stopped.aborted) return late(bounds);
  const limitMs = link.limitMs ?? bounds.lookMs;
  const own = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Seen>();
  const timer = setTimeout(() => {
    resolve({
      state: 'broken',
      detail: `No answer within ${limitMs / 1_000} s.`,
      remedy: 'Look again. If it stays so, something there hangs: see the page of this link.',
    });
    own.abort();
  }, limitMs);
  const onStop = (): void => {
    resolve(late(bounds));
    own.abort();
  };
  stopped.addEventListener('abort', onStop, { once: true });
  try {
    return await Promise.race([link.look(own.signal), promise]);
  } catch (error) {
    return { state: 'not-checked', detail: `It could not be looked at: ${reasonOf(error)}` };
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener('abort', onStop);
  }
}

const late = ({ wholeMs }: Bounds): Seen => ({
  state: 'not-checked',
  detail: `The examination ended after ${wholeMs / 1_000} s, before this was known. Look at one target alone.`,
});

async function atMost<T>(
  count: number,
  items: readonly T[],
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: count }, worker));
}
