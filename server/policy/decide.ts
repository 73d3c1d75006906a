// The policy table: may this actor do this now? A pure function. Whoever is told `ask` asks a person (server/approvals).
import type { Account, PolicyMode } from '../../protocol/approvals.ts';
import type { ActorType } from '../../protocol/operations.ts';
import { isMutating, type Verb } from '../../protocol/verbs.ts';

export type Action =
  | {
      readonly type: 'command';
      readonly account: Account;
      /** Whether a person has granted repair commands for now. */
      readonly granted: boolean;
    }
  | {
      readonly type: 'verb';
      readonly verb: Verb;
      /** Whether the VM is known to be stopped. Then `start` spends nothing of the budget, so that the agent cannot strand the VM. */
      readonly vmStopped?: boolean;
      /** Whose Shutdown holds the VM's lock now. A stop of ours would overrule it. */
      readonly shutdownBy?: string | undefined;
    };

/** When the agent ran mutating verbs on this target, in Unix milliseconds. */
export interface VerbBudget {
  readonly spentAt: readonly number[];
  readonly now: number;
}

export type Decision =
  | { readonly type: 'allow'; readonly spends: boolean }
  /** A person has to answer. */
  | { readonly type: 'ask'; readonly reason: string }
  | { readonly type: 'deny'; readonly reason: string };

/** What the agent may do without a person: one mutating verb in 15 minutes, three in a day. */
export const BUDGET = { windowMs: 15 * 60_000, perWindow: 1, dayMs: 24 * 3_600_000, perDay: 3 } as const;

const ALLOW: Decision = { type: 'allow', spends: false };

export function decide(mode: PolicyMode, actor: ActorType, action: Action, budget: VerbBudget): Decision {
  // The buttons of a person work in every mode. The server acts only on behalf of one.
  if (actor !== 'agent') return ALLOW;
  if (action.type === 'command') return decideCommand(mode, action);
  if (!isMutating(action.verb)) return ALLOW;
  if (action.shutdownBy !== undefined && mode !== 'observe')
    return {
      type: 'deny',
      reason: `A Shutdown by ${action.shutdownBy} is under way on the VM, and ${action.verb} would overrule it: that is for a person. Wait for its end, or say that an operator can press the button.`,
    };
  switch (mode) {
    case 'observe':
      return {
        type: 'deny',
        reason: `Policy is observe: the agent may not ${action.verb} the VM. An operator can press the button.`,
      };
    case 'ask':
      return { type: 'ask', reason: `Policy is ask: ${action.verb} needs a person's approval.` };
    case 'autonomous':
      if (action.verb === 'start' && action.vmStopped === true) return ALLOW;
      return withinBudget(budget)
        ? { type: 'allow', spends: true }
        : {
            type: 'ask',
            reason: `The agent's budget for mutating verbs is spent (one per 15 minutes, three a day). An operator can press the button.`,
          };
  }
}

function decideCommand(
  mode: PolicyMode,
  { account, granted }: Extract<Action, { type: 'command' }>,
): Decision {
  if (account === 'observer') return ALLOW;
  switch (mode) {
    case 'observe':
      return { type: 'deny', reason: 'Policy is observe: only commands as the observer account run.' };
    case 'ask':
      if (granted) return ALLOW;
      return {
        type: 'ask',
        reason: "Policy is ask: a command as the repair account needs a person's approval.",
      };
    case 'autonomous':
      return ALLOW;
  }
}

function withinBudget({ spentAt, now }: VerbBudget): boolean {
  const since = (ms: number): number => spentAt.filter((at) => now - at < ms).length;
  return since(BUDGET.windowMs) < BUDGET.perWindow && since(BUDGET.dayMs) < BUDGET.perDay;
}
