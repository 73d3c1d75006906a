// What the agent of one target can reach, and who judges what it wants. It knows this one target only.
import type { PolicyMode } from '../../protocol/approvals.ts';
import type { Guest } from '../guest/port.ts';
import type { Journal } from '../journal/port.ts';
import { verbBudget } from '../policy/budget.ts';
import type { VerbBudget } from '../policy/decide.ts';
import type { Power } from '../power/port.ts';
import type { Press } from '../press/press.ts';
import type { Diagnosis } from '../readings/diagnosis.ts';
import type { Target } from '../targets/target.ts';

export interface Hands {
  readonly guest: Guest;
  readonly power: Pick<Power, 'wait' | 'get'>;
  readonly press: Press;
  readonly triage: Diagnosis['triage'];
  readonly policyMode: () => PolicyMode;
  readonly verbBudget: () => Promise<VerbBudget>;
  /** True when the VM is known to be stopped; `start` then spends no budget. */
  readonly vmStopped: () => Promise<boolean>;
  /** Whose Shutdown holds the VM's lock; undefined where none does. */
  readonly shutdownBy: () => Promise<string | undefined>;
  /** What the VM and the power host are called as ssh hosts: the agent knows this one target only. */
  readonly targetAliases: { readonly vm: string; readonly powerHost: string };
}

export const handsOf = (target: Target, journal: Journal): Hands => ({
  guest: target.guest,
  power: target.power,
  press: target.press,
  triage: (cause) => target.diagnosis.triage(cause),
  policyMode: () => target.policy,
  verbBudget: () => verbBudget(journal, target.name),
  vmStopped: async () => (await target.state()).vm.state === 'stopped',
  shutdownBy: () => target.shutdownBy(),
  targetAliases: { vm: target.name, powerHost: 'pve' },
});
