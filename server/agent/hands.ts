// What the agent of one target can reach, and who judges what it wants. It knows this one target only.
import type { PolicyMode } from '../../protocol/approvals.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Guest } from '../guest/port.ts';
import type { Journal } from '../journal/port.ts';
import { verbBudget } from '../policy/budget.ts';
import type { VerbBudget } from '../policy/decide.ts';
import type { Power } from '../power/port.ts';
import type { Press } from '../press/press.ts';
import type { Diagnosis } from '../readings/diagnosis.ts';
import type { Target } from '../targets/target.ts';
import type { CapturePaces } from './capture-pace.ts';

export interface Hands {
  readonly guest: Guest;
  readonly target: TargetName;
  readonly power: Pick<Power, 'wait' | 'get' | 'checkFree' | 'lastChange'>;
  readonly press: Press;
  readonly triage: Diagnosis['triage'];
  /** What holds in a session, to be read at any later moment. */
  readonly policy: (session: SessionId) => Promise<() => { mode: PolicyMode; granted: boolean }>;
  /** Asks a person, and waits for the answer. */
  readonly ask: Approvals['ask'];
  readonly captures: CapturePaces;
  readonly verbBudget: () => Promise<VerbBudget>;
  /** True when the VM is known to be stopped; `start` then spends no budget. */
  readonly vmStopped: () => Promise<boolean>;
  /** Whose Shutdown holds the VM's lock; undefined where none does. */
  readonly shutdownBy: () => Promise<string | undefined>;
  /** What the VM and the power host are called as ssh hosts: the agent knows this one target only. */
  readonly targetAliases: { readonly vm: string; readonly powerHost: string };
}

export const handsOf = (
  target: Target,
  { journal, approvals, captures }: { journal: Journal; approvals: Approvals; captures: CapturePaces },
): Hands => ({
  target: target.name,
  guest: target.guest,
  power: target.power,
  press: target.press,
  triage: (cause) => target.diagnosis.triage(cause),
  policy: (session) => approvals.policies.reader({ id: session, target: target.name }),
  ask: (question) => approvals.ask(question),
  captures,
  verbBudget: () => verbBudget(journal, target.name),
  vmStopped: async () => (await target.state()).vm.state === 'stopped',
  shutdownBy: () => target.shutdownBy(),
  targetAliases: { vm: target.name, powerHost: 'pve' },
});
