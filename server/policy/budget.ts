// How much of its budget for mutating verbs the agent has spent. Read from the journal, so that it survives a restart.

import type { TargetName } from '../../protocol/ids.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import type { VerbBudget } from './decide.ts';
import { BUDGET } from './decide.ts';

export async function verbBudget(
  journal: Journal,
  target: TargetName,
  now: number = Date.now(),
): Promise<VerbBudget> {
  const spentAt: number[] = [];
  for await (const event of readAll(journal, { target, kinds: ['power_started'] })) {
    const at = Date.parse(event.at);
    // `start` spends nothing: the agent must not strand a VM that it has stopped.
    if (
      event.kind === 'power_started' &&
      event.by.type === 'agent' &&
      isMutating(event.verb) &&
      event.verb !== 'start' &&
      now - at < BUDGET.dayMs
    )
      spentAt.push(at);
  }
  return { spentAt, now };
}
