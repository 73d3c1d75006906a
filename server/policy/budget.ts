// How much of its budget for mutating verbs the agent has spent. Read from the journal, so that it survives a restart.

import { eventId, type TargetName } from '../../protocol/ids.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { Journal } from '../journal/port.ts';
import type { VerbBudget } from './decide.ts';
import { BUDGET } from './decide.ts';

export async function verbBudget(
  journal: Journal,
  target: TargetName,
  now: number = Date.now(),
): Promise<VerbBudget> {
  const spentAt: number[] = [];
  let after = eventId(0);
  for (;;) {
    const page = await journal.read({ target, kinds: ['power_started'] }, after, 500);
    for (const event of page) {
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
    const last = page.at(-1)?.id;
    if (last === undefined) return { spentAt, now };
    after = last;
  }
}
