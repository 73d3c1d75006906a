// Doctor: one examination at a time, shared by all who ask; the last one is kept; once a day it looks by itself. What broke or works again
// since the one before is an event, of which people are notified.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import type { Doctor as DoctorState, Examination, Link } from '../../protocol/doctor.ts';
import { countOf } from '../../protocol/examination.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Journal } from '../journal/port.ts';
import { BOUNDS, type Bounds, examine, inOrder } from './examine.ts';
import type { KeptExamination } from './kept.ts';
import type { Chain } from './link.ts';
import { known, newsOf } from './news.ts';

export interface Doctor {
  show(): DoctorState;
  /**
   * Looks at all links, or at those of one target and of the console itself. Whoever asks while this is under way gets its result. Rejects only
   * with `shutting-down`.
   */
  examine(by: Actor, target?: TargetName): Promise<Examination>;
  close(): Promise<void>;
}

export interface DoctorParts {
  /** Fresh for every examination. @param target only of this one, and of the console itself */
  readonly chains: (target: TargetName | undefined) => readonly Chain[];
  readonly targets: readonly TargetName[];
  readonly kept: KeptExamination;
  readonly journal: Pick<Journal, 'append'> | undefined;
  /** Hours between two examinations that nobody asked for; undefined: there are none. */
  readonly everyHours: number | undefined;
  readonly logger: Logger;
  readonly bounds?: Bounds;
  readonly now?: () => number;
  /** From the start to an examination that is due already. */
  readonly firstAfterMs?: number;
}

/** Not while the start has other things to do. */
const FIRST_AFTER_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

interface Running {
  readonly target: TargetName | undefined;
  readonly since: string;
  readonly result: Promise<Examination>;
}

export function startDoctor(parts: DoctorParts): Doctor {
  const { targets, kept, journal, logger, now = Date.now, bounds = BOUNDS } = parts;
  const closing = new AbortController();
  let last = kept.read();
  /** What each link was when it was really looked at. */
  let before: readonly Link[] = last?.links ?? [];
  let running: Running | undefined;
  const startedMs = now();
  const everyMs = parts.everyHours === undefined ? undefined : parts.everyHours * HOUR_MS;
  /** Unix milliseconds; undefined: it does not look by itself. */
  function nextAtMs(): number | undefined {
    if (everyMs === undefined) return undefined;
    const lastMs = last === undefined ? undefined : Date.parse(last.at);
    // What lies ahead was written by a clock that has been set back since: nobody waits for that time to come again.
    const due = lastMs === undefined || lastMs > now() ? 0 : lastMs + everyMs;
    return startedMs > now()
      ? Math.max(due, now())
      : Math.max(due, startedMs + (parts.firstAfterMs ?? FIRST_AFTER_MS));
  }

  async function run(by: Actor, target: TargetName | undefined, at: string): Promise<Examination> {
    const startedAt = performance.now();
    const links = await examine(parts.chains(target), bounds, closing.signal);
    if (closing.signal.aborted) throw shuttingDown();
    const took_ms = Math.round(performance.now() - startedAt);
    const examination: Examination = { at, took_ms, by, links: [...links], count: countOf(links) };
    keep(examination, target);
    await record(examination);
    return examination;
  }

  /** One target alone says nothing of the others: what was seen of them stays, and so does the moment of the whole. */
  function keep(examination: Examination, target: TargetName | undefined): void {
    if (target === undefined || targets.length === 1) last = examination;
    else if (last !== undefined) {
      const others = last.links.filter((link) => link.target !== undefined && link.target !== target);
      const links = inOrder([...examination.links, ...others], targets);
      last = { ...last, links: [...links], count: countOf(links) };
    }
    if (last !== undefined) kept.write(last);
  }

  async function record({ by, links, count }: Examination): Promise<void> {
    const news = newsOf(links, before);
    const looked = known(links, before);
    before = [...before.filter((link) => !looked.some((each) => isSame(each, link))), ...looked];
    for (const { code, target } of news.newly_broken) logger.warn({ code, target }, 'a link broke');
    await journal
      ?.append([{ kind: 'examined', count, ...news, actor: by }])
      .catch((error: unknown) => logger.warn({ err: error }, 'an examination is not recorded'));
  }

  async function ask(by: Actor, target: TargetName | undefined): Promise<Examination> {
    while (running !== undefined) {
      const { target: of, result } = running;
      // A whole one tells of each target, and of one target only the same.
      if (of === undefined || of === target) return ofTarget(await result, target);
      await result.catch(() => undefined);
    }
    if (closing.signal.aborted) throw shuttingDown();
    const since = new Date(now()).toISOString();
    const result = run(by, target, since).finally(() => {
      running = undefined;
    });
    running = { target, since, result };
    return result;
  }

  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);

  async function lookByItself(): Promise<void> {
    for (let at = nextAtMs(); at !== undefined && !closing.signal.aborted; at = nextAtMs()) {
      // In steps, because somebody may have looked meanwhile.
      if (at > now()) {
        await pause(Math.min(at - now(), HOUR_MS));
        continue;
      }
      await ask(SERVER, undefined).catch((error: unknown) => {
        if (closing.signal.aborted) return;
        logger.error({ err: error }, 'the examination failed');
        return pause(HOUR_MS);
      });
    }
  }
  const looking = lookByItself();

  return {
    show: () => ({
      last: last ?? null,
      running: running === undefined ? null : { since: running.since },
      next_at: asInstant(nextAtMs()),
    }),
    examine: (by, target) => ask(by, target),
    async close() {
      closing.abort();
      await running?.result.catch(() => undefined);
      await looking;
    },
  };
}

const shuttingDown = (): BreakglassError =>
  new BreakglassError('shutting-down', 'The server is shutting down.');

const asInstant = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

const isSame = (a: Link, b: Link): boolean => a.code === b.code && a.target === b.target;

/** A part of a whole one, for whoever asked for one target. */
function ofTarget(whole: Examination, target: TargetName | undefined): Examination {
  if (target === undefined) return whole;
  const links = whole.links.filter((link) => link.target === undefined || link.target === target);
  return { ...whole, links, count: countOf(links) };
}
