// The rules: cautions stand beside any finding; of the findings the first match wins, so their order is part of them. A rule
// is a line of a table: to add one, add it at its place. What is advised and warned of follows from how QEMU behaves (docs: power host).
import type { Finding } from '../../protocol/triage.ts';
import type { Signals } from './signals.ts';

type Input = keyof typeof INPUTS;

export interface Rule extends Pick<Finding, 'code' | 'confidence' | 'advised' | 'warned'> {
  readonly when: (signals: Signals) => boolean;
  readonly summary: (signals: Signals) => string;
  readonly advice: string;
  /** What decided it. */
  readonly inputs: readonly Input[];
}

export interface Caution {
  readonly code: string;
  readonly when: (signals: Signals) => boolean;
  readonly text: (signals: Signals) => string;
}

/** How each signal is shown to a person. */
export const INPUTS = {
  'power host': (s: Signals) => (s.powerHost.reachable ? 'answers' : s.powerHost.detail),
  'VM state': (s: Signals) => s.vmState ?? 'not known',
  QMP: (s: Signals) => s.qmp ?? 'not known',
  SSH: (s: Signals) => (s.ssh.answers ? 'answers' : s.ssh.detail),
  'guest agent': (s: Signals) =>
    s.guestAgent === undefined ? 'not known' : s.guestAgent ? 'answers' : 'no answer',
  'disk in 2 s': (s: Signals) =>
    s.disk === undefined ? 'not known' : `${s.disk.read} bytes read, ${s.disk.written} written`,
  evidence: (s: Signals) => s.evidence ?? 'none',
} as const;

const inState =
  (...states: readonly string[]) =>
  (s: Signals): boolean =>
    s.vmState !== undefined && states.includes(s.vmState);
const flat = ({ disk }: Signals): boolean => disk !== undefined && disk.read === 0 && disk.written === 0;

export const CAUTIONS: readonly Caution[] = [
  {
    code: 'verb-in-progress',
    when: (s) => s.busy !== undefined,
    text: (s) =>
      `The host is carrying out a verb: ${s.busy}. Wait for its end; what is read meanwhile may be half-way.`,
  },
  {
    code: 'staged-configuration',
    when: (s) => s.staged.length > 0,
    text: (s) =>
      `Staged configuration is pending: ${s.staged.join(', ')}. Only cycle applies it; reset does not.`,
  },
];

export const RULES: readonly Rule[] = [
  {
    code: 'cold-case',
    when: (s) => !s.powerHost.reachable,
    summary: (s) =>
      `The power host does not answer: no verb can help from here.${s.ssh.answers ? ' The VM itself answers SSH.' : ''}`,
    ...{ confidence: 0.9, advised: null, warned: [] },
    advice: "Follow the runbook's cold path: look at the host's own console, its power and its network.",
    inputs: ['power host', 'SSH'],
  },
  {
    code: 'stopped',
    when: inState('stopped'),
    summary: () => 'The VM is stopped: there is no QEMU process.',
    ...{ confidence: 0.9, advised: 'start', warned: [] },
    advice:
      'Start it. If it stopped by itself, look in the host log for the reason (out of memory, a failed task).',
    inputs: ['VM state', 'SSH'],
  },
  {
    code: 'io-error',
    when: inState('io-error'),
    summary: () => "QEMU paused the VM because the host's storage reported an error.",
    ...{ confidence: 0.85, advised: null, warned: ['cycle', 'reset', 'stop'] },
    advice:
      'Fix the storage on the host first (pvesm status; lvs), then continue the VM there: qm resume VMID.',
    inputs: ['VM state', 'QMP'],
  },
  {
    code: 'paused',
    when: inState('paused', 'prelaunch', 'suspended'),
    summary: (s) => `The VM is ${s.vmState}: somebody or a backup holds it.`,
    ...{ confidence: 0.8, advised: null, warned: ['cycle', 'reset', 'stop'] },
    advice: 'If a backup is running, wait for it. Else a person resumes it on the host: qm resume VMID.',
    inputs: ['VM state', 'QMP'],
  },
  {
    code: 'guest-panicked',
    when: inState('guest-panicked'),
    summary: () => "The guest's kernel panicked.",
    ...{ confidence: 0.8, advised: 'reset', warned: [] },
    advice: 'Reset it. The screen in the evidence shows the panic.',
    inputs: ['VM state'],
  },
  {
    code: 'qemu-halted',
    when: inState('internal-error', 'shutdown'),
    summary: (s) => `QEMU halted the VM (${s.vmState}); this process will not run it again.`,
    ...{ confidence: 0.8, advised: 'cycle', warned: ['reset'] },
    advice: 'Cycle: a fresh QEMU process is needed.',
    inputs: ['VM state'],
  },
  {
    code: 'qemu-wedged',
    when: (s) => s.qmp === 'silent',
    summary: () =>
      'QEMU runs, but its monitor (QMP) does not answer: its main loop is wedged. That qm says "running" means nothing here.',
    ...{ confidence: 0.85, advised: 'cycle', warned: ['reset'] },
    advice:
      'Cycle: the wedged process has to be killed and replaced. A reset would be sent to a monitor that does not listen.',
    inputs: ['VM state', 'QMP', 'SSH'],
  },
  {
    code: 'block-path-stalled',
    // Sure only with the history of the disk; two samples cannot tell a stall from an idle guest that nobody can log in to.
    when: (s) => s.qmp === 'answers' && !s.ssh.answers && s.guestAgent !== true && flat(s),
    summary: () =>
      'Probably the block path inside QEMU is stalled: QMP answers, but the guest is dead to SSH and its disks moved nothing.',
    ...{ confidence: 0.7, advised: 'cycle', warned: ['reset'] },
    advice:
      'Cycle, never reset: a reset keeps the wedged process and makes it worse. Forensics are captured first.',
    inputs: ['QMP', 'SSH', 'guest agent', 'disk in 2 s', 'evidence'],
  },
  {
    code: 'guest-network-or-sshd',
    when: (s) => s.guestAgent === true && !s.ssh.answers,
    summary: () => 'The guest lives (its agent answers), but SSH does not: its network or its sshd.',
    ...{ confidence: 0.9, advised: null, warned: ['cycle', 'reset', 'stop'] },
    advice: "Repair it on the VM's console: qm terminal VMID on the host, or the Proxmox web console.",
    inputs: ['guest agent', 'SSH', 'QMP'],
  },
  {
    code: 'repair-in-guest',
    when: (s) => s.ssh.answers,
    summary: () => 'The VM answers SSH: what is wrong is inside the guest, and can be repaired there.',
    ...{ confidence: 0.95, advised: null, warned: [] },
    advice:
      'No power verb. Look inside: ask the agent, or log in (df -h, systemctl --failed, journalctl -p err -b).',
    inputs: ['SSH', 'VM state', 'QMP'],
  },
];

/** When no rule fits: said, with everything that was seen, and nothing advised. */
export const NOT_KNOWN: Omit<Rule, 'when'> = {
  code: 'not-known',
  summary: () => 'None of the known failures fits what was seen.',
  ...{ confidence: 0, advised: null, warned: [] },
  advice: "Look at the inputs and the evidence, and at the VM's console, before pressing anything.",
  inputs: Object.keys(INPUTS) as Input[],
};
