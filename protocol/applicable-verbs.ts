// Which mutating verb can do anything in the state that the VM is known to be in, and why not: one table for the page, for what the server
// shows and for the press. It says no only where the host would certainly refuse or change nothing; a verb that would do harm is the
// business of triage. Plain: the page loads it.
import type { MutatingVerb } from './verbs.ts';
import { RUN_STATES, type RunState, type RunStateKind, runStateKind } from './vm-states.ts';

/** What is known of the VM now. What is old or was not told does not belong here: see `known-vm.ts` of the server's readings. */
export interface KnownVm {
  /** In QEMU's words, or `stopped`: see vm-states.ts. */
  readonly state: string;
  /** Of a QEMU that does not answer only the process is known: `running` is then qm's word for that. */
  readonly monitorAnswers: boolean;
  /** The lock of the configuration; `none`: there is none; undefined: the host did not say. */
  readonly lock: string | undefined;
}

export type Applicability =
  | { readonly applies: true }
  /** `why`: a sentence for a person. */
  | { readonly applies: false; readonly why: string };

type WhyNot = (vm: KnownVm) => string | undefined;

const says = ({ state }: KnownVm): string => RUN_STATES[state as RunState].says;

/**
 * `qm start` refuses where there is a QEMU process ("already running"), with one exception: of a VM that a backup holds it lets the
 * process run on. vm_start of https://git.proxmox.com/?p=qemu-server.git (PVE::QemuServer).
 */
const hasProcess: WhyNot = (vm) => {
  if (vm.lock === undefined || vm.lock === 'backup') return undefined;
  return vm.monitorAnswers
    ? `The VM ${says(vm)}, and its QEMU process is there: start would be refused.`
    : 'The VM has a QEMU process already, which does not answer: start would be refused.';
};

const START = { start: hasProcess } as const;

const WHY_NOT: Readonly<Record<RunStateKind, Readonly<Partial<Record<MutatingVerb, WhyNot>>>>> = {
  runs: {
    start: (vm) => (vm.monitorAnswers ? 'The VM runs already: start would change nothing.' : hasProcess(vm)),
  },
  off: {
    stop: () => 'The VM is stopped already: stop would change nothing.',
    reset: () => 'The VM is stopped: a reset needs a running VM. Use start.',
    // Of any other stopped VM a cycle is a start.
    cycle: ({ lock }) =>
      lock === 'suspended'
        ? 'The VM is suspended to disk: there is no process to end. Use start, which resumes it.'
        : undefined,
  },
  held: START,
  moving: START,
  left: START,
  asleep: START,
  storage: START,
  ended: START,
  broken: START,
  panicked: START,
  watchdog: START,
};

/** @param vm undefined: nothing is known, which forbids nothing; nor does a state that is not in the table */
export function applicability(vm: KnownVm | undefined, verb: MutatingVerb): Applicability {
  const kind = vm === undefined ? undefined : runStateKind(vm.state);
  if (vm === undefined || kind === undefined) return { applies: true };
  const why = WHY_NOT[kind][verb]?.(vm);
  return why === undefined ? { applies: true } : { applies: false, why };
}
