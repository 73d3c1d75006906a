// The table of rules. Of the findings the first match wins, so their order is part of them: who holds the VM, what state it is in,
// what QEMU and its disks do, and last the guest itself. To add a rule, add it at its place, and a case that fails without it.
import { sshSays } from './headline.ts';
import { INPUTS, type Input } from './inputs.ts';
import { GUEST_RULES } from './rules/guest.ts';
import { HOST_RULES } from './rules/host.ts';
import { QEMU_RULES } from './rules/qemu.ts';
import type { Rule } from './rules/rule.ts';
import { STATE_RULES } from './rules/states.ts';

export const RULES: readonly Rule[] = [...HOST_RULES, ...STATE_RULES, ...QEMU_RULES, ...GUEST_RULES];

/** When no rule fits: said, with everything that was seen, and nothing advised. */
export const NOT_KNOWN: Omit<Rule, 'when'> = {
  name: 'nothing fits',
  code: 'not-known',
  word: 'Not known',
  headline: (s) => `The cause is not known. ${sshSays(s)}`,
  summary: () => 'None of the known failures fits what was seen.',
  confidence: 0,
  advised: null,
  warned: [],
  advice: () => "Look at the inputs and the evidence, and at the VM's console, before pressing anything.",
  inputs: Object.keys(INPUTS) as Input[],
};
