// The targets of this console by their names, and the gentle look at all of them for a list.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationId } from '../../protocol/ids.ts';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import type { TargetsAnswer } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TargetsConfig } from '../config/targets.ts';
import type { Target } from './target.ts';

export interface Targets {
  readonly default: Target;
  readonly all: readonly Target[];
  /** Throws `unknown-target`, with the names of all targets. */
  named(name: string): Target;
  find(name: TargetName): Target | undefined;
  /** All targets with what is known of them within 2 s. Meanwhile their hosts are asked again, a few at a time. */
  list(): Promise<TargetsAnswer>;
  /** An operation, and the target that it belongs to. */
  operation(id: OperationId): Promise<{ readonly target: Target; readonly operation: Operation } | undefined>;
  close(): Promise<void>;
}

/** A list must not become a flood of ssh processes on a small machine. */
const LOOKS_AT_ONCE = 4;
const LIST_PATIENCE_MS = 1_500;

export function createTargets(
  config: TargetsConfig,
  create: (each: TargetsConfig['all'][number]) => Target,
): Targets {
  const all = config.all.map(create);
  const byName = new Map(all.map((target) => [target.name, target]));
  const chosen = byName.get(config.default);
  if (chosen === undefined) throw new Error(`the default target ${config.default} is not among the targets`);
  const glances = createGlances();
  return {
    default: chosen,
    all,
    find: (name) => byName.get(name),
    named(text) {
      const name = parseTargetName(text);
      const target = name === undefined ? undefined : byName.get(name);
      if (target !== undefined) return target;
      throw new BreakglassError(
        'unknown-target',
        `There is no target ${JSON.stringify(text.slice(0, 40))}. Known: ${[...byName.keys()].join(', ')}.`,
      );
    },
    async list() {
      const patience = new AbortController();
      const overdue = sleep(LIST_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([Promise.all(all.map((target) => glances.look(target))), overdue]);
      patience.abort();
      return { default: chosen.name, targets: all.map((target) => target.known()) };
    },
    async operation(id) {
      for (const target of all) {
        const operation = await target.power.get(id);
        if (operation?.target === target.name) return { target, operation };
      }
      return undefined;
    },
    async close() {
      await Promise.all(all.map((target) => target.close()));
    },
  };
}

/** Limits the looks that run at once. There is one look at a target at a time, however many lists want it. */
function createGlances(): { look(target: Target): Promise<void> } {
  const waiting: (() => void)[] = [];
  const looking = new Map<TargetName, Promise<void>>();
  let free = LOOKS_AT_ONCE;
  const take = async (): Promise<void> => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const giveBack = (): void => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  const look = async (target: Target): Promise<void> => {
    await take();
    try {
      await target.glance();
    } finally {
      giveBack();
    }
  };
  return {
    look(target) {
      const running =
        looking.get(target.name) ??
        look(target)
          .catch(() => undefined)
          .finally(() => looking.delete(target.name));
      looking.set(target.name, running);
      return running;
    },
  };
}
